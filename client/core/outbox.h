// Our messages on their way to the server: on disk before they are sent, sent again until acknowledged (REQUIREMENTS
// 32).
#pragma once

#include <deque>
#include <map>
#include <set>

#include "client/core/event.h"
#include "client/core/omemo/omemo.h"
#include "client/core/store/message_store.h"

namespace rookery::client {

class Outbox {
 public:
  Outbox(Connection& connection, LocalStore& store, MessageStore& messages, Omemo& omemo, const EventSink& events)
      : connection_(connection), store_(store), messages_(messages), omemo_(omemo), events_(events) {}

  Status load();  ///< what an earlier run left behind
  /// Encrypts unless `plain`, when the contact has devices or ever had. Returns the message as it is kept.
  /// `draft` has a peer, a text, and perhaps what it alters: that is altered here, too.
  Result<ChatMessage> submit(ChatMessage draft, bool plain);
  /// A new session: nothing goes out until it has caught up.
  void hold() { is_held_ = true; }
  void on_caught_up();  ///< everything unacknowledged is sent again, as the same stanza
  void on_acknowledged(int64_t message);
  /// An error bounced from `from` for the stanza with this id.
  void on_bounced(std::string_view message_id, const xmpp::Jid& from, const std::string& reason);
  /// A receipt from `from` (XEP-0184).
  void on_receipt(std::string_view message_id, const xmpp::Jid& from);
  bool empty() const { return unfinished_.empty(); }

 private:
  struct Line {
    std::deque<Outgoing> queue;
    bool preparing = false;
  };
  void pump(const xmpp::Jid& peer);
  void drain(const xmpp::Jid& peer, const Status& prepared);
  void send(Outgoing& outgoing, const Status& prepared);
  Result<std::string> compose(Outgoing& outgoing, const Status& prepared);
  Status alter_original(const ChatMessage& change);
  static std::optional<xmpp::Alteration> alteration_of(const ChatMessage& message);
  static std::string compose_plain(const ChatMessage& message, xmpp::Element& stanza);
  void fail_message(ChatMessage message, std::string problem);

  Connection& connection_;
  LocalStore& store_;
  MessageStore& messages_;
  Omemo& omemo_;
  const EventSink& events_;
  std::map<xmpp::Jid, Line> lines_;
  std::set<int64_t> unfinished_;
  uint64_t session_ = 0;
  bool is_held_ = true;
};

}  // namespace rookery::client
