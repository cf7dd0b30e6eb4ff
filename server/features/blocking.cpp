// XEP-0191: Blocking Command. XEP-0377: reports that come with a block.
#include "xmpp/payloads/blocking.h"

#include <algorithm>

#include "crypto/random.h"
#include "server/access.h"
#include "server/features/features.h"
#include "server/node.h"
#include "server/reports.h"
#include "xmpp/namespaces.h"
#include "xmpp/stream_parser.h"

namespace rookery::server {

namespace {

constexpr std::string_view kind = "blocking";
constexpr size_t most_blocked = 5'000;

/// Who gets our presence and is blocked now: contacts with a subscription, and whoever got directed presence.
std::set<xmpp::Jid> blocked_watchers(Home& home) {
  std::set<xmpp::Jid> watchers;
  for (const Contact contact : home.contacts().each()) {
    auto item = contact.item();
    if (contact.sees_us() && home.is_blocked(item.jid)) watchers.insert(std::move(item.jid));
  }
  for (const Session* session : home.sessions()) {
    std::ranges::copy_if(session->directed, std::inserter(watchers, watchers.end()),
                         [&](const auto& jid) { return home.is_blocked(jid); });
  }
  return watchers;
}

void route(Home& home, const Session& session, const xmpp::Jid& to, xmpp::ElementPtr presence) {
  presence->set_attr("from", session.jid().text()).set_attr("to", to.text());
  home.node().router().route(
      {.from = session.jid(), .to = to, .stanza = std::move(presence), .sent_copy = {}, .seen = {}, .sender = {}});
}

/// §3.3: to a contact that is blocked the user seems to go offline.
void send_unavailable(Home& home, const xmpp::Jid& to) {
  for (Session* session : home.sessions()) {
    session->directed.erase(to);
    if (!session->available && !home.may_see_presence(to)) continue;
    auto presence = xmpp::Element::make("presence", xmpp::ns::client);
    presence->set_attr("type", "unavailable");
    route(home, *session, to, std::move(presence));
  }
}

/// §3.4: and to one that is no longer blocked, to come back.
void send_available(Home& home, const xmpp::Jid& to) {
  for (Session* session : home.sessions()) {
    if (!session->available || session->presence.empty()) continue;
    auto presence = xmpp::parse_own(session->presence, xmpp::ns::client);
    if (presence) route(home, *session, to, std::move(*presence));
  }
}

void push(Home& home, const xmpp::Blocking& change) {
  for (Session* session : home.sessions()) {
    if (!session->blocklist) continue;
    auto iq = xmpp::Element::make("iq", xmpp::ns::client);
    iq->set_attr("type", "set").set_attr("id", crypto::random_token()).set_attr("to", session->jid().text());
    change.add_to(*iq);
    session->send(*iq);
  }
}

/// The change is durable: whoever watches sees it, then the clients hear of it.
void apply(Home& home, const xmpp::Blocking& change) {
  const auto before = blocked_watchers(home);
  auto& blocked = home.blocked();
  for (const auto& jid : change.jids) {
    if (change.kind == xmpp::Blocking::Kind::block)
      blocked.insert(jid.text());
    else
      blocked.erase(jid.text());
  }
  if (change.kind == xmpp::Blocking::Kind::unblock && change.jids.empty()) blocked.clear();
  std::vector<std::string> refused;  // XEP-0191 §3.3: what they wrote stays in the archive
  for (const auto& [peer, held] : home.strangers.held) {
    if (const auto jid = xmpp::Jid::parse(peer); jid && home.is_blocked(*jid)) refused.push_back(peer);
  }
  for (const auto& peer : refused) home.forget_held(peer);
  const auto after = blocked_watchers(home);
  for (const auto& jid : after) {
    if (!before.contains(jid)) send_unavailable(home, jid);
  }
  for (const auto& jid : before) {
    if (!after.contains(jid)) send_available(home, jid);
  }
}

Status store(storage::Stores& stores, const xmpp::Jid& owner, const xmpp::Blocking& change) {
  if (change.kind == xmpp::Blocking::Kind::unblock && change.jids.empty()) {
    const auto all = stores.values().all(owner, kind);
    if (!all) return std::unexpected<Error>(all.error());
    for (const auto& [jid, unused] : *all) {
      if (const Status removed = stores.values().remove(owner, kind, jid); !removed) return removed;
    }
    return {};
  }
  for (const auto& jid : change.jids) {
    const Status stored = change.kind == xmpp::Blocking::Kind::block ? stores.values().put(owner, kind, jid.text(), "")
                                                                     : stores.values().remove(owner, kind, jid.text());
    if (!stored) return stored;
  }
  return {};
}

void get_blocklist(IqRequest request) {
  if (refused_to_others(request)) return;
  if (Session* session = request.session()) session->blocklist = true;
  xmpp::Blocking list;
  for (const auto& text : request.home()->blocked()) {
    if (auto jid = xmpp::Jid::parse(text)) list.jids.push_back(std::move(*jid));
  }
  auto result = request.make_result();
  list.add_to(*result);
  request.reply(std::move(result));
}

void change_blocklist(IqRequest request) {
  if (refused_to_others(request)) return;
  auto change = xmpp::Blocking::parse(request.payload());
  if (!change) return request.fail(change.error());
  if (change->kind == xmpp::Blocking::Kind::block &&
      request.home()->blocked().size() + change->jids.size() > most_blocked) {
    return request.fail(xmpp::Condition::resource_constraint);
  }
  const Config& config = request.node().config();
  const ReportLimits limits{.per_day = config.reports_per_day, .keep = config.reports_keep};
  using Reports = std::vector<storage::Report>;
  auto write = [owner = request.to(), change = *change, limits](storage::Stores& stores) -> Result<Reports> {
    if (Status stored = store(stores, owner, change); !stored) return std::unexpected<Error>(stored.error());
    return store_reports(stores, owner, change, limits);
  };
  request.node()
      .stores_of(request.to())
      .run(std::move(write), [request = std::move(request), change = *change](Result<Reports> stored) mutable {
        if (!stored) return request.fail(stored.error());
        announce_reports(request.node(), request.to().domain_jid(), *stored);
        // Without a home nobody is online, and the next one is loaded with the change.
        Home* home = request.home();
        if (home != nullptr) apply(*home, change);
        request.reply();
        if (home != nullptr) push(*home, change);
      });
}

/// §3.3: the user cannot send to who is blocked.
Verdict check_outgoing(Session& session, xmpp::Element& stanza) {
  Home& home = session.home();
  if (home.blocked().empty() || !stanza.has_attr("to")) return {};
  const auto to = xmpp::Jid::parse(stanza.attr("to"));
  if (!to || to->same_bare(home.jid()) || !home.is_blocked(*to)) return {};
  // That someone blocked is told of our absence does no harm; a client that answers a request cannot be told anything.
  if (stanza.attr("type") == "unavailable") return {};
  return {.drop = false, .error = xmpp::blocked_error()};
}

/// §3.3: presence, headlines and answers vanish; messages and requests get service-unavailable, as from nobody.
Verdict check_incoming(Home& home, const Envelope& envelope) {
  if (home.blocked().empty() || envelope.from.same_bare(home.jid()) || !home.is_blocked(envelope.from)) return {};
  const auto kind_of_stanza = envelope.stanza->name();
  const auto type = envelope.stanza->attr("type");
  const bool is_answered = kind_of_stanza == "iq"
                               ? type == "get" || type == "set"
                               : kind_of_stanza == "message" && type != "error" && type != "headline";
  if (!is_answered) return {.drop = true, .error = {}};
  return {.drop = false, .error = xmpp::StanzaError{.condition = xmpp::Condition::service_unavailable}};
}

}  // namespace

void install_blocking(Node&, FeatureRegistry& registry) {
  registry.on_iq(Scope::account, "get", "blocklist", xmpp::ns::blocking, get_blocklist);
  registry.on_iq(Scope::account, "set", "block", xmpp::ns::blocking, change_blocklist);
  registry.on_iq(Scope::account, "set", "unblock", xmpp::ns::blocking, change_blocklist);
  registry.stanza_from_client.push_back(check_outgoing);
  registry.stanza_to_account.push_back(check_incoming);
  registry.advertise(Scope::server, xmpp::ns::blocking);
  registry.advertise(Scope::account, xmpp::ns::blocking);
  registry.advertise(Scope::server, xmpp::ns::reporting);
  registry.advertise(Scope::account, xmpp::ns::reporting);
  registry.implements({.number = 377,
                       .name = "Spam Reporting",
                       .version = "0.4.1",
                       .left_out = "reports are forwarded to nobody",
                       .tests = "golden/blocking/reports.scs"});
  registry.implements(
      {.number = 191, .name = "Blocking Command", .version = "1.3", .left_out = {}, .tests = "golden/blocking"});
}

}  // namespace rookery::server
