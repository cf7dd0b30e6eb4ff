// The doors through which a XEP enters the server: IQ handlers, a few typed hooks, what disco advertises. See
// features.cpp.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "server/command.h"
#include "server/routing/envelope.h"
#include "xmpp/element.h"
#include "xmpp/errors.h"

namespace rookery::server {

class Home;
class Node;
class Session;

/// One IQ request to be answered exactly once, now or later (move it into a coroutine). All on the loop it came on.
class IqRequest {
 public:
  IqRequest(Node& node, xmpp::ElementPtr stanza, xmpp::Jid from, xmpp::Jid to);
  IqRequest(IqRequest&&) = default;

  const xmpp::Element& stanza() const { return *stanza_; }
  const xmpp::Element& payload() const { return *stanza_->first_element(); }
  const xmpp::Jid& from() const { return from_; }  ///< full JID of the asking client
  const xmpp::Jid& to() const { return to_; }      ///< the bare JID that was asked: an account, our domain, a service's
  bool is_set() const { return stanza_->attr("type") == "set"; }
  /// Account scope: the home that was asked (the owner of `to`). Looked up anew: null if it has gone meanwhile.
  Home* home() const;
  /// The asking client's session, when it is one of home()'s.
  Session* session() const;
  bool is_own_account() const { return from_.same_bare(to_); }
  Node& node() const { return node_; }

  xmpp::ElementPtr make_result() const;  ///< the empty result, to be filled and given to reply()
  void reply(xmpp::ElementPtr iq);
  void reply() { reply(make_result()); }
  void fail(const xmpp::StanzaError& error);
  void fail(xmpp::Condition condition, std::string text = {});
  void fail(const Error& error);  ///< the world failed: internal-server-error, resource-constraint, item-not-found, …

 private:
  Node& node_;
  xmpp::ElementPtr stanza_;
  xmpp::Jid from_, to_;
};

/// How a failure of the world is told to who asked: item-not-found, conflict, …, else internal-server-error.
xmpp::Condition condition_of(const Error& error);

/// Whom an IQ handler answers for.
enum class Scope {
  server,   ///< IQs to one of our domains
  account,  ///< IQs to a bare JID of ours, or without `to`
};

using IqHandler = std::function<void(IqRequest)>;
/// What a stanza hook decides: nothing (go on), or the error that the sender gets; `drop` swallows it silently.
struct Verdict {
  bool drop = false;
  std::optional<xmpp::StanzaError> error;
  bool hold = false;  ///< a message to an account: into its archive, to none of its sessions (Home::hold_message)
  bool stops() const { return drop || error.has_value(); }
};

struct Identity {
  std::string category, type, name;
};

/// IQ handlers of one kind of addressee, and what disco#info says of it.
class IqTable {
 public:
  /// `type` is "get" or "set". A second handler for the same key is a mistake of ours.
  void on_iq(std::string_view type, std::string_view name, std::string_view ns, IqHandler handler);
  void advertise(std::string_view feature);
  void identity(Identity identity);
  /// XEP-0128: extended information in disco#info.
  void extend(xmpp::DataForm form) { forms_.push_back(std::move(form)); }
  IqHandler on_node_info;  ///< answers disco#info with a node; without it there are no nodes

  const IqHandler* find(std::string_view type, std::string_view name, std::string_view ns) const;
  const std::vector<std::string>& features() const { return features_; }
  const std::vector<Identity>& identities() const { return identities_; }
  const std::vector<xmpp::DataForm>& forms() const { return forms_; }

 private:
  struct Entry {
    std::string type, name, ns;
    IqHandler handler;
  };
  std::vector<Entry> handlers_;
  std::vector<std::string> features_;
  std::vector<Identity> identities_;
  std::vector<xmpp::DataForm> forms_;
};

/// A domain of ours that holds no accounts: rooms, pubsub nodes, uploads, a component.
struct Service {
  std::string domain;
  std::string name;  ///< what disco#items of the server calls it
  IqTable iq;  ///< IQs to the domain itself; disco is answered from it (what it has a handler for, it answers itself)
  bool is_everywhere =
      false;                  ///< every node takes what is sent to it from there, whoever owns the address (components)
  bool answers_disco = true;  ///< false: disco queries go to `receive` like all else (components)
  /// Everything else, on the loop that owns the bare JID of `envelope.to`. Whoever takes an envelope and logs nothing
  /// for it calls Router::accept; who logs does as Home::receive_message: one batch, then Router::confirm.
  std::function<void(Envelope)> receive;
};

/// One line of docs/xeps.md, which `rookeryd --xeps` prints. Who implements a XEP says so when it is installed.
struct Xep {
  int number = 0;
  std::string_view name;
  std::string_view version;   ///< of the text that was followed
  std::string_view left_out;  ///< what does not work; empty: everything of the server's part does
  std::string_view tests;     ///< the tests that show it, as paths below tests/
};

/// A room's message for one of its members who is not there (XEP-0045): for push and unread counts.
struct AbsentRoomMessage {
  const xmpp::Jid& member;       ///< bare JID of an account of ours: owner, admin, member, or one with a reserved nick
  const xmpp::Jid& room;         ///< bare
  std::string_view nick;         ///< of the author
  const xmpp::Element& message;  ///< as the occupants get it, with the room's stanza-id, without `to`
  storage::LogId id = 0;         ///< its place in the room's archive; 0 when the room keeps none
  bool is_public = false;        ///< anyone may enter the room
};

class FeatureRegistry {
 public:
  void on_iq(Scope scope, std::string_view type, std::string_view name, std::string_view ns, IqHandler handler) {
    table(scope).on_iq(type, name, ns, std::move(handler));
  }
  void advertise(Scope scope, std::string_view feature) { table(scope).advertise(feature); }
  void identity(Scope scope, Identity identity) { table(scope).identity(std::move(identity)); }

