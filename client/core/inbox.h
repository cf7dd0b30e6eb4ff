// Messages that come to us, by whatever way: recognised, decrypted, stored in one commit, then told.
#pragma once

#include "client/core/archive_sync.h"
#include "client/core/event.h"
#include "client/core/omemo/omemo.h"
#include "client/core/outbox.h"
#include "client/core/roster.h"
#include "client/core/store/message_store.h"

namespace rookery::client {

class Inbox {
 public:
  struct Parts {
    Connection& connection;
    LocalStore& store;
    MessageStore& messages;
    Omemo& omemo;
    Outbox& outbox;
    Roster& roster;
    ArchiveSync& archive;
    const EventSink& events;
  };
  explicit Inbox(Parts parts) : parts_(parts) {}

  /// Does our server vouch for the stanza-ids that bear its name? Otherwise they are ignored.
  void trust_stanza_ids(bool trusted) { trusts_stanza_ids_ = trusted; }

  // An error is one of the local database: the stanza is not ours yet and must not be acknowledged.
  Status on(const origin::Message& message);
  Status on(const origin::Carbon& carbon);
  Status on(const origin::ArchiveResult& result);

 private:
  /// A message whose origin is settled.
  struct Item {
    const xmpp::Element& message;
    xmpp::Jid from, to;
    std::string stanza_id;
    xmpp::TimePoint time;
    event::Via via;
    bool is_ours = false;
    xmpp::Jid peer() const { return is_ours ? to.bare() : from.bare(); }
  };
  Status handle(const Item& item);
  bool handle_signals(const Item& item);
  Result<bool> is_known(const Item& item);
  Result<std::optional<ChatMessage>> read(const Item& item);
  Result<std::optional<ChatMessage>> alter(const Item& item, const ChatMessage& change);
  Status keep_order(ChatMessage& message);
  void send_receipt(const Item& item);
  Item make_item(const xmpp::Element& message, const xmpp::Jid& from, event::Via via) const;
  xmpp::TimePoint time_of(const xmpp::Element& message) const;

  Parts parts_;
  bool trusts_stanza_ids_ = false;
};

}  // namespace rookery::client
