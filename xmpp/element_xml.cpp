// Trees to XML. Output is always well-formed: text was checked when it entered the tree, the rest is escaped here.
#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include "xmpp/arena.h"
#include "xmpp/element.h"
#include "xmpp/namespaces.h"
#include "xmpp/xml_chars.h"

namespace rookery::xmpp {
namespace {

constexpr std::string_view kEscapes[] = {"", "&amp;", "&lt;", "&gt;", "&apos;", "&quot;", "&#13;", "&#10;", "&#9;"};
using EscapeTable = std::array<uint8_t, 256>;

constexpr EscapeTable escape_table(bool attribute) {
  EscapeTable table{};
  table['&'] = 1, table['<'] = 2, table['>'] = 3, table['\''] = 4, table['"'] = 5;
  table['\r'] = 6;                                  // XML 1.0 §2.11: a bare CR would be read back as LF
  if (attribute) table['\n'] = 7, table['\t'] = 8;  // XML 1.0 §3.3.3: and these as spaces
  return table;
}
constexpr EscapeTable kInContent = escape_table(false);
constexpr EscapeTable kInAttribute = escape_table(true);

/// Are these sixteen bytes free of all that either table escapes? (Or of controls; they cost the slow way, no more.)
bool sixteen_plain(const char* at) {
  using Bytes = uint8_t __attribute__((vector_size(16)));
  using Words = uint64_t __attribute__((vector_size(16)));
  Bytes bytes;
  std::memcpy(&bytes, at, sizeof bytes);
  const auto marked =
      (bytes == '&') | (bytes == '<') | (bytes == '>') | (bytes == '\'') | (bytes == '"') | (bytes < 0x20);
  const auto words = reinterpret_cast<Words>(marked);
  return (words[0] | words[1]) == 0;
}

/// Writes through a pointer into the string's own storage; the string gets its true size at the end.
class Writer {
 public:
  explicit Writer(std::string& out) : out_(out), start_(out.size()) { room_for(start_, 512); }
  ~Writer() { out_.resize(static_cast<size_t>(at_ - out_.data())); }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  void raw(std::string_view text) {
    need(text.size());
    put(text.data(), text.size());
  }
  void raw(char c) {
    need(1);
    *at_++ = c;
  }

  void escaped(std::string_view text, const EscapeTable& table) {
    need(text.size());
    size_t from = 0;
    size_t i = 0;
    while (i < text.size()) {
      if (text.size() - i >= 16 && sixteen_plain(text.data() + i)) {
        i += 16;
        continue;
      }
      const size_t stop = std::min(text.size(), i + 16);
      for (; i < stop; ++i) {
        const uint8_t escape = table[static_cast<uint8_t>(text[i])];
        if (escape == 0) continue;
        raw(text.substr(from, i - from));
        raw(kEscapes[escape]);
        from = i + 1;
      }
    }
    raw(text.substr(from));
  }

 private:
  void need(size_t bytes) {
    if (static_cast<size_t>(end_ - at_) < bytes) [[unlikely]]
      room_for(static_cast<size_t>(at_ - out_.data()), bytes);
  }

  void room_for(size_t used, size_t bytes) {
    // Doubles what this tree takes, not the outbox in front of it.
    out_.resize(used + std::max(bytes, used - start_));
    at_ = out_.data() + used;
    end_ = out_.data() + out_.size();
  }

  /// Nearly all strings of a stanza are short: two overlapping words cost less than a call of memcpy.
  void put(const char* from, size_t size) {
    if (size >= 8 && size <= 16) {
      std::memcpy(at_, from, 8);
      std::memcpy(at_ + size - 8, from + size - 8, 8);
    } else if (size >= 4 && size < 8) {
      std::memcpy(at_, from, 4);
      std::memcpy(at_ + size - 4, from + size - 4, 4);
    } else if (size < 4) {
      for (size_t i = 0; i < size; ++i) at_[i] = from[i];
    } else {
      std::memcpy(at_, from, size);
    }
    at_ += size;
  }

  std::string& out_;
  size_t start_;
  char* at_ = nullptr;
  char* end_ = nullptr;
};

/// The prefix of an attribute's namespace is numbered after the first attribute of this element that has it.
void write_prefixed_attribute(Writer& out, const Element& element, const Element::Attribute& attribute) {
  const auto* first = element.first_attribute();
  int number = 0;
  for (; first->ns != attribute.ns; first = first->next) ++number;
  char digits[12];
  const std::string_view suffix(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
  if (first == &attribute) {
    out.raw(" xmlns:ns"), out.raw(suffix), out.raw("='");
    out.escaped(attribute.ns, kInAttribute);
    out.raw('\'');
  }
  out.raw(" ns"), out.raw(suffix), out.raw(':');
}

void write_attributes(Writer& out, const Element& element) {
  for (const auto* attribute = element.first_attribute(); attribute; attribute = attribute->next) {
    if (attribute->ns.empty())
      out.raw(' ');
    else
      write_prefixed_attribute(out, element, *attribute);
    out.raw(attribute->name);
    out.raw("='");
    out.escaped(attribute->value, kInAttribute);
    out.raw('\'');
  }
}

struct Open {
  const Element* element;
  const Element* next_child;
  std::string_view prefix;
  std::string_view scope;  ///< default namespace inside
};

/// Writes `<name …` without the closing bracket.
Open write_start(Writer& out, const Element& element, std::string_view scope) {
  Open open{&element, element.first_node(), {}, scope};
  const bool declare = element.ns() != scope;
  // RFC 6120 §4.8.5: peers know "stream" for the streams namespace. The prefix xml needs no declaration and allows
  // none.
  if (declare && element.ns() == ns::streams) open.prefix = "stream:";
  if (declare && element.ns() == ns::xml) open.prefix = "xml:";
  out.raw('<');
  out.raw(open.prefix);
  out.raw(element.name());
  if (declare && open.prefix.empty()) {
    out.raw(" xmlns='");
    out.escaped(element.ns(), kInAttribute);
    out.raw('\'');
    open.scope = element.ns();
  } else if (open.prefix == "stream:") {
    out.raw(" xmlns:stream='");
    out.raw(ns::streams);
    out.raw('\'');
  }
  if (element.first_attribute()) write_attributes(out, element);
  return open;
}

}  // namespace

void Element::append_xml(std::string& out, std::string_view default_ns) const {
  Writer writer(out);
  if (is_text()) return writer.escaped(text_, kInContent);
  NodeStack<Open> stack;
  const auto start = [&](const Element& element, std::string_view scope) {
    const Open open = write_start(writer, element, scope);
    writer.raw(open.next_child ? std::string_view(">") : std::string_view("/>"));
    if (open.next_child) stack.push(open);
  };
  start(*this, default_ns);
  while (!stack.empty()) {
    Open& open = stack.top();
    const Element* node = open.next_child;
    if (!node) {
      writer.raw("</"), writer.raw(open.prefix), writer.raw(open.element->name()), writer.raw('>');
      stack.pop();
      continue;
    }
    open.next_child = node->next_;
    if (node->is_text())
      writer.escaped(node->text_, kInContent);
    else
      start(*node, open.scope);
  }
}

std::string Element::to_xml(std::string_view default_ns) const {
  std::string out;
  append_xml(out, default_ns);
  return out;
}

void append_escaped(std::string& out, std::string_view text) {
  if (!is_legal_text(text)) return append_escaped(out, replace_illegal(text));
  Writer(out).escaped(text, kInAttribute);
}

}  // namespace rookery::xmpp