  /// Adds a domain; config names it, so it is known before the loops start.
  void host(Service service);
  const Service* service(std::string_view domain) const;
  const std::vector<std::unique_ptr<Service>>& services() const { return services_; }

  /// XEP-0050: a command of our domains. A second one of the same node is a mistake of ours.
  void command(Command command);
  const Command* find_command(std::string_view node) const;
  const std::vector<std::unique_ptr<Command>>& commands() const { return commands_; }

  void implements(Xep xep) { xeps_.push_back(xep); }
  const std::vector<Xep>& xeps() const { return xeps_; }

  // Hooks, in the order of features.cpp.
  std::vector<std::function<Verdict(Session&, xmpp::Element&)>>
      stanza_from_client;  ///< message, presence, iq before routing
  std::vector<std::function<void(Session&, xmpp::Element&)>>
      presence_from_client;  ///< available, broadcast or directed: may add to it
  std::vector<std::function<Verdict(Home&, const Envelope&)>> stanza_to_account;  ///< before it is stored or delivered
  /// To an account that does not exist: the error instead of the usual one.
  std::vector<std::function<std::optional<xmpp::StanzaError>(const Envelope&)>> stanza_to_nobody;
  std::vector<std::function<void(Session&)>> session_available;  ///< after its initial presence was broadcast
  std::vector<std::function<void(Session&, const xmpp::Element&)>>
      presence_ended;  ///< its last: type unavailable, from a full JID
  std::vector<std::function<void(Session&, const xmpp::Element&)>>
      presence_updated;  ///< each available presence of a client of ours
  std::vector<std::function<void(Home&, const xmpp::Jid&, const xmpp::Element&)>>
      contact_presence;  ///< presence of a remote entity to a home
  std::vector<std::function<void(Home&, const xmpp::Jid&)>> contact_subscribed;  ///< a contact may see us from now on

  /// A roster push, without `to`, once what it tells is durable.
  std::vector<std::function<void(Home&, const xmpp::Element&)>> roster_pushed;
  /// An IQ request to a domain of ours or to an account, before a handler is looked for; true: somebody else answers
  /// it, and has taken the envelope.
  std::vector<std::function<bool(Envelope&)>> iq_request;
  /// A message for the account has gone to whom it may concern, or waits; also, once more, when a client that it was
  /// sent to cannot be reached and has not acknowledged it. And the first presence of type subscribe of somebody. For
  /// push.
  std::vector<std::function<void(Home&, const xmpp::Element&)>> message_arrived;

  /// IQ results and errors to the account's bare JID; true: it was for this hook.
  std::vector<std::function<bool(Home&, const Envelope&)>> response_to_account;

  /// A client around the home listens to pubsub nodes to which it did not before (features/caps.h).
  std::vector<std::function<void(Home&, const xmpp::Jid&, const std::set<std::string, std::less<>>&)>> interests_gained;

  /// A room's loop: this account was deleted, and storage has forgotten its affiliation with the room (bans stay).
  std::vector<std::function<void(const xmpp::Jid& room, const xmpp::Jid& account)>> member_deleted;

  /// XEP-0386 §3.1: `feature` (a namespace) may be switched on while a client binds, and is announced as such. The
  /// handler gets the session, which nobody knows yet, and the child of <bind/> in that namespace; what it returns, if
  /// anything, becomes a child of <bound/>. It must not send anything: <success/> is not sent yet.
  using BindHandler = std::function<xmpp::ElementPtr(Session&, const xmpp::Element&)>;
  void on_bind(std::string_view feature, BindHandler handler);
  struct BindEntry {
    std::string feature;
    BindHandler handler;
  };
  const std::vector<BindEntry>& bind_handlers() const { return bind_handlers_; }
  /// Called once on the first loop when all loops run: for what happens by the clock.
  std::vector<std::function<void()>> started;
  /// Called on each loop when the node stops, before streams are closed. Not in a cluster: there others go on with what
  /// is here.
  std::vector<std::function<void()>> stopping;

  IqTable& table(Scope scope) { return tables_[static_cast<size_t>(scope)]; }
  /// On the loop of the room, once the message is durable; members with any session in the room are left out.
  std::vector<std::function<void(const AbsentRoomMessage&)>> room_message_for_absent;

  const IqTable& table(Scope scope) const { return tables_[static_cast<size_t>(scope)]; }

 private:
  IqTable tables_[2];
  std::vector<BindEntry> bind_handlers_;
  std::vector<std::unique_ptr<Service>> services_;
  std::vector<std::unique_ptr<Command>> commands_;
  std::vector<Xep> xeps_;
};

/// Installs every feature, in the one order that matters (features.cpp).
void install_features(Node& node, FeatureRegistry& registry);

}  // namespace rookery::server
