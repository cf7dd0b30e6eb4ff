// The contacts and who of them is online (RFC 6121 §2–4).
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "client/core/event.h"
#include "client/core/net/connection.h"
#include "client/core/origin_gate.h"
#include "client/core/store/local_store.h"

namespace rookery::client {

class Roster {
 public:
  Roster(Connection& connection, LocalStore& store, const EventSink& events)
      : connection_(connection), store_(store), events_(events) {}

  Status load();
  void request(std::function<void()> done);  ///< with the version that we have (RFC 6121 §2.6)
  void on_push(const xmpp::Element& query);
  void on_presence(const origin::Presence& presence);
  void on_offline();  ///< nobody is known to be online any more

  /// Adds to the roster and asks to see the contact's presence; lets the contact see ours.
  void add(const xmpp::Jid& jid, const std::string& name, std::function<void()> done = [] {});
  void accept(const xmpp::Jid& jid);
  void remove(const xmpp::Jid& jid, std::function<void()> done = [] {});

  std::vector<Contact> contacts() const;
  const Contact* find(const xmpp::Jid& jid) const;
  std::vector<event::PresenceChanged> presences() const;
  const std::set<xmpp::Jid>& requests() const { return requests_; }

 private:
  void apply(const xmpp::Element& item, bool announce);
  void subscribe(const xmpp::Jid& jid, std::string_view type);
  void store_version(std::string_view version);

  Connection& connection_;
  LocalStore& store_;
  const EventSink& events_;
  std::map<xmpp::Jid, Contact> contacts_;
  std::map<xmpp::Jid, event::PresenceChanged> presences_;
  std::set<xmpp::Jid> requests_;
};

}  // namespace rookery::client
