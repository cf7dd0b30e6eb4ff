// Which conversations are encrypted: from the first encrypted message on, plain text in them is an explicit act
// (REQUIREMENTS 33).
#pragma once

#include "client/core/store/local_store.h"
#include "xmpp/jid.h"

namespace rookery::client {

inline constexpr std::string_view encrypted_chat_kind = "encrypted-chat";

inline bool is_encrypted_chat(const LocalStore& store, const xmpp::Jid& peer) {
  const auto known = store.get(encrypted_chat_kind, peer.bare_text());
  // An unreadable answer counts as yes: that side fails closed.
  return !known || known->has_value();
}

inline Status mark_encrypted_chat(LocalStore& store, const xmpp::Jid& peer) {
  if (is_encrypted_chat(store, peer)) return {};
  return store.put(encrypted_chat_kind, peer.bare_text(), "1");
}

}  // namespace rookery::client
