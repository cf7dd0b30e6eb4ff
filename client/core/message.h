// One chat message as the person sees it and as the local history keeps it.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "crypto/omemo/store.h"
#include "xmpp/jid.h"
#include "xmpp/time.h"

namespace rookery::client {

enum class MessageState : uint8_t {
  pending = 0,    ///< ours: on disk, not written to a stream yet
  sent = 1,       ///< ours: written, not acknowledged
  acked = 2,      ///< ours: the server has it
  delivered = 3,  ///< ours: a device of the contact has it (XEP-0184)
  failed = 4,     ///< ours: refused; `problem` says why
  received = 5,   ///< theirs
};
std::string_view to_string(MessageState state);

enum class Encryption : uint8_t { none = 0, omemo_legacy = 1, omemo = 2 };
std::string_view to_string(Encryption encryption);  ///< "none", "omemo:1", "omemo:2"

std::string_view to_string(crypto::omemo::Trust trust);

/// What has happened to a message, or what a message does to the one that `alters` names.
enum class Altered : uint8_t { no = 0, corrected = 1, retracted = 2 };
std::string_view to_string(Altered altered);

struct ChatMessage {
  int64_t id = 0;  ///< in the local history
  xmpp::Jid peer;  ///< bare: the conversation
  bool outgoing = false;
  std::string text;
  std::string origin_id;
  std::string stanza_id;   ///< given by our own archive
  std::string message_id;  ///< the stanza's id attribute: what receipts name
  xmpp::TimePoint time{};
  MessageState state = MessageState::received;
  Encryption encryption = Encryption::none;
  uint32_t sender_device = 0;
  crypto::omemo::Trust trust = crypto::omemo::Trust::undecided;  ///< of the sending device
  Altered altered = Altered::no;
  std::string alters;    ///< our own correction or retraction: the message_id of the original. Not part of the history
  bool is_file = false;  ///< ours: `text` is the address of an upload
  std::string problem;   ///< why it could not be sent or read; plain text in an encrypted chat
};

/// The original takes over what `change` says.
void apply_alteration(ChatMessage& original, const ChatMessage& change);

}  // namespace rookery::client
