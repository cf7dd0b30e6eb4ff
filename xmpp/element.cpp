#include "xmpp/element.h"

#include "crypto/result.h"
#include "xmpp/arena.h"
#include "xmpp/namespaces.h"
#include "xmpp/xml_chars.h"

namespace rookery::xmpp {
namespace {

constexpr std::string_view kXmlPrefix = "xml:";

/// What enters a tree is legal XML text, so that what leaves it is.
std::string_view copy_legal(Arena& arena, std::string_view text) {
  return is_legal_text(text) ? arena.copy(text) : arena.copy(replace_illegal(text));
}

}  // namespace

void ElementDeleter::operator()(Element* root) const noexcept { Arena::destroy(root); }

ElementPtr Element::make(std::string_view name, std::string_view ns) {
  ensure(!name.empty());
  ElementPtr root(Arena::make_root());
  root->name_ = root->arena_->intern(name);
  root->ns_ = root->arena_->intern(ns);
  return root;
}

std::string_view Element::attr(std::string_view name) const {
  for (const auto* attribute = attributes_; attribute; attribute = attribute->next) {
    if (attribute->name == name && attribute->ns.empty()) return attribute->value;
  }
  return {};
}

bool Element::has_attr(std::string_view name) const {
  for (const auto* attribute = attributes_; attribute; attribute = attribute->next) {
    if (attribute->name == name && attribute->ns.empty()) return true;
  }
  return false;
}

Element& Element::set_attr(std::string_view name, std::string_view value) { return set_attr_ns(name, {}, value); }

Element& Element::set_attr_ns(std::string_view name, std::string_view ns, std::string_view value) {
  ensure(!name.empty() && !is_text());
  if (ns == ns::xml) return set_attr_ns(std::string(kXmlPrefix).append(name), {}, value);
  for (auto* attribute = attributes_; attribute; attribute = attribute->next) {
    if (attribute->name != name || attribute->ns != ns) continue;
    attribute->value = copy_legal(*arena_, value);
    return *this;
  }
  auto* attribute = arena_->new_attribute();
  attribute->name = arena_->intern(name);
  attribute->ns = arena_->intern(ns);
  attribute->value = copy_legal(*arena_, value);
  (last_attribute_ ? last_attribute_->next : attributes_) = attribute;
  last_attribute_ = attribute;
  return *this;
}

void Element::remove_attr(std::string_view name) {
  Attribute* before = nullptr;
  for (auto* attribute = attributes_; attribute; before = attribute, attribute = attribute->next) {
    if (attribute->name != name || !attribute->ns.empty()) continue;
    (before ? before->next : attributes_) = attribute->next;
    if (last_attribute_ == attribute) last_attribute_ = before;
    return;
  }
}

std::string Element::text() const {
  if (is_text()) return std::string(text_);
  std::string joined;
  for (const auto* node = first_; node; node = node->next_) joined.append(node->text_);
  return joined;
}

Element& Element::add_text(std::string_view text) {
  ensure(!is_text());
  if (text.empty()) return *this;
  auto* node = arena_->new_node();
  node->text_ = copy_legal(*arena_, text);
  (last_ ? last_->next_ : first_) = node;
  last_ = node;
  return *this;
}

Element& Element::add(std::string_view name) { return add(name, ns_); }

Element& Element::add(std::string_view name, std::string_view ns) {
  ensure(!name.empty() && !is_text());
  auto* node = arena_->new_node();
  node->name_ = arena_->intern(name);
  node->ns_ = ns == ns_ ? ns_ : arena_->intern(ns);
  (last_ ? last_->next_ : first_) = node;
  last_ = node;
  return *node;
}

Element& Element::add_text_child(std::string_view name, std::string_view text) {
  add(name).add_text(text);
  return *this;
}

/// One node without its children.
void Element::copy_node(const Element& from, Element& to) {
  Arena& arena = *to.arena_;
  to.name_ = arena.intern(from.name_);
  to.ns_ = arena.intern(from.ns_);
  to.text_ = arena.copy(from.text_);
  for (const auto* attribute = from.attributes_; attribute; attribute = attribute->next) {
    auto* copy = arena.new_attribute();
    copy->name = arena.intern(attribute->name);
    copy->ns = arena.intern(attribute->ns);
    copy->value = arena.copy(attribute->value);
    (to.last_attribute_ ? to.last_attribute_->next : to.attributes_) = copy;
    to.last_attribute_ = copy;
  }
}

void Element::copy_children(const Element& from, Element& to) {
  struct Level {
    const Element* next;  ///< to copy
    Element* parent;
  };
  NodeStack<Level> stack;
  stack.push({from.first_, &to});
  while (!stack.empty()) {
    Level& level = stack.top();
    if (!level.next) {
      stack.pop();
      continue;
    }
    const Element& source = *level.next;
    Element* parent = level.parent;
    level.next = source.next_;
    auto* node = to.arena_->new_node();
    copy_node(source, *node);
    (parent->last_ ? parent->last_->next_ : parent->first_) = node;
    parent->last_ = node;
    if (source.first_) stack.push({source.first_, node});
  }
}

Element& Element::add_copy(const Element& other) {
  ensure(!is_text());
  // Linked only when it is complete: `other` may be an ancestor of the copy.
  auto* node = arena_->new_node();
  copy_node(other, *node);
  copy_children(other, *node);
  (last_ ? last_->next_ : first_) = node;
  last_ = node;
  return *node;
}

ElementPtr Element::clone() const {
  size_t bytes = Arena::size_of(*this);
  NodeStack<const Element*> stack;
  if (first_) stack.push(first_);
  while (!stack.empty()) {
    const Element* node = stack.top();
    stack.pop();
    bytes += Arena::size_of(*node);
    if (node->next_) stack.push(node->next_);
    if (node->first_) stack.push(node->first_);
  }
  ElementPtr root(Arena::make_root(bytes));
  copy_node(*this, *root);
  copy_children(*this, *root);
  return root;
}

void Element::remove(const Element& child) {
  Element* before = nullptr;
  for (auto* node = first_; node; before = node, node = node->next_) {
    if (node != &child) continue;
    (before ? before->next_ : first_) = node->next_;
    if (last_ == node) last_ = before;
    node->next_ = nullptr;
    return;
  }
}

const Element* Element::child(std::string_view name, std::string_view ns) const {
  for (const auto* node = first_; node; node = node->next_) {
    if (node->is(name, ns)) return node;
  }
  return nullptr;
}

Element* Element::child(std::string_view name, std::string_view ns) {
  return const_cast<Element*>(static_cast<const Element*>(this)->child(name, ns));
}

const Element* Element::first_element() const {
  if (!first_ || !first_->is_text()) return first_;
  return first_->next_element();
}

const Element* Element::next_element() const {
  const auto* node = next_;
  while (node && node->is_text()) node = node->next_;
  return node;
}

std::string Element::child_text(std::string_view name, std::string_view ns) const {
  const auto* found = child(name, ns);
  return found ? found->text() : std::string();
}

void Element::rename_ns(std::string_view from, std::string_view to) {
  if (is_text() || ns_ != from) return;
  const std::string_view renamed = arena_->intern(to);
  // `from` is often a view of this element's own ns(): its bytes stay in the arena.
  ns_ = renamed;
  NodeStack<Element*> stack;
  if (first_) stack.push(first_);
  while (!stack.empty()) {
    Element* node = stack.top();
    stack.pop();
    if (node->next_) stack.push(node->next_);
    // A child of another namespace ends the stream's content: XEP-0297 §3, a forwarded stanza keeps jabber:client.
    if (node->is_text() || node->ns_ != from) continue;
    node->ns_ = renamed;
    if (node->first_) stack.push(node->first_);
  }
}

}  // namespace rookery::xmpp
