// What a component may do beyond its own domain: privileged entities (XEP-0356) and namespaces delegated to it
// (XEP-0355). All of it by configuration, for all accounts of the server.
#pragma once

#include <functional>
#include <string>
#include <unordered_map>

#include "server/components/component.h"
#include "server/loop.h"

namespace rookery::server {

class Home;

/// Of one component; lives on its loop, but for what says otherwise.
class ComponentRights {
 public:
  ComponentRights(Node& node, Component& component) : node_(node), component_(component) {}

  /// Its stream has begun: tells what it may do, and who is online.
  void begin();
  /// Its stream is over: whoever waits for an answer gets service-unavailable.
  void end();

  /// A stanza of the component, checked already. True: it was for the server itself, and has been dealt with.
  bool take(Envelope& envelope);

  // Any loop
  /// Is this request to the server or to an account the component's to answer?
  bool is_delegated(const Envelope& iq) const;
  void delegate(Envelope iq);
  /// An answer to what another node had sent, or this one.
  void on_answer_from_node(const Envelope& answer);
  void send_online();  ///< tells the component of the accounts here
  /// An answer to what take() has sent in an account's name. True: it was one.
  bool on_response(const Envelope& answer);

 private:
  /// Sent in an account's name, not answered yet.
  struct Privileged {
    xmpp::ElementPtr request;  ///< the component's
    std::string asked;         ///< who has to answer
    bool wrapped = false;      ///< the answer is to be forwarded (XEP-0356 §5.3), else told as it is (§3.3)
    Loop::TimerId timeout;
  };
  /// Given to the component, not answered yet.
  struct Delegated {
    Envelope request;
    Loop::TimerId timeout;
  };

  void advertise(const std::string& domain);
  std::string new_id(std::string_view prefix) const;
  bool sent_to_asker(const Envelope& answer);
  bool take_message(Envelope& envelope);
  void send_message(xmpp::ElementPtr message, const xmpp::Jid& from, Envelope refused);
  bool take_roster_request(Envelope& envelope);
  bool take_privileged_iq(Envelope& envelope);
  std::string fault_of(const Envelope& envelope, const xmpp::Element& inner) const;
  void ask(Envelope& envelope, xmpp::ElementPtr inner, const xmpp::Jid& to, bool wrapped);
  void send_request(Envelope request, std::string id);
  /// Of an account whose home is on another node; in the order of asking.
  void if_exists(const xmpp::Jid& account, std::move_only_function<void(bool)> then);
  void no_such_account(const std::string& id);
  void answered(const std::string& id, const std::string& from, xmpp::ElementPtr answer);
  bool take_delegated_answer(Envelope& envelope);
  void give(Envelope iq);
  void refuse(const Envelope& envelope, xmpp::Condition condition, std::string text = {});

  Node& node_;
  Component& component_;
  std::unordered_map<std::string, Privileged> privileged_;
  std::unordered_map<std::string, Delegated> delegated_;
};

}  // namespace rookery::server
