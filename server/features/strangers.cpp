// REQUIREMENTS 29: first contact, limited on both sides and, where it is wanted, held as a request.
// docs/adr/0004-strangers.md.
#include "server/access.h"
#include "server/features/features.h"
#include "server/node.h"
#include "server/rate_limit.h"
#include "xmpp/namespaces.h"

namespace rookery::server {

namespace {

using DomainLimit = std::shared_ptr<RateLimit>;

/// Says something that a person reads. Receipts, markers and typing do not: clients send them by themselves.
bool is_written_by_a_person(const xmpp::Element& message) {
  for (const auto& child : message.elements()) {
    if (child.ns() == xmpp::ns::chat_states || child.ns() == xmpp::ns::hints || child.ns() == xmpp::ns::sid) continue;
    if (child.ns() == xmpp::ns::markers || child.is("received", xmpp::ns::receipts) || child.name() == "thread")
      continue;
    return true;
  }
  return false;
}

xmpp::StanzaError too_many() {
  return {.condition = xmpp::Condition::policy_violation,
          .text = "Too many new contacts, try later",
          .application_name = {},
          .application_ns = {},
          .type = xmpp::ErrorType::wait,
          .application_feature = {}};
}

bool is_account(Home& home, const xmpp::Jid& jid) {
  const Router& router = home.node().router();
  return jid.has_local() && (router.is_local_domain(jid.domain()) || !router.is_ours(jid.domain()));
}

/// Through a room one reaches strangers too (XEP-0045 §7.8.2).
bool may_invite(Home& home, const xmpp::Element& message) {
  const auto* x = message.child("x", xmpp::ns::muc_user);
  if (x == nullptr) return true;
  for (const auto& invite : x->elements()) {
    if (!invite.is("invite", xmpp::ns::muc_user)) continue;
    const auto to = xmpp::Jid::parse(invite.attr("to"));
    if (to && is_account(home, *to) && !home.may_turn_to(*to)) return false;
  }
  return true;
}

std::string_view bare_part(std::string_view address) { return address.substr(0, address.find('/')); }

Verdict check_outgoing(Session& session, xmpp::Element& stanza) {
  const auto name = stanza.name();
  const auto type = stanza.attr("type");
  if (name == "message" ? type == "error" || type == "groupchat" : name != "presence" || type != "subscribe") return {};
  const auto address = stanza.attr("to");
  if (address.empty()) return {};
  Home& home = session.home();
  if (home.strangers.found(bare_part(address), Strangers::may_be_written_to)) return {};
  const auto to = xmpp::Jid::parse(address);
  if (!to) return {};
  if (!is_account(home, *to)) return may_invite(home, stanza) ? Verdict{} : Verdict{.drop = false, .error = too_many()};
  if (name == "message" && !is_written_by_a_person(stanza)) return {};
  // Refused here, before anybody looks whether there is such an account (REQUIREMENTS 16).
  if (!home.may_turn_to(*to)) return {.drop = false, .error = too_many()};
  home.strangers.note(to->bare_text(), Strangers::may_be_written_to);
  return {};
}

/// A first contact from elsewhere: is its domain within its limit?
bool domain_may(const Router& router, const DomainLimit& limit, const Envelope& envelope) {
  if (limit == nullptr || router.is_ours(envelope.from.domain())) return true;
  return limit->take(std::string(envelope.from.domain()), Clock::now());
}

bool is_first_contact(const Envelope& envelope) {
  const auto type = envelope.stanza->attr("type");
  if (envelope.stanza->name() == "message") return type != "error" && type != "groupchat";
  return envelope.stanza->name() == "presence" && type == "subscribe";
}

/// A session has told it that it is there: a room, a gateway, somebody who is to call back.
bool is_visited(Home& home, const xmpp::Jid& peer) {
  for (const Session* session : home.sessions()) {
    for (const auto& jid : session->directed) {
      if (jid.same_bare(peer)) return true;
    }
  }
  return false;
}

Verdict judge(Home& home, const DomainLimit& limit, const Envelope& envelope) {
  const xmpp::Jid& from = envelope.from;
  const auto bare = from.bare_text();
  if (!is_account(home, from) || home.knows(from)) {
    home.strangers.note(bare, Strangers::may_write);
    return {};
  }
  if (is_visited(home, from)) return {};
  if (!home.strangers.found(bare, Strangers::has_written)) {
    if (!domain_may(home.node().router(), limit, envelope)) return {.drop = false, .error = too_many()};
    home.strangers.note(bare, Strangers::has_written);
  }
  if (envelope.stanza->name() == "presence") return {};  // RFC 6121 §3.1.3 holds it as a request already
  const std::string& policy =
      home.strangers.policy.empty() ? home.node().config().strangers_policy : home.strangers.policy;
  // What an account's server says for it (PEP), to one who has subscribed.
  if (policy == "deliver" || (from.is_bare() && envelope.stanza->attr("type") == "headline")) return {};
  if (policy == "refuse")
    return {.drop = false, .error = xmpp::StanzaError{.condition = xmpp::Condition::service_unavailable}};
  return {.drop = false, .error = {}, .hold = true};
}

Verdict check_incoming(Home& home, const DomainLimit& limit, const Envelope& envelope) {
  if (!is_first_contact(envelope)) return {};
  const auto bare = envelope.from.bare_text();
  // Behind what is held already, also while that is being released.
  if (!home.strangers.held.empty() && envelope.stanza->name() == "message" && home.strangers.held.contains(bare)) {
    return {.drop = false, .error = {}, .hold = true};
  }
  if (home.strangers.found(bare, Strangers::may_write)) return {};
  return judge(home, limit, envelope);
}

void get_strangers(IqRequest request) {
  if (refused_to_others(request)) return;
  const Home& home = *request.home();
  auto result = request.make_result();
  auto& list = result->add("strangers", xmpp::ns::strangers);
  list.set_attr("policy", home.strangers.policy.empty() ? "default" : home.strangers.policy);
  for (const auto& [peer, held] : home.strangers.held) list.add("request").set_attr("jid", peer);
  request.reply(std::move(result));
}

void set_policy(IqRequest request) {
  if (refused_to_others(request)) return;
  const std::string policy(request.payload().attr("policy"));
  if (policy != "default" && policy != "deliver" && policy != "hold" && policy != "refuse")
    return request.fail(xmpp::Condition::bad_request);
  auto write = [owner = request.to(), policy](storage::Stores& stores) {
    return policy == "default" ? stores.values().remove(owner, Strangers::kind, Strangers::policy_key)
                               : stores.values().put(owner, Strangers::kind, Strangers::policy_key, policy);
  };
  request.node().stores().run(std::move(write), [request = std::move(request), policy](const Status& stored) mutable {
    if (!stored) return request.fail(stored.error());
    if (Home* home = request.home()) home->strangers.policy = policy == "default" ? std::string() : policy;
    request.reply();
  });
}

void accept(IqRequest request) {
  if (refused_to_others(request)) return;
  const auto jid = xmpp::Jid::parse(request.payload().attr("jid"));
  if (!jid) return request.fail(xmpp::Condition::jid_malformed);
  if (!request.home()->strangers.held.contains(jid->bare_text())) return request.fail(xmpp::Condition::item_not_found);
  Home& home = *request.home();
  request.reply();
  home.accept_stranger(jid->bare());
}

}  // namespace

void install_strangers(Node& node, FeatureRegistry& registry) {
  const unsigned most = node.config().strangers_per_domain;
  const DomainLimit limit = most == 0 ? nullptr : std::make_shared<RateLimit>(most, std::chrono::hours(1));
  registry.stanza_from_client.push_back(check_outgoing);
  registry.stanza_to_account.push_back(
      [limit](Home& home, const Envelope& envelope) { return check_incoming(home, limit, envelope); });
  registry.stanza_to_nobody.push_back([&node, limit](const Envelope& envelope) -> std::optional<xmpp::StanzaError> {
    if (!is_first_contact(envelope) || domain_may(node.router(), limit, envelope)) return std::nullopt;
    return too_many();
  });
  registry.session_available.push_back([](Session& session) {
    Home& home = session.home();
    if (!home.strangers.held.empty() || !home.strangers.released.empty()) home.stranger_news(session);
  });
  registry.on_iq(Scope::account, "get", "strangers", xmpp::ns::strangers, get_strangers);
  registry.on_iq(Scope::account, "set", "strangers", xmpp::ns::strangers, set_policy);
  registry.on_iq(Scope::account, "set", "accept", xmpp::ns::strangers, accept);
  registry.advertise(Scope::account, xmpp::ns::strangers);
}

}  // namespace rookery::server
