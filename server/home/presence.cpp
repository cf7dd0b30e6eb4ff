// RFC 6121 §4: presence of our clients to those who may see it, and of others to our clients.
#include "server/home/home.h"
#include "server/home/homes.h"
#include "server/node.h"
#include "xmpp/namespaces.h"
#include "xmpp/stream_parser.h"

namespace rookery::server {

namespace {

constexpr size_t longest_presence_bytes =
    16 * 1024;                           // each contact and occupant gets it, and who comes later gets all of them
constexpr size_t most_directed = 1'000;  // of one session: each is remembered, and gets a stanza when it ends

/// RFC 6121 §4.7.2.3: an integer between -128 and 127; nullopt: anything else.
std::optional<int> priority_of(const xmpp::Element& presence) {
  const auto* priority = presence.child("priority", xmpp::ns::client);
  if (priority == nullptr) return 0;
  const std::string text = priority->text();
  if (text.empty() || text.size() > 4) return std::nullopt;
  int value = 0;
  const bool negative = text.front() == '-';
  for (const char c : text.substr(negative || text.front() == '+' ? 1 : 0)) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  if (negative) value = -value;
  if (value < -128 || value > 127) return std::nullopt;
  return value;
}

xmpp::ElementPtr addressed(const xmpp::Element& presence, const xmpp::Jid& to) {
  auto copy = presence.clone();
  copy->set_attr("to", to.text());
  return copy;
}

bool is_subscription_type(std::string_view type) {
  return type == "subscribe" || type == "subscribed" || type == "unsubscribe" || type == "unsubscribed";
}

}  // namespace

void Home::route_presence(std::string_view type, const xmpp::Jid& from, const xmpp::Jid& to) {
  auto presence = xmpp::Element::make("presence", xmpp::ns::client);
  presence->set_attr("from", from.text()).set_attr("to", to.text());
  if (!type.empty()) presence->set_attr("type", type);
  node().router().route(
      {.from = from, .to = to, .stanza = std::move(presence), .sent_copy = {}, .seen = {}, .sender = {}});
}

void Home::presence_from_client(Session& session, xmpp::ElementPtr presence) {
  const auto type = presence->attr("type");
  const auto refuse = [&](const xmpp::StanzaError& error) {
    if (type != "error") session.send(*xmpp::error_reply(*presence, error));
  };
  const bool known =
      type.empty() || type == "unavailable" || type == "probe" || type == "error" || is_subscription_type(type);
  if (!known) return refuse({.condition = xmpp::Condition::bad_request});
  if (presence->to_xml(xmpp::ns::client).size() > longest_presence_bytes) {
    return refuse({.condition = xmpp::Condition::policy_violation, .text = "This presence is too large"});
  }
  if (presence->has_attr("to")) {
    auto to = xmpp::Jid::parse(presence->attr("to"));
    if (!to) return refuse({.condition = xmpp::Condition::jid_malformed});
    for (const auto& hook : node().features().stanza_from_client) {
      const Verdict verdict = hook(session, *presence);
      if (verdict.error) return refuse(*verdict.error);
      if (verdict.drop) return;
    }
    if (is_subscription_type(type)) {
      const bool adds = type == "subscribe" || type == "subscribed";
      if (adds && is_roster_full_for(to->bare())) return refuse({.condition = xmpp::Condition::resource_constraint});
      return subscription_from_client(*presence, to->bare());
    }
    if (type.empty()) {
      run_presence_hooks(session, *presence);
      // RFC 6121 §4.6: directed presence; whoever gets it must learn of the end.
      const bool is_remembered = !may_see_presence(*to) && !session.directed.contains(*to);
      if (is_remembered && session.directed.size() >= most_directed)
        return refuse({.condition = xmpp::Condition::resource_constraint});
      if (is_remembered) session.directed.insert(*to);
    }
    auto stay = session.stay_in(*to);
    Envelope envelope{
        .from = session.jid(), .to = std::move(*to), .stanza = std::move(presence), .stay = std::move(stay)};
    if (type == "unavailable") {
      session.directed.erase(envelope.to);
      std::erase_if(session.stays, [&](const Stay& stay) { return stay.occupant.same_bare(envelope.to); });
    }
    return node().router().route(std::move(envelope));
  }
  if (type == "unavailable")
    return session.available || !session.directed.empty() ? session_unavailable(session, presence.get()) : void();
  if (!type.empty()) return refuse({.condition = xmpp::Condition::bad_request});
  const auto priority = priority_of(*presence);
  if (!priority) return refuse({.condition = xmpp::Condition::bad_request});
  run_presence_hooks(session, *presence);
  const bool initial = !session.available;
  const bool was_negative = session.priority < 0;
  session.set_available(true);
  session.priority = *priority;
  session.presence = presence->to_xml(xmpp::ns::client);
  session.presence.shrink_to_fit();
  broadcast_presence(session, *presence, initial);
  for (const auto& hook : node().features().presence_updated) hook(session, *presence);
  if (initial) {
    for (const auto& hook : node().features().session_available) hook(session);
  }
  // XEP-0160 §3: what waited is for the first resource that comes with a non-negative priority.
  if (*priority >= 0 && (initial || was_negative) && (backlog_ || !pending_.empty())) {
    session.catching_up = true;
    session.caught_up_to = cursor_;
    catch_up(session);
  }
}

void Home::run_presence_hooks(Session& session, xmpp::Element& presence) {
  for (const auto& hook : node().features().presence_from_client) hook(session, presence);
}

void Home::refresh_presence() {
  for (Session* session : sessions()) {
    if (!session->available) continue;
    auto presence = xmpp::parse_own(session->presence, xmpp::ns::client);
    ensure(presence.has_value());
    run_presence_hooks(*session, **presence);
    std::string xml = (*presence)->to_xml(xmpp::ns::client);
    if (xml == session->presence) continue;
    session->presence = std::move(xml);
    broadcast_presence(*session, **presence, false);
  }
}

void Home::set_avatar(std::string hash) {
  if (avatar_ == hash) return;
  avatar_ = std::move(hash);
  refresh_presence();
}

void Home::broadcast_presence(Session& session, const xmpp::Element& presence, bool initial) {
  for (Session* other : sessions()) {
    // RFC 6121 §4.2.2, §4.4.2: also to our own available resources, this one included.
    if (other->available) {
      in_order([this, serial = other->serial(), copy = addressed(presence, other->jid())] {
        if (Session* still = find_serial(serial)) still->send(*copy);
      });
    }
  }
  // …and the new resource learns of the others.
  for (Session* other : sessions()) {
    if (initial && other != &session && other->available) send_presence_of(*other, session.jid());
  }
  // Collected first: what is routed may come back and change the roster.
  std::vector<xmpp::Jid> watchers, watched;
  std::vector<std::string> requests;
  for (const Contact contact : contacts_.each()) {
    const auto jid = xmpp::Jid::parse(contact.jid());
    if (!jid || is_blocked(*jid)) continue;  // XEP-0191 §3.3
    if (contact.sees_us()) watchers.push_back(*jid);
    if (initial && contact.is_seen()) watched.push_back(*jid);
    if (initial && contact.has_request()) requests.push_back(contact.item().request);
  }
  node().router().fan_out(presence.clone(), std::move(watchers), true);
  for (const auto& jid : watched) route_presence("probe", session.jid(), jid);
  // RFC 6121 §3.1.3: a request that nobody has answered is shown again to each resource that comes.
  for (auto& request : requests) session.send(std::move(request));
}

void Home::send_presence_of(const Session& session, const xmpp::Jid& to) {
  if (session.presence.empty()) return;
  auto presence = xmpp::parse_own(session.presence, xmpp::ns::client);
  ensure(presence.has_value());
  (*presence)->set_attr("to", to.text());
  node().router().route(
      {.from = session.jid(), .to = to, .stanza = std::move(*presence), .sent_copy = {}, .seen = {}, .sender = {}});
}

void Home::send_unavailable(const Session& session, const xmpp::Jid& to) {
  route_presence("unavailable", session.jid(), to);
}

void Home::send_unavailable_of_all(const xmpp::Jid& to) {
  for (const auto& session : sessions_) {
    if (session->available) send_unavailable(*session, to);
  }
}

void Home::session_unavailable(Session& session, const xmpp::Element* last_presence) {
  xmpp::ElementPtr made;
  if (last_presence == nullptr) {
    made = xmpp::Element::make("presence", xmpp::ns::client);
    made->set_attr("from", session.jid().text()).set_attr("type", "unavailable");
    last_presence = made.get();
  }
  const bool was_available = session.available;
  session.set_available(false);
  session.presence.clear();
  std::set<xmpp::Jid> targets = std::exchange(session.directed, {});
  const auto tell = [&] {
    for (const auto& jid : targets) {
      node().router().route(
          {.from = session.jid(), .to = jid, .stanza = addressed(*last_presence, jid), .stay = session.stay_in(jid)});
    }
    session.stays.clear();
  };
  if (was_available) {
    for (const auto& hook : node().features().presence_ended) hook(session, *last_presence);
  }
  if (!was_available) return tell();  // RFC 6121 §4.6.1: directed presence needs no other
  remember_last_activity();
  std::vector<xmpp::Jid> watchers;
  for (const Contact contact : contacts_.each()) {
    auto jid = contact.sees_us() ? xmpp::Jid::parse(contact.jid()) : xmpp::Jid();
    if (jid && !jid->empty() && !targets.contains(*jid)) watchers.push_back(std::move(*jid));
  }
  tell();
  node().router().fan_out(last_presence->clone(), std::move(watchers), true);
  for (Session* other : sessions()) {
    if (other->available) other->send(*addressed(*last_presence, other->jid()));
  }
}

void Home::receive_presence(Envelope envelope) {
  if (envelope.place != 0 && !hears(envelope.to, *envelope.stanza, envelope.place)) return;
  const auto type = envelope.stanza->attr("type");
  if (is_subscription_type(type)) return receive_subscription(envelope, std::string(type));
  if (type == "probe") return receive_probe(envelope.from);
  if (type.empty() || type == "unavailable") {
    for (const auto& hook : node().features().contact_presence) hook(*this, envelope.from, *envelope.stanza);
  }
  in_order([this, envelope = std::move(envelope)] {
    if (!envelope.to.is_bare()) {
      Session* session = find(envelope.to.resource());
      return session != nullptr ? session->send(*envelope.stanza) : void();
    }
    for (Session* session : sessions()) {
      if (session->available) session->send(*envelope.stanza);
    }
  });
}

// XEP-0012 §4: what a contact is told of an account that is away: seconds since 1970 of the last logout.
void Home::remember_last_activity() {
  if (abandoned_) return;
  const auto now =
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch());
  node().stores_of(jid_).run([owner = jid_, value = std::to_string(now.count())](
                                 storage::Stores& stores) { return stores.values().put(owner, "last", "", value); },
                             [](const Status&) {});
}

void Home::receive_probe(const xmpp::Jid& from) {
  // RFC 6121 §4.3.2: to others nothing is said, not even that the account exists (REQUIREMENTS 16).
  if (is_blocked(from) || (!may_see_presence(from) && !from.same_bare(jid_))) return;
  for (const auto& session : sessions_) {
    if (session->available) send_presence_of(*session, from);
  }
}

}  // namespace rookery::server
