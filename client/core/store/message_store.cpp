#include "client/core/store/message_store.h"

#include <algorithm>

#include "client/core/store/packed.h"

namespace rookery::client {

namespace {

using storage::sqlite::Blob;

constexpr std::string_view message_place = "messages";
constexpr std::string_view outbox_place = "outbox";

/// Who named the origin-id: the same id from another sender is another message.
std::string origin_key(std::string_view sender_bare, std::string_view origin_id) {
  return std::string(sender_bare) + '\n' + std::string(origin_id);
}

std::string encode(const ChatMessage& message, std::string_view sender) {
  return pack({message.peer.text(), message.outgoing ? "1" : "0", message.text, message.origin_id, message.stanza_id,
               message.message_id, std::to_string(static_cast<int>(message.encryption)),
               std::to_string(message.sender_device), std::to_string(static_cast<int>(message.trust)), message.problem,
               sender, std::to_string(static_cast<int>(message.altered)), message.alters, message.is_file ? "1" : "0"});
}

std::optional<ChatMessage> decode(std::string_view packed) {
  auto fields = unpack(packed, 10);
  if (!fields) return std::nullopt;
  auto& f = *fields;
  auto peer = xmpp::Jid::parse(f[0]);
  if (!peer) return std::nullopt;
  ChatMessage message;
  message.peer = *peer;
  message.outgoing = f[1] == "1";
  message.text = f[2];
  message.origin_id = f[3];
  message.stanza_id = f[4];
  message.message_id = f[5];
  message.encryption = static_cast<Encryption>(number(f[6]));
  message.sender_device = static_cast<uint32_t>(number(f[7]));
  message.trust = static_cast<crypto::omemo::Trust>(number(f[8]));
  message.problem = f[9];
  if (f.size() < 14) return message;  // from before there were corrections and files
  message.altered = static_cast<Altered>(number(f[11]));
  message.alters = f[12];
  message.is_file = f[13] == "1";
  return message;
}

/// Our own messages are found by the empty sender.
std::string sender_of(const ChatMessage& message) { return message.outgoing ? std::string() : message.peer.text(); }

constexpr const char* columns = "SELECT id, time, state, value FROM messages ";

}  // namespace

Result<int64_t> MessageStore::add(const ChatMessage& message) {
  const Vault& vault = store_.vault();
  // What alters another message has a place in the outbox, but none in the conversation.
  const std::string peer = vault.index(message.alters.empty() ? "peer" : "alterations", message.peer.text());
  const std::string id = message.origin_id.empty() ? message.message_id : message.origin_id;
  // A message without any id of its own cannot be recognised by it.
  const std::string origin = id.empty() ? std::string() : vault.index("origin", origin_key(sender_of(message), id));
  const std::string stanza = message.stanza_id.empty() ? "" : vault.index("stanza", message.stanza_id);
  const std::string value = vault.seal(message_place, encode(message, sender_of(message)));
  const auto time = message.time.time_since_epoch().count();
  auto& database = store_.database();
  auto status =
      database.run("INSERT INTO messages (peer, origin, stanza, time, state, value) VALUES (?, ?, ?, ?, ?, ?)",
                   Blob{peer}, Blob{origin}, stanza.empty() ? std::optional<Blob>() : std::optional<Blob>(Blob{stanza}),
                   time, static_cast<int>(message.state), Blob{value});
  if (!status) return std::unexpected(status.error());
  return database.last_insert_id();
}

Result<int64_t> MessageStore::add_outgoing(const ChatMessage& message, bool encrypt) {
  int64_t id = 0;
  auto status = store_.transaction([&]() -> Status {
    auto added = add(message);
    if (!added) return std::unexpected(added.error());
    id = *added;
    const std::string value = store_.vault().seal(outbox_place, pack({encrypt ? "1" : "0", ""}));
    return store_.database().run("INSERT INTO outbox (message, value) VALUES (?, ?)", id, Blob{value});
  });
  if (!status) return std::unexpected(status.error());
  return id;
}

Status MessageStore::set_outgoing_xml(int64_t id, const ChatMessage& message, std::string_view xml) {
  return store_.transaction([&]() -> Status {
    if (auto status = update(message); !status) return status;
    const bool encrypted = message.encryption != Encryption::none;
    const std::string value = store_.vault().seal(outbox_place, pack({encrypted ? "1" : "0", xml}));
    return store_.database().run("UPDATE outbox SET value = ? WHERE message = ?", Blob{value}, id);
  });
}

Status MessageStore::update(const ChatMessage& message) {
  const Vault& vault = store_.vault();
  const std::string stanza = message.stanza_id.empty() ? "" : vault.index("stanza", message.stanza_id);
  const std::string value = vault.seal(message_place, encode(message, sender_of(message)));
  return store_.database().run("UPDATE messages SET state = ?, value = ?, stanza = ? WHERE id = ?",
                               static_cast<int>(message.state), Blob{value},
                               stanza.empty() ? std::optional<Blob>() : std::optional<Blob>(Blob{stanza}), message.id);
}

Status MessageStore::finish_outgoing(const ChatMessage& message) {
  return store_.transaction([&]() -> Status {
    if (auto status = update(message); !status) return status;
    return store_.database().run("DELETE FROM outbox WHERE message = ?", message.id);
  });
}

Result<std::vector<ChatMessage>> MessageStore::read(storage::sqlite::Statement rows) const {
  std::vector<ChatMessage> messages;
  while (rows.next()) {
    auto opened = store_.vault().open(message_place, rows.view(3));
    if (!opened) return std::unexpected(opened.error());
    auto message = decode(*opened);
    if (!message) return fail(Failure::invalid, "a message of the local history is damaged");
    message->id = rows.integer(0);
    message->time = xmpp::TimePoint(std::chrono::microseconds(rows.integer(1)));
    message->state = static_cast<MessageState>(rows.integer(2));
    messages.push_back(std::move(*message));
  }
  if (auto status = rows.status(); !status) return std::unexpected(status.error());
  return messages;
}

Result<std::optional<ChatMessage>> MessageStore::by_id(int64_t id) const {
  auto found = read(store_.database().query(std::string(columns) + "WHERE id = ?", id));
  if (!found) return std::unexpected(found.error());
  if (found->empty()) return std::optional<ChatMessage>();
  return std::optional<ChatMessage>(std::move(found->front()));
}

Result<std::optional<ChatMessage>> MessageStore::by_origin(std::string_view sender_bare,
                                                           std::string_view origin_id) const {
  if (origin_id.empty()) return std::optional<ChatMessage>();
  const std::string index = store_.vault().index("origin", origin_key(sender_bare, origin_id));
  auto found =
      read(store_.database().query(std::string(columns) + "WHERE origin = ? ORDER BY id LIMIT 1", Blob{index}));
  if (!found) return std::unexpected(found.error());
  if (found->empty()) return std::optional<ChatMessage>();
  return std::optional<ChatMessage>(std::move(found->front()));
}

Result<bool> MessageStore::knows_stanza_id(std::string_view stanza_id) const {
  const std::string index = store_.vault().index("stanza", stanza_id);
  auto rows = store_.database().query("SELECT 1 FROM messages WHERE stanza = ?", Blob{index});
  const bool found = rows.next();
  if (auto status = rows.status(); !status) return std::unexpected(status.error());
  return found;
}

Result<std::vector<ChatMessage>> MessageStore::history(const xmpp::Jid& peer, size_t limit) const {
  const std::string index = store_.vault().index("peer", peer.bare_text());
  auto found = read(store_.database().query(std::string(columns) + "WHERE peer = ? ORDER BY time DESC, id DESC LIMIT ?",
                                            Blob{index}, limit));
  if (found) std::reverse(found->begin(), found->end());
  return found;
}

Result<std::vector<Outgoing>> MessageStore::outbox() const {
  auto messages =
      read(store_.database().query(std::string(columns) + "WHERE id IN (SELECT message FROM outbox) ORDER BY id"));
  if (!messages) return std::unexpected(messages.error());
  std::vector<Outgoing> result;
  for (auto& message : *messages) {
    auto rows = store_.database().query("SELECT value FROM outbox WHERE message = ?", message.id);
    if (!rows.next()) continue;
    auto opened = store_.vault().open(outbox_place, rows.view(0));
    if (!opened) return std::unexpected(opened.error());
    auto fields = unpack(*opened, 2);
    if (!fields) return fail(Failure::invalid, "the outbox is damaged");
    result.push_back({std::move(message), (*fields)[0] == "1", (*fields)[1]});
  }
  return result;
}

Result<size_t> MessageStore::outbox_size() const {
  auto rows = store_.database().query("SELECT count(*) FROM outbox");
  size_t count = 0;
  if (rows.next()) count = static_cast<size_t>(rows.integer(0));
  if (auto status = rows.status(); !status) return std::unexpected(status.error());
  return count;
}

}  // namespace rookery::client
