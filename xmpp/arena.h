// The memory of one stanza: blocks that are bumped through and freed together. Internal to the element tree.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

#include "xmpp/element.h"
#include "xmpp/intern.h"

namespace rookery::xmpp {

/// Lies at the start of its first block, the root element right behind it.
struct Arena {
  struct Block {
    Block* next = nullptr;
    size_t size = 0;
  };
  static constexpr size_t kFirstBlock = 2048;  ///< holds a usual message; such blocks are recycled per thread
  static constexpr size_t kLargestBlock = 256 * 1024;

  /// An arena with a root that has no name yet. With `content` its only block is made for that many bytes.
  static Element* make_root(size_t content = 0);
  static void destroy(Element* root) noexcept;
  /// Bytes that a node, an attribute or a string takes: what clone() adds up.
  static size_t size_of(const Element& node);

  void* allocate(size_t bytes) {
    const size_t padding = -reinterpret_cast<uintptr_t>(cursor) & 7;
    if (static_cast<size_t>(end - cursor) < bytes + padding)
      grow(bytes);
    else
      cursor += padding;
    void* result = cursor;
    cursor += bytes;
    return result;
  }
  char* characters(size_t bytes) {
    if (static_cast<size_t>(end - cursor) < bytes) grow(bytes);
    char* result = cursor;
    cursor += bytes;
    return result;
  }
  std::string_view copy(std::string_view text) {
    if (text.empty()) return "";
    char* to = characters(text.size());
    std::memcpy(to, text.data(), text.size());
    return {to, text.size()};
  }
  /// For names and namespaces.
  std::string_view intern(std::string_view text) {
    const auto known = well_known(text);
    return known.data() ? known : copy(text);
  }
  Element* new_node() {
    auto* node = new (allocate(sizeof(Element))) Element();
    node->arena_ = this;
    return node;
  }
  Element::Attribute* new_attribute() { return new (allocate(sizeof(Element::Attribute))) Element::Attribute(); }

  Block* blocks = nullptr;  ///< newest first; the last one holds this object
  char* cursor = nullptr;
  char* end = nullptr;
  size_t next_size = kFirstBlock * 2;

 private:
  void grow(size_t bytes);
};

/// A stack that needs no heap for the depths that stanzas have, and no recursion for those they must not have.
template <typename T>
class NodeStack {
 public:
  bool empty() const { return size_ == 0; }
  T& top() { return size_ <= kInline ? inline_[size_ - 1] : more_.back(); }
  void push(T value) {
    if (size_ < kInline)
      inline_[size_] = value;
    else
      more_.push_back(value);
    ++size_;
  }
  void pop() {
    if (size_ > kInline) more_.pop_back();
    --size_;
  }

 private:
  static constexpr size_t kInline = 32;
  T inline_[kInline];
  std::vector<T> more_;
  size_t size_ = 0;
};

}  // namespace rookery::xmpp
