#include "client/core/message.h"

namespace rookery::client {

std::string_view to_string(MessageState state) {
  switch (state) {
    case MessageState::pending:
      return "pending";
    case MessageState::sent:
      return "sent";
    case MessageState::acked:
      return "acked";
    case MessageState::delivered:
      return "delivered";
    case MessageState::failed:
      return "failed";
    case MessageState::received:
      return "received";
  }
  return "failed";
}

std::string_view to_string(Encryption encryption) {
  switch (encryption) {
    case Encryption::none:
      return "none";
    case Encryption::omemo_legacy:
      return "omemo:1";
    case Encryption::omemo:
      return "omemo:2";
  }
  return "none";
}

std::string_view to_string(Altered altered) {
  switch (altered) {
    case Altered::no:
      return "no";
    case Altered::corrected:
      return "corrected";
    case Altered::retracted:
      return "retracted";
  }
  return "no";
}

std::string_view to_string(crypto::omemo::Trust trust) {
  switch (trust) {
    case crypto::omemo::Trust::undecided:
      return "undecided";
    case crypto::omemo::Trust::automatic:
      return "automatic";
    case crypto::omemo::Trust::verified:
      return "verified";
    case crypto::omemo::Trust::distrusted:
      return "distrusted";
  }
  return "undecided";
}

void apply_alteration(ChatMessage& original, const ChatMessage& change) {
  original.altered = change.altered;
  original.text = change.altered == Altered::retracted ? std::string() : change.text;
  original.problem = change.problem;
  original.encryption = change.encryption;
  original.sender_device = change.sender_device;
  original.trust = change.trust;
}

}  // namespace rookery::client
