#include "client/core/roster.h"

#include "client/core/store/packed.h"
#include "xmpp/namespaces.h"

namespace rookery::client {

namespace ns = xmpp::ns;

namespace {

constexpr std::string_view kind = "roster";
constexpr std::string_view version_kind = "roster-version";

std::string encode(const Contact& contact) {
  std::vector<std::string> fields = {contact.name, contact.subscription, contact.asked ? "1" : "0"};
  fields.insert(fields.end(), contact.groups.begin(), contact.groups.end());
  return pack(fields);
}

}  // namespace

Status Roster::load() {
  auto records = store_.all(kind);
  if (!records) return std::unexpected(records.error());
  for (const auto& record : *records) {
    auto jid = xmpp::Jid::parse(record.key);
    auto fields = unpack(record.value, 3);
    if (!jid || !fields) return fail(Failure::invalid, "the roster in the local database is damaged");
    auto& f = *fields;
    contacts_[*jid] = {*jid, f[0], f[1], f[2] == "1", {f.begin() + 3, f.end()}};
  }
  return {};
}

void Roster::request(std::function<void()> done) {
  auto iq = xmpp::Element::make("iq", ns::client);
  iq->set_attr("type", "get");
  const auto version = store_.get(version_kind, "");
  iq->add("query", ns::roster).set_attr("ver", version && *version ? **version : std::string());
  connection_.send_iq(std::move(iq), [this, done](const xmpp::Element* answer) {
    const auto* query = answer && answer->attr("type") == "result" ? answer->child("query", ns::roster) : nullptr;
    if (query) {
      auto before = std::exchange(contacts_, {});
      for (const auto& item : query->elements()) apply(item, false);
      for (const auto& [jid, contact] : before)
        if (!contacts_.contains(jid)) (void)store_.remove(kind, jid.text());
      store_version(query->attr("ver"));
    }
    done();
  });
}

void Roster::on_push(const xmpp::Element& query) {
  for (const auto& item : query.elements()) apply(item, true);
  store_version(query.attr("ver"));
}

void Roster::store_version(std::string_view version) {
  // A cache that cannot be written is fetched whole next time.
  if (!version.empty()) (void)store_.put(version_kind, "", version);
}

void Roster::apply(const xmpp::Element& item, bool announce) {
  if (!item.is("item", ns::roster)) return;
  auto jid = xmpp::Jid::parse(item.attr("jid"));
  if (!jid) return;
  Contact contact{*jid,
                  std::string(item.attr("name")),
                  std::string(item.attr("subscription")),
                  item.attr("ask") == "subscribe",
                  {}};
  if (contact.subscription.empty()) contact.subscription = "none";
  for (const auto& group : item.elements())
    if (group.is("group", ns::roster)) contact.groups.push_back(group.text());
  const Contact* before = find(*jid);
  const bool is_news = !before || *before != contact;
  if (contact.subscription == "remove") {
    contacts_.erase(*jid);
    (void)store_.remove(kind, jid->text());
  } else {
    contacts_[*jid] = contact;
    (void)store_.put(kind, jid->text(), encode(contact));
  }
  if (contact.may_see_us()) requests_.erase(*jid);
  if (announce && is_news) events_(event::RosterChanged{contact});
}

void Roster::on_presence(const origin::Presence& presence) {
  const std::string_view type = presence.presence->attr("type");
  if (type == "subscribe") {
    // Whom the person added was let in by that, also where the server cannot note it beforehand (RFC 6121 §3.4).
    const Contact* contact = find(presence.from);
    if (contact && (contact->asked || contact->subscription == "to")) return accept(presence.from);
    requests_.insert(presence.from.bare());
    return events_(event::SubscriptionRequest{presence.from.bare()});
  }
  if (!type.empty() && type != "unavailable") return;
  // The server returns our own presence to us.
  if (presence.from == connection_.jid()) return;
  event::PresenceChanged change{presence.from, type.empty(), presence.presence->child_text("show", ns::client),
                                presence.presence->child_text("status", ns::client)};
  // Servers answer probes for those who are away too: that changes nothing.
  if (!change.available && presences_.erase(presence.from) == 0) return;
  if (change.available) presences_[presence.from] = change;
  events_(change);
}

void Roster::on_offline() { presences_.clear(); }

void Roster::add(const xmpp::Jid& jid, const std::string& name, std::function<void()> done) {
  auto iq = xmpp::Element::make("iq", ns::client);
  iq->set_attr("type", "set");
  auto& item = iq->add("query", ns::roster).add("item");
  item.set_attr("jid", jid.bare_text());
  if (!name.empty()) item.set_attr("name", name);
  connection_.send_iq(std::move(iq), [this, jid, done](const xmpp::Element* answer) {
    if (answer && answer->attr("type") == "result") {
      // Whoever adds a contact wants to be seen by it: RFC 6121 §3.4 lets that be said beforehand.
      subscribe(jid, "subscribed");
      subscribe(jid, "subscribe");
    } else {
      events_(event::Notice{"the server did not add " + std::string(jid.bare_text()) + " to the roster"});
    }
    done();
  });
}

void Roster::accept(const xmpp::Jid& jid) {
  requests_.erase(jid.bare());
  subscribe(jid, "subscribed");
  const Contact* contact = find(jid);
  if (!contact || contact->subscription == "none" || contact->subscription == "from") subscribe(jid, "subscribe");
}

void Roster::remove(const xmpp::Jid& jid, std::function<void()> done) {
  auto iq = xmpp::Element::make("iq", ns::client);
  iq->set_attr("type", "set");
  iq->add("query", ns::roster).add("item").set_attr("jid", jid.bare_text()).set_attr("subscription", "remove");
  connection_.send_iq(std::move(iq), [this, jid, done](const xmpp::Element* answer) {
    if (!answer || answer->attr("type") != "result")
      events_(event::Notice{"the server did not remove " + std::string(jid.bare_text())});
    done();
  });
}

void Roster::subscribe(const xmpp::Jid& jid, std::string_view type) {
  auto presence = xmpp::Element::make("presence", ns::client);
  presence->set_attr("to", jid.bare_text()).set_attr("type", type);
  connection_.send(*presence);
}

std::vector<Contact> Roster::contacts() const {
  std::vector<Contact> result;
  for (const auto& [jid, contact] : contacts_) result.push_back(contact);
  return result;
}

const Contact* Roster::find(const xmpp::Jid& jid) const {
  const auto found = contacts_.find(jid.bare());
  return found == contacts_.end() ? nullptr : &found->second;
}

std::vector<event::PresenceChanged> Roster::presences() const {
  std::vector<event::PresenceChanged> result;
  for (const auto& [jid, presence] : presences_) result.push_back(presence);
  return result;
}

}  // namespace rookery::client
