#include "client/core/inbox.h"

#include "client/core/conversations.h"
#include "xmpp/namespaces.h"
#include "xmpp/payloads/stanza_id.h"

namespace rookery::client {

namespace ns = xmpp::ns;

namespace {

xmpp::TimePoint now() { return std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now()); }

std::string error_text(const xmpp::Element& message) {
  const auto error = xmpp::StanzaError::parse(message);
  if (!error) return "refused";
  std::string text = "refused: " + std::string(to_string(error->condition));
  return error->text.empty() ? text : text + " (" + error->text + ")";
}

void set_alteration(ChatMessage& message, const std::optional<xmpp::Alteration>& alteration) {
  if (!alteration) return;
  message.alters = alteration->id;
  message.altered = alteration->kind == xmpp::Alteration::Kind::correction ? Altered::corrected : Altered::retracted;
}

}  // namespace

Inbox::Item Inbox::make_item(const xmpp::Element& message, const xmpp::Jid& from, event::Via via) const {
  const xmpp::Jid account = parts_.connection.account();
  Item item{message, from, account, "", now(), via};
  if (trusts_stanza_ids_) item.stanza_id = xmpp::find_stanza_id(message, account).value_or("");
  if (const auto to = xmpp::Jid::parse(message.attr("to"))) item.to = *to;
  item.is_ours = from.same_bare(account) && !item.to.same_bare(account);
  return item;
}

xmpp::TimePoint Inbox::time_of(const xmpp::Element& message) const {
  const auto delay = xmpp::Delay::find(message);
  if (!delay) return now();
  // XEP-0203 §6: anyone can claim a time; our own server knows when it kept something back.
  const auto& account = parts_.connection.account();
  const bool by_own_server =
      delay->from.empty() || delay->from == account.domain_jid() || delay->from == account.bare();
  return by_own_server ? delay->stamp : now();
}

Status Inbox::on(const origin::Message& message) {
  Item item = make_item(*message.message, message.from, event::Via::live);
  item.time = time_of(*message.message);
  if (message.message->attr("type") == "error") {
    parts_.outbox.on_bounced(message.message->attr("id"), message.from, error_text(*message.message));
    return {};
  }
  auto status = handle(item);
  if (status) parts_.archive.on_live(item.stanza_id);
  return status;
}

Status Inbox::on(const origin::Carbon& carbon) {
  Item item = make_item(*carbon.message, carbon.from, event::Via::carbon);
  item.time = carbon.delay ? carbon.delay->stamp : time_of(*carbon.message);
  auto status = handle(item);
  if (status) parts_.archive.on_live(item.stanza_id);
  return status;
}

Status Inbox::on(const origin::ArchiveResult& result) {
  if (!parts_.archive.is_open_query(result.query_id)) return {};
  Item item = make_item(*result.message, result.from, event::Via::archive);
  item.stanza_id = result.id;
  if (result.delay) item.time = result.delay->stamp;
  return handle(item);
}

bool Inbox::handle_signals(const Item& item) {
  const auto* received = item.message.child("received", ns::receipts);
  if (!received) received = item.message.child("received", ns::markers);
  if (!received) received = item.message.child("displayed", ns::markers);
  if (!received) return false;
  if (!item.is_ours) parts_.outbox.on_receipt(received->attr("id"), item.from);
  return true;
}

Status Inbox::handle(const Item& item) {
  const std::string_view type = item.message.attr("type");
  if (type == "error" || type == "groupchat" || type == "headline") return {};
  if (handle_signals(item)) return {};
  const bool encrypted = xmpp::omemo::find_encrypted(item.message) != nullptr;
  if (!encrypted && !item.message.child("body", ns::client) && !xmpp::Alteration::find(item.message)) return {};
  std::optional<ChatMessage> stored, altered;
  auto status = parts_.store.transaction([&]() -> Status {
    // Before decrypting: a replay of what we have looks like tampering to the ratchet.
    auto known = is_known(item);
    if (!known) return std::unexpected(known.error());
    if (*known) return {};
    auto message = read(item);
    if (!message) return std::unexpected(message.error());
    if (!*message) return {};
    if (!(*message)->alters.empty()) {
      auto original = alter(item, **message);
      if (!original) return std::unexpected(original.error());
      altered = std::move(*original);
      if (altered || (*message)->text.empty()) return {};
      // There is nothing that it may alter: a message like any other (XEP-0308 §3).
      (*message)->alters.clear();
      (*message)->altered = Altered::no;
    }
    if (auto ordered = keep_order(**message); !ordered) return ordered;
    auto id = parts_.messages.add(**message);
    if (!id) return std::unexpected(id.error());
    (*message)->id = *id;
    stored = std::move(*message);
    return {};
  });
  if (!status) return status;
  if (altered) parts_.events(event::MessageAltered{*altered, item.via});
  if (stored) {
    if (item.via == event::Via::archive) parts_.archive.count_result();
    parts_.events(event::MessageAdded{*stored, item.via});
    if (!item.is_ours && item.via == event::Via::live && stored->problem.empty()) send_receipt(item);
  }
  if (encrypted && !parts_.archive.running()) parts_.omemo.settle();
  return {};
}

