// XEP-0355: Namespace Delegation, as the configuration grants it ("admin mode").
#include <algorithm>

#include "crypto/random.h"
#include "server/components/rights.h"
#include "server/node.h"
#include "xmpp/namespaces.h"

namespace rookery::server {

namespace {

using xmpp::Condition;
constexpr auto patience = std::chrono::seconds(60);
constexpr size_t most_open = 10'000;

/// §4.3: does the answer correspond to the request in every address and its id? What neither says is the same.
bool corresponds(const xmpp::Element& answer, const Envelope& request) {
  const auto same = [](std::string_view said, const xmpp::Jid& meant) {
    if (said.empty()) return true;
    const auto jid = xmpp::Jid::parse(said);
    return jid && *jid == meant;
  };
  return answer.is("iq", xmpp::ns::client) && answer.attr("type") == "result" &&
         answer.attr("id") == request.stanza->attr("id") && answer.has_attr("to") &&
         same(answer.attr("to"), request.from) && same(answer.attr("from"), request.to);
}

}  // namespace

bool ComponentRights::is_delegated(const Envelope& iq) const {
  const auto* payload = iq.stanza->first_element();
  if (payload == nullptr || iq.from.domain() == component_.domain())
    return false;  // §4.4: its own requests are ours to answer
  return std::ranges::any_of(component_.config().delegated, [&](const auto& each) {
    const auto has = [&](const std::string& attribute) { return payload->has_attr(attribute); };
    return each.ns == payload->ns() && std::ranges::all_of(each.attributes, has);
  });
}

void ComponentRights::delegate(Envelope iq) {
  Loop& loop = component_.loop();
  if (&loop == Loop::current()) return give(std::move(iq));
  loop.post([this, iq = std::move(iq)]() mutable { give(std::move(iq)); });
}

// §4.3
void ComponentRights::give(Envelope iq) {
  if (!component_.is_connected() || delegated_.size() >= most_open) {
    return node_.router().bounce(iq, {.condition = Condition::service_unavailable});
  }
  const std::string id = new_id("delegated-");
  auto request = xmpp::Element::make("iq", xmpp::ns::client);
  request->set_attr("type", "set")
      .set_attr("id", id)
      .set_attr("from", iq.to.domain())
      .set_attr("to", component_.domain());
  request->add("delegation", xmpp::ns::delegation).add("forwarded", xmpp::ns::forward).add_copy(*iq.stanza);
  const auto timeout = component_.loop().after(patience, [this, id] {
    auto open = delegated_.extract(id);
    if (!open.empty()) node_.router().bounce(open.mapped().request, {.condition = Condition::service_unavailable});
  });
  delegated_.emplace(id, Delegated{std::move(iq), timeout});
  component_.tell(std::move(request));
}

bool ComponentRights::take_delegated_answer(Envelope& envelope) {
  const auto type = envelope.stanza->attr("type");
  if (type != "result" && type != "error") return false;
  auto open = delegated_.extract(std::string(envelope.stanza->attr("id")));
  if (open.empty()) return sent_to_asker(envelope);
  component_.loop().cancel(open.mapped().timeout);
  const Envelope request = std::move(open.mapped().request);
  const auto* delegation = envelope.stanza->child("delegation", xmpp::ns::delegation);
  const auto* forwarded = delegation != nullptr ? delegation->child("forwarded", xmpp::ns::forward) : nullptr;
  const auto* answer = forwarded != nullptr ? forwarded->first_element() : nullptr;
  // Notes 1 and 2 of §4.3: whatever is wrong, it is this that the account hears.
  if (type == "error" || answer == nullptr || !corresponds(*answer, request)) {
    node_.router().bounce(request, {.condition = Condition::service_unavailable});
    return true;
  }
  auto copy = answer->clone();
  copy->set_attr("from", request.to.text()).set_attr("to", request.from.text());
  node_.router().route({.from = request.to, .to = request.from, .stanza = std::move(copy)});
  return true;
}

}  // namespace rookery::server
