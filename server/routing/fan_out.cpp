#include "server/routing/fan_out.h"

#include <map>

#include "server/home/message_rules.h"
#include "server/node.h"
#include "xmpp/namespaces.h"
#include "xmpp/stream_parser.h"

namespace rookery::server {

namespace {

xmpp::ElementPtr root_of(const xmpp::Element& stanza) {
  auto root = xmpp::Element::make(stanza.name(), stanza.ns());
  for (const auto* attribute = stanza.first_attribute(); attribute != nullptr; attribute = attribute->next) {
    root->set_attr_ns(attribute->name, attribute->ns, attribute->value);
  }
  return root->clone();  // a clone is packed
}

}  // namespace

SharedStanza::SharedStanza(xmpp::ElementPtr stanza, storage::LogId place)
    : stanza_(std::move(stanza)),
      xml_(stanza_->to_xml(xmpp::ns::client)),
      place_(1 + stanza_->name().size()),
      in_room_(place) {}

SharedStanza::SharedStanza(const xmpp::Element& stanza)
    : stanza_(root_of(stanza)), xml_(stanza.to_xml(xmpp::ns::client)), place_(1 + stanza.name().size()), in_room_(0) {
  xml_.shrink_to_fit();
}

xmpp::ElementPtr SharedStanza::whole() const {
  auto parsed = xmpp::parse_own(xml_, xmpp::ns::client);
  ensure(parsed.has_value());
  return std::move(*parsed);
}

std::string SharedStanza::addressed(std::string_view to) const {
  std::string xml;
  xml.reserve(xml_.size() + to.size() + 16);
  xml.append(xml_, 0, place_).append(" to='");
  xmpp::append_escaped(xml, to);
  xml.append("'").append(xml_, place_, std::string::npos);
  return xml;
}

void Router::fan_out(xmpp::ElementPtr stanza, std::vector<xmpp::Jid> targets, bool only_present) {
  ensure(stanza->name() != "iq" && !stanza->has_attr("to"));
  auto from = xmpp::Jid::parse(stanza->attr("from"));
  if (!from) return;
  // What is to be kept for those who are away goes its way alone.
  const bool is_shared = only_present || !is_storable(*stanza);
  // XEP-0334 §4.2: so that no home keeps it, on this node or another one.
  if (only_present && stanza->name() == "message" && is_storable(*stanza)) stanza->add("no-store", xmpp::ns::hints);
  std::map<Loop*, std::vector<xmpp::Jid>> local;
  for (auto& to : targets) {
    if (is_shared && to.has_local() && is_local_domain(to.domain()) && !goes_elsewhere(to)) {
      Loop& loop = owner(to.bare_text());
      local[&loop].push_back(std::move(to));
      continue;
    }
    auto copy = stanza->clone();
    copy->set_attr("to", to.text());
    send(std::move(copy));
  }
  if (local.empty()) return;
  const auto shared = std::make_shared<const SharedStanza>(std::move(stanza));
  for (auto& [loop, jids] : local) {
    if (loop == Loop::current()) {
      node_.homes(*loop).receive_shared(*shared, *from, jids);
      continue;
    }
    loop->post([this, loop, shared, from = *from, jids = std::move(jids)] {
      node_.homes(*loop).receive_shared(*shared, from, jids);
    });
  }
}

}  // namespace rookery::server
