// RFC 6121 §3 and Appendix A: the subscription state machine, both directions.
#include <algorithm>

#include "server/home/home.h"
#include "server/home/homes.h"
#include "server/node.h"
#include "xmpp/namespaces.h"

namespace rookery::server {

namespace {

// Strangers write these, and each client that comes is shown them.
constexpr ptrdiff_t most_requests = 500;
constexpr size_t longest_request_bytes = 8 * 1024;

using Subscription = storage::RosterItem::Subscription;

bool has_to(Subscription s) { return s == Subscription::to || s == Subscription::both; }
bool has_from(Subscription s) { return s == Subscription::from || s == Subscription::both; }
Subscription make(bool to, bool from) { return static_cast<Subscription>((to ? 1 : 0) | (from ? 2 : 0)); }
static_assert(static_cast<int>(Subscription::to) == 1 && static_cast<int>(Subscription::from) == 2 &&
              static_cast<int>(Subscription::both) == 3);

storage::RosterItem item_or_new(std::optional<storage::RosterItem> known, const xmpp::Jid& jid) {
  if (known) return std::move(*known);
  storage::RosterItem item;
  item.jid = jid;
  item.in_roster = false;
  return item;
}

/// RFC 6121 §3.1.3 keeps what it says besides, too; but not a picture.
std::string request_to_keep(const xmpp::Element& presence) {
  std::string xml = presence.to_xml(xmpp::ns::client);
  if (xml.size() <= longest_request_bytes) return xml;
  auto bare = xmpp::Element::make("presence", xmpp::ns::client);
  bare->set_attr("type", "subscribe").set_attr("from", presence.attr("from")).set_attr("to", presence.attr("to"));
  return bare->to_xml(xmpp::ns::client);
}

}  // namespace

void Home::subscription_from_client(const xmpp::Element& presence, const xmpp::Jid& to) {
  if (to == jid_) return;
  const std::string type(presence.attr("type"));
  auto item = item_or_new(contact(to.text()), to);
  // RFC 6121 §3.1.2 and on: subscription stanzas leave with the bare JID.
  auto out = presence.clone();
  out->set_attr("from", jid_.text()).set_attr("to", to.text());
  const auto forward = [this, to](xmpp::ElementPtr stanza) {
    node().router().route(
        {.from = jid_, .to = to, .stanza = std::move(stanza), .sent_copy = {}, .seen = {}, .sender = {}});
  };
  if (type == "subscribe") {
    if (!has_to(item.subscription)) {
      item.ask = true;
      item.in_roster = true;
      update_contact(std::move(item));
    }
    return forward(std::move(out));
  }
  if (type == "unsubscribe") {
    const bool changes = has_to(item.subscription) || item.ask;
    item.ask = false;
    item.subscription = make(false, has_from(item.subscription));
    if (changes) update_contact(std::move(item));
    return forward(std::move(out));
  }
  if (type == "subscribed") {
    if (has_from(item.subscription)) return;
    if (item.request.empty()) {
      // RFC 6121 §3.4: pre-approval; nothing is sent.
      if (item.approved) return;
      item.approved = true;
      item.in_roster = true;
      return update_contact(std::move(item));
    }
    item.request.clear();
    item.in_roster = true;
    item.subscription = make(has_to(item.subscription), true);
    update_contact(std::move(item));
    forward(std::move(out));
    for (Session* session : sessions()) {
      if (session->available) send_presence_of(*session, to);
    }
    for (const auto& hook : node().features().contact_subscribed) hook(*this, to);
    return;
  }
  // unsubscribed: denies a request, cancels a subscription or a pre-approval.
  const bool was_from = has_from(item.subscription);
  const bool had_request = !item.request.empty();
  if (!was_from && !had_request && !item.approved) return;
  item.request.clear();
  item.approved = false;
  item.subscription = make(has_to(item.subscription), false);
  if (!item.in_roster) {
    drop_contact(to);
  } else {
    update_contact(std::move(item));
  }
  if (!was_from && !had_request) return;
  if (was_from) send_unavailable_of_all(to);
  forward(std::move(out));
}

void Home::befriend(const xmpp::Jid& contact) {
  auto item = item_or_new(this->contact(contact.text()), contact);
  item.subscription = Subscription::both;
  item.ask = item.approved = false;
  item.in_roster = true;
  item.request.clear();
  put_contact(std::move(item));
  for (Session* session : sessions()) {
    if (session->available) send_presence_of(*session, contact);
  }
  for (const auto& hook : node().features().contact_subscribed) hook(*this, contact);
}

void Home::approve_invited(const xmpp::Jid& contact) {
  auto item = item_or_new(this->contact(contact.text()), contact);
  if (has_from(item.subscription) && has_to(item.subscription)) return route_presence("subscribed", jid_, contact);
  const bool asks = !has_to(item.subscription);
  item.subscription = make(has_to(item.subscription), true);
  item.ask = item.ask || asks;
  item.approved = false;
  item.in_roster = true;
  item.request.clear();
  update_contact(std::move(item));
  route_presence("subscribed", jid_, contact);
  for (Session* session : sessions()) {
    if (session->available) send_presence_of(*session, contact);
  }
  for (const auto& hook : node().features().contact_subscribed) hook(*this, contact);
  if (asks) route_presence("subscribe", jid_, contact);
}

void Home::receive_subscription(const Envelope& envelope, std::string_view type) {
  const xmpp::Jid from = envelope.from.bare();
  if (from == jid_) return;
  auto item = item_or_new(contact(from.text()), from);
  const auto show = [&] {
    for (Session* session : sessions()) {
      if (session->available) session->send(*envelope.stanza);
    }
  };
  if (type == "subscribe") {
    if (has_from(item.subscription) || item.approved) {
      // RFC 6121 §3.1.3: granted already (or in advance): answer on the user's behalf.
      if (!has_from(item.subscription)) {
        item.approved = false;
        item.subscription = make(has_to(item.subscription), true);
        update_contact(std::move(item));
      }
      route_presence("subscribed", jid_, from);
      for (Session* session : sessions()) {
        if (session->available) send_presence_of(*session, from);
      }
      return;
    }
    if (!item.request.empty()) return show();
    const auto waits = [](const Contact& each) { return each.has_request(); };
    // Silently: an answer would tell that there is such an account (REQUIREMENTS 16).
    if (std::ranges::count_if(contacts_.each(), waits) >= most_requests) return;
    item.request = request_to_keep(*envelope.stanza);
    update_contact(std::move(item));
    show();
    return tell_of(*envelope.stanza);
  }
  if (type == "subscribed") {
    if (!item.ask) return;  // RFC 6121 §3.1.6: nobody asked for it
    item.ask = false;
    item.subscription = make(true, has_from(item.subscription));
    update_contact(std::move(item));
    return show();
  }
  if (type == "unsubscribe") {
    const bool was_from = has_from(item.subscription);
    if (!was_from && item.request.empty() && !item.approved) return;
    item.request.clear();
    item.approved = false;
    item.subscription = make(has_to(item.subscription), false);
    if (was_from) send_unavailable_of_all(from);
    if (item.in_roster) {
      update_contact(std::move(item));
    } else {
      drop_contact(from);
    }
    return show();
  }
  // unsubscribed
  if (!item.ask && !has_to(item.subscription)) return;
  item.ask = false;
  item.subscription = make(false, has_from(item.subscription));
  update_contact(std::move(item));
  show();
}

}  // namespace rookery::server
