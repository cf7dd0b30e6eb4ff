// Builds element trees from parser callbacks. Internal to the stream parser.
#pragma once

#include <string_view>
#include <vector>

#include "xmpp/arena.h"
#include "xmpp/element.h"
#include "xmpp/namespaces.h"

namespace rookery::xmpp {

/// Strings given here were checked before (check_text), names come from an XML parser.
class TreeBuilder {
 public:
  size_t depth() const { return open_.size(); }
  /// What the namespaces of the tree take: as often as they are written out.
  size_t namespace_bytes() const { return namespace_bytes_; }

  void start(std::string_view name, std::string_view ns) {
    Element* parent = open_.empty() ? nullptr : open_.back();
    Element* node = parent ? parent->arena_->new_node() : Arena::make_root();
    Arena& arena = *node->arena_;
    node->name_ = arena.intern(name);
    if (parent && parent->ns_ == ns) {
      node->ns_ = parent->ns_;
    } else {
      node->ns_ = arena.intern(ns);
      namespace_bytes_ += ns.size();
    }
    if (parent)
      append(*parent, node);
    else
      root_.reset(node);
    open_.push_back(node);
  }

  /// Of the element started last. The parser refuses duplicates, so none are looked for.
  void attribute(std::string_view name, std::string_view ns, std::string_view value) {
    Element& node = *open_.back();
    Arena& arena = *node.arena_;
    auto* attribute = arena.new_attribute();
    attribute->name = ns == ns::xml ? arena.intern(std::string("xml:").append(name)) : arena.intern(name);
    attribute->ns = ns == ns::xml ? std::string_view("") : arena.intern(ns);
    attribute->value = arena.copy(value);
    namespace_bytes_ += ns.size();
    (node.last_attribute_ ? node.last_attribute_->next : node.attributes_) = attribute;
    node.last_attribute_ = attribute;
  }

  /// Text comes in pieces; neighbours become one node.
  void text(std::string_view piece) {
    Element& node = *open_.back();
    Arena& arena = *node.arena_;
    if (node.last_ && node.last_->is_text()) {
      extend(arena, *node.last_, piece);
      return;
    }
    Element* child = arena.new_node();
    child->text_ = arena.copy(piece);
    append(node, child);
  }

  /// The tree when this closed its root, else null.
  ElementPtr end() {
    open_.pop_back();
    if (!open_.empty()) return nullptr;
    namespace_bytes_ = 0;
    return std::move(root_);
  }

  void clear() {
    open_.clear();
    root_.reset();
    namespace_bytes_ = 0;
  }

  /// Roots can stand in a queue, linked through the pointer that only children use otherwise.
  static void link(Element& root, Element* next) { root.next_ = next; }

 private:
  static void append(Element& parent, Element* child) {
    (parent.last_ ? parent.last_->next_ : parent.first_) = child;
    parent.last_ = child;
  }

  /// In place while the text lies at the arena's end; else it moves, with blocks that double.
  static void extend(Arena& arena, Element& node, std::string_view piece) {
    const std::string_view old = node.text_;
    const bool at_end = old.data() + old.size() == arena.cursor;
    if (at_end && static_cast<size_t>(arena.end - arena.cursor) >= piece.size()) {
      std::memcpy(arena.cursor, piece.data(), piece.size());
      arena.cursor += piece.size();
      node.text_ = {old.data(), old.size() + piece.size()};
      return;
    }
    // Room for as much again, so that many small pieces are not copied each time.
    char* to = arena.characters((old.size() + piece.size()) * 2);
    std::memcpy(to, old.data(), old.size());
    std::memcpy(to + old.size(), piece.data(), piece.size());
    node.text_ = {to, old.size() + piece.size()};
    arena.cursor = to + node.text_.size();
  }

  ElementPtr root_;
  std::vector<Element*> open_;
  size_t namespace_bytes_ = 0;
};

}  // namespace rookery::xmpp
