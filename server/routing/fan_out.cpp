#include "server/routing/fan_out.h"

#include <map>

#include "server/home/message_rules.h"
#include "server/node.h"
#include "xmpp/namespaces.h"

namespace rookery::server {

SharedStanza::SharedStanza(xmpp::ElementPtr stanza, storage::LogId place)
    : stanza_(std::move(stanza)),
      xml_(stanza_->to_xml(xmpp::ns::client)),
      place_(1 + stanza_->name().size()),
      in_room_(place) {}

std::string SharedStanza::addressed(std::string_view to) const {
  std::string xml;
  xml.reserve(xml_.size() + to.size() + 16);
  xml.append(xml_, 0, place_).append(" to='");
  xmpp::append_escaped(xml, to);
  xml.append("'").append(xml_, place_, std::string::npos);
  return xml;
}

void Router::fan_out(xmpp::ElementPtr message, const std::vector<xmpp::Jid>& targets, bool only_present) {
  ensure(message->name() == "message" && !message->has_attr("to"));
  auto from = xmpp::Jid::parse(message->attr("from"));
  if (!from) return;
  // What is to be kept for those who are away goes its way alone.
  const bool shared = only_present || !is_storable(*message);
  // XEP-0334 §4.2: so that no home keeps it, on this node or another one.
  if (only_present && is_storable(*message)) message->add("no-store", xmpp::ns::hints);
  std::map<Loop*, std::vector<xmpp::Jid>> local;
  for (const auto& to : targets) {
    if (shared && to.has_local() && is_local_domain(to.domain()) && !goes_elsewhere(to)) {
      local[&owner(to.bare_text())].push_back(to);
      continue;
    }
    auto copy = message->clone();
    copy->set_attr("to", to.text());
    send(std::move(copy));
  }
  if (local.empty()) return;
  const auto stanza = std::make_shared<const SharedStanza>(std::move(message));
  for (auto& [loop, jids] : local) {
    if (loop == Loop::current()) {
      node_.homes(*loop).receive_shared(*stanza, *from, jids);
      continue;
    }
    loop->post([this, loop, stanza, from = *from, jids = std::move(jids)] {
      node_.homes(*loop).receive_shared(*stanza, from, jids);
    });
  }
}

}  // namespace rookery::server
