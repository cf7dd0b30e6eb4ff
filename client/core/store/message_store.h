// The history and the outbox.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/core/message.h"
#include "client/core/store/local_store.h"

namespace rookery::client {

/// A message on its way out.
struct Outgoing {
  ChatMessage message;
  bool encrypt = true;
  std::string
      xml;  ///< what goes to the server; empty until it is encrypted. Kept, so that a resend is the same stanza.
};

class MessageStore {
 public:
  explicit MessageStore(LocalStore& store) : store_(store) {}

  /// Writes the message and returns its id.
  Result<int64_t> add(const ChatMessage& message);
  /// Writes message and outbox entry in one commit (REQUIREMENTS 32).
  Result<int64_t> add_outgoing(const ChatMessage& message, bool encrypt);
  Status set_outgoing_xml(int64_t id, const ChatMessage& message, std::string_view xml);
  Status update(const ChatMessage& message);
  /// The server has it: out of the outbox.
  Status finish_outgoing(const ChatMessage& message);

  Result<std::optional<ChatMessage>> by_id(int64_t id) const;
  Result<std::optional<ChatMessage>> by_origin(std::string_view sender_bare, std::string_view origin_id) const;
  Result<bool> knows_stanza_id(std::string_view stanza_id) const;
  /// The newest `limit` of a conversation, oldest first.
  Result<std::vector<ChatMessage>> history(const xmpp::Jid& peer, size_t limit) const;
  /// In the order in which they were written.
  Result<std::vector<Outgoing>> outbox() const;
  Result<size_t> outbox_size() const;

 private:
  Result<std::vector<ChatMessage>> read(storage::sqlite::Statement rows) const;
  LocalStore& store_;
};

}  // namespace rookery::client
