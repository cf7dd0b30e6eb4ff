#include "xmpp/arena.h"

#include <algorithm>
#include <new>
#include <utility>

namespace rookery::xmpp {
namespace {

#if defined(__SANITIZE_ADDRESS__)
constexpr size_t kRecycled = 0;  // recycling would hide uses after free
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
constexpr size_t kRecycled = 0;
#else
constexpr size_t kRecycled = 64;
#endif
#else
constexpr size_t kRecycled = 64;
#endif

/// Stays readable after the list below is gone: a stanza may die in a later thread-exit destructor.
thread_local bool list_is_gone = false;

/// First blocks that this thread freed last, wherever they were made.
struct FreeBlocks {
  Arena::Block* head = nullptr;
  size_t count = 0;

  ~FreeBlocks() {
    list_is_gone = true;
    while (head) ::operator delete(std::exchange(head, head->next));
  }
};
thread_local FreeBlocks free_blocks;

Arena::Block* new_block(size_t size) {
  auto* block = new (::operator new(size)) Arena::Block();
  block->size = size;
  return block;
}

Arena::Block* take_first_block() {
  if (kRecycled == 0 || list_is_gone || !free_blocks.head) return new_block(Arena::kFirstBlock);
  --free_blocks.count;
  return std::exchange(free_blocks.head, free_blocks.head->next);
}

void give_back(Arena::Block* block) noexcept {
  if (block->size != Arena::kFirstBlock || list_is_gone || free_blocks.count >= kRecycled) {
    ::operator delete(block);
    return;
  }
  block->next = free_blocks.head;
  free_blocks.head = block;
  ++free_blocks.count;
}

constexpr size_t kOverhead = sizeof(Arena::Block) + sizeof(Arena);

size_t copied_size(std::string_view text) { return well_known(text).data() ? 0 : text.size(); }

}  // namespace

Element* Arena::make_root(size_t content) {
  // A clone is packed: exactly its bytes, and never worth recycling unless it happens to be a first block.
  Block* block = content == 0 ? take_first_block() : new_block(kOverhead + content);
  auto* bytes = reinterpret_cast<char*>(block);
  auto* arena = new (bytes + sizeof(Block)) Arena();
  block->next = nullptr;
  arena->blocks = block;
  arena->cursor = bytes + kOverhead;
  arena->end = bytes + block->size;
  return arena->new_node();
}

void Arena::destroy(Element* root) noexcept {
  Block* block = root->arena_->blocks;
  while (block) give_back(std::exchange(block, block->next));
}

size_t Arena::size_of(const Element& node) {
  size_t bytes = sizeof(Element) + copied_size(node.name_) + copied_size(node.ns_) + node.text_.size() + 7;
  for (const auto* attribute = node.attributes_; attribute; attribute = attribute->next) {
    bytes += sizeof(Element::Attribute) + copied_size(attribute->name) + copied_size(attribute->ns) +
             attribute->value.size() + 7;
  }
  return bytes;
}

void Arena::grow(size_t bytes) {
  const size_t size = std::max(next_size, bytes + sizeof(Block));
  if (next_size < kLargestBlock) next_size *= 2;
  Block* block = new_block(size);
  block->next = blocks;
  blocks = block;
  cursor = reinterpret_cast<char*>(block) + sizeof(Block);
  end = reinterpret_cast<char*>(block) + size;
}

}  // namespace rookery::xmpp
