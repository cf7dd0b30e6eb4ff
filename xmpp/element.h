// The XML element tree. One stanza is one arena: a node costs a bump of a pointer, freeing a stanza frees its blocks.
#pragma once

#include <cstdint>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>

namespace rookery::xmpp {

class Element;
struct Arena;

struct ElementDeleter {
  void operator()(Element* root) const noexcept;
};
/// Owns a root element together with its arena. May move between threads.
using ElementPtr = std::unique_ptr<Element, ElementDeleter>;

/// A node of a stanza's tree: element or text. Text nodes have an empty name().
/// All string_views returned live as long as the root. Names and namespaces are expanded: prefixes do not exist here.
class Element {
 public:
  struct Attribute {
    std::string_view name;  ///< "id"; "xml:lang" for the xml namespace's lang
    std::string_view ns;    ///< empty for the usual unprefixed attribute and for xml:*
    std::string_view value;
    Attribute* next = nullptr;
  };

  /// A new root with its own arena.
  static ElementPtr make(std::string_view name, std::string_view ns);
  ElementPtr clone() const;

  std::string_view name() const { return name_; }
  std::string_view ns() const { return ns_; }
  bool is(std::string_view name, std::string_view ns) const { return name_ == name && ns_ == ns; }
  bool is_text() const { return name_.empty(); }

  /// The value, or an empty view when absent.
  std::string_view attr(std::string_view name) const;
  bool has_attr(std::string_view name) const;
  const Attribute* first_attribute() const { return attributes_; }
  Element& set_attr(std::string_view name, std::string_view value);
  Element& set_attr_ns(std::string_view name, std::string_view ns, std::string_view value);
  void remove_attr(std::string_view name);

  /// The text directly inside (child text nodes joined).
  std::string text() const;
  Element& add_text(std::string_view text);

  /// Appends a child and returns it. Without a namespace it takes this element's.
  Element& add(std::string_view name);
  Element& add(std::string_view name, std::string_view ns);
  /// Appends a deep copy of another tree's element.
  Element& add_copy(const Element& other);
  /// Appends `<name>text</name>`, returns *this for chaining.
  Element& add_text_child(std::string_view name, std::string_view text);
  /// Unlinks a direct child; its memory stays until the root goes.
  void remove(const Element& child);

  /// First child element with that name and namespace; null when there is none.
  const Element* child(std::string_view name, std::string_view ns) const;
  Element* child(std::string_view name, std::string_view ns);
  /// First child element, any name; null when there is none.
  const Element* first_element() const;
  /// The text of child(name, ns), or empty.
  std::string child_text(std::string_view name, std::string_view ns) const;

  const Element* first_node() const { return first_; }  ///< elements and text nodes, in document order
  const Element* next_node() const { return next_; }
  const Element* next_element() const;

  /// Iterates child elements only: `for (const Element& item : query.elements())`.
  class Iterator {
   public:
    using iterator_category = std::forward_iterator_tag;
    using value_type = const Element;
    using difference_type = std::ptrdiff_t;
    using pointer = const Element*;
    using reference = const Element&;
    explicit Iterator(const Element* at = nullptr) : at_(at) {}
    const Element& operator*() const { return *at_; }
    const Element* operator->() const { return at_; }
    Iterator& operator++() {
      at_ = at_->next_element();
      return *this;
    }
    bool operator==(const Iterator&) const = default;

   private:
    const Element* at_;
  };
  struct Range {
    const Element* first;
    Iterator begin() const { return Iterator(first); }
    Iterator end() const { return Iterator(); }
  };
  Range elements() const { return {first_element()}; }

  /// Appends this element as XML. `default_ns` is the namespace already in scope (xmlns is written only where it
  /// differs): ns::client for stanzas on a client stream.
  void append_xml(std::string& out, std::string_view default_ns = {}) const;
  std::string to_xml(std::string_view default_ns = {}) const;
  /// For text nodes: their text.
  std::string_view text_node() const { return text_; }

  /// Changes the namespace of this element and of those children that had the same (client <-> server streams).
  void rename_ns(std::string_view from, std::string_view to);

 private:
  friend struct Arena;
  friend struct ElementDeleter;
  friend class TreeBuilder;
  Element() = default;
  static void copy_node(const Element& from, Element& to);
  static void copy_children(const Element& from, Element& to);

  Arena* arena_ = nullptr;
  std::string_view name_;
  std::string_view ns_;
  std::string_view text_;
  Attribute* attributes_ = nullptr;
  Attribute* last_attribute_ = nullptr;
  Element* first_ = nullptr;
  Element* last_ = nullptr;
  Element* next_ = nullptr;
};

/// Appends `text` escaped for element content and attribute values (& < > ' ").
void append_escaped(std::string& out, std::string_view text);

}  // namespace rookery::xmpp
