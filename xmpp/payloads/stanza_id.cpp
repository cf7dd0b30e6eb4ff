#include "xmpp/payloads/stanza_id.h"

#include "xmpp/namespaces.h"

namespace rookery::xmpp {
namespace {

bool is_stanza_id_by(const Element& child, const Jid& by) {
  if (!child.is("stanza-id", ns::sid)) return false;
  // "by" is compared as an address, so that a different spelling of it does not slip through.
  const auto claimed = Jid::parse(child.attr("by"));
  return claimed && *claimed == by;
}

}  // namespace

std::optional<std::string> find_origin_id(const Element& message) {
  const Element* child = message.child("origin-id", ns::sid);
  if (!child || child->attr("id").empty()) return std::nullopt;
  return std::string(child->attr("id"));
}

void add_origin_id(Element& message, std::string_view id) { message.add("origin-id", ns::sid).set_attr("id", id); }

std::optional<std::string> find_stanza_id(const Element& message, const Jid& by) {
  std::optional<std::string> found;
  for (const Element& child : message.elements()) {
    if (!is_stanza_id_by(child, by)) continue;
    if (found) return std::nullopt;
    found = child.attr("id");
  }
  if (found && found->empty()) return std::nullopt;
  return found;
}

size_t remove_stanza_ids(Element& message, const Jid& by) {
  size_t removed = 0;
  for (const Element* child = message.first_element(); child != nullptr;) {
    const Element* next = child->next_element();
    if (is_stanza_id_by(*child, by)) {
      message.remove(*child);
      ++removed;
    }
    child = next;
  }
  return removed;
}

void add_stanza_id(Element& message, const Jid& by, std::string_view id) {
  message.add("stanza-id", ns::sid).set_attr("by", by.text()).set_attr("id", id);
}

}  // namespace rookery::xmpp
