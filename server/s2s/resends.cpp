#include "server/s2s/resends.h"

#include "crypto/hash.h"
#include "crypto/random.h"
#include "server/home/message_rules.h"
#include "server/node.h"
#include "xmpp/namespaces.h"

namespace rookery::server::s2s {

namespace {

// What was not durable by then never will be: its shard has moved, and forgotten it.
constexpr auto longest = std::chrono::seconds(120);

/// Somebody writes it into the log: an account's home, or a room.
bool is_written(Node& node, const Envelope& envelope) {
  const xmpp::Element& message = *envelope.stanza;
  if (!envelope.to.has_local()) return false;
  const Service* service = node.features().service(envelope.to.domain());
  if (service == nullptr) return is_storable(message);
  return !service->is_everywhere && message_type(message) == MessageType::groupchat && says_something(message);
}

}  // namespace

std::string Resends::key_of(Node& node, const Envelope& envelope) {
  if (!is_written(node, envelope)) return {};
  const xmpp::Element& message = *envelope.stanza;
  std::string text = envelope.from.text() + '\0' + envelope.to.text() + '\0';
  const auto* origin = message.child("origin-id", xmpp::ns::sid);
  const auto id = message.attr("id");
  if (origin != nullptr && !origin->attr("id").empty()) {
    text.append("o").append(origin->attr("id"));
  } else if (!id.empty()) {
    // Some count from 1 again and again; but the same words under the same number are the same message.
    text.append("i").append(message.to_xml(xmpp::ns::client));
  } else {
    return crypto::random_bytes(16);
  }
  return crypto::digest(crypto::Hash::sha256, text).substr(0, 16);
}

bool Resends::begin(const std::string& key, const SenderRef& sender) {
  const std::lock_guard lock(mutex_);
  const auto now = Clock::now();
  const auto [entry, is_new] = entries_.try_emplace(key, Entry{now, {}});
  if (is_new) return true;
  if (now - entry->second.begun > longest) {
    entry->second = {now, {}};
    return true;
  }
  entry->second.others.push_back(sender);
  return false;
}

std::vector<SenderRef> Resends::end(const std::string& key) {
  const std::lock_guard lock(mutex_);
  const auto entry = entries_.extract(key);
  return entry.empty() ? std::vector<SenderRef>() : std::move(entry.mapped().others);
}

}  // namespace rookery::server::s2s