Result<bool> Inbox::is_known(const Item& item) {
  if (!item.stanza_id.empty()) {
    auto known = parts_.messages.knows_stanza_id(item.stanza_id);
    if (!known || *known) return known;
  }
  const std::string origin_id = xmpp::find_origin_id(item.message).value_or("");
  if (origin_id.empty()) return false;
  const std::string sender = item.is_ours ? "" : std::string(item.from.bare_text());
  auto found = parts_.messages.by_origin(sender, origin_id);
  if (!found) return std::unexpected(found.error());
  if (!*found || (*found)->peer != item.peer()) return false;
  auto& message = **found;
  if (item.stanza_id.empty() || !message.stanza_id.empty()) return true;
  // Our own message came back from the archive: now it has a name there.
  message.stanza_id = item.stanza_id;
  if (auto status = parts_.messages.update(message); !status) return std::unexpected(status.error());
  return true;
}

Result<std::optional<ChatMessage>> Inbox::read(const Item& item) {
  ChatMessage message;
  message.peer = item.peer();
  message.outgoing = item.is_ours;
  message.origin_id = xmpp::find_origin_id(item.message).value_or("");
  message.message_id = item.message.attr("id");
  message.stanza_id = item.stanza_id;
  message.time = item.time;
  message.state = item.is_ours ? MessageState::acked : MessageState::received;
  if (!xmpp::omemo::find_encrypted(item.message)) {
    set_alteration(message, xmpp::Alteration::find(item.message));
    message.text = item.message.child_text("body", ns::client);
    if (is_encrypted_chat(parts_.store, message.peer)) message.problem = "not encrypted, although this conversation is";
    return std::optional<ChatMessage>(std::move(message));
  }
  auto opened = parts_.omemo.decrypt(item.from, item.to, item.message, parts_.archive.running());
  if (!opened) return std::unexpected(opened.error());
  if (opened->is_own && !message.origin_id.empty()) {
    if (auto status = parts_.omemo.suspect_copy(); !status) return std::unexpected(status.error());
  }
  if (!opened->text && opened->problem.empty()) return std::optional<ChatMessage>();
  // What was written before this device existed was never meant for it.
  if (!opened->text && item.via == event::Via::archive && opened->device == 0) return std::optional<ChatMessage>();
  message.encryption = opened->encryption;
  message.sender_device = opened->device;
  message.trust = opened->trust;
  message.text = opened->text.value_or("");
  set_alteration(message, opened->alteration);
  message.problem = opened->problem;
  if (opened->text) {
    if (auto status = mark_encrypted_chat(parts_.store, message.peer); !status) return std::unexpected(status.error());
  }
  return std::optional<ChatMessage>(std::move(message));
}

// The original as it is now; nothing when there is none that this sender may alter in this way.
Result<std::optional<ChatMessage>> Inbox::alter(const Item& item, const ChatMessage& change) {
  const std::string author = item.is_ours ? "" : std::string(item.from.bare_text());
  auto original = parts_.messages.by_origin(author, change.alters);
  if (!original || !*original) return original;
  auto& message = **original;
  const xmpp::Jid& wrote = message.outgoing ? parts_.connection.account() : message.peer;
  // What was encrypted is not altered by what the server could have written (XEP-0308 §5).
  const bool is_weaker = message.encryption != Encryption::none && change.encryption == Encryption::none;
  if (!OriginGate::may_alter(wrote, item.from) || message.peer != item.peer() || is_weaker || !change.problem.empty())
    return std::optional<ChatMessage>();
  if (message.altered == Altered::retracted) return std::optional<ChatMessage>(std::move(message));
  apply_alteration(message, change);
  if (auto status = parts_.messages.update(message); !status) return std::unexpected(status.error());
  return std::optional<ChatMessage>(std::move(message));
}

Status Inbox::keep_order(ChatMessage& message) {
  auto newest = parts_.messages.history(message.peer, 1);
  if (!newest) return std::unexpected(newest.error());
  if (newest->empty()) return {};
  // Archives tell whole seconds; within one the order of arrival is the truth.
  const auto last = newest->front().time;
  if (message.time <= last && last - message.time < std::chrono::seconds(1))
    message.time = last + std::chrono::microseconds(1);
  return {};
}

void Inbox::send_receipt(const Item& item) {
  if (!item.message.child("request", ns::receipts) || item.message.attr("id").empty()) return;
  // REQUIREMENTS 35: a receipt tells when we are online.
  const Contact* contact = parts_.roster.find(item.from);
  if (!contact || !contact->may_see_us()) return;
  auto receipt = xmpp::Element::make("message", ns::client);
  receipt->set_attr("to", item.from.text()).set_attr("type", "chat");
  receipt->add("received", ns::receipts).set_attr("id", item.message.attr("id"));
  receipt->add("store", ns::hints);
  parts_.connection.send(*receipt);
}

}  // namespace rookery::client
