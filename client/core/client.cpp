#include "client/core/client.h"

#include <algorithm>

#include "client/core/responder.h"
#include "crypto/hash.h"
#include "crypto/random.h"
#include "xmpp/namespaces.h"
#include "xmpp/payloads/disco.h"
#include "xmpp/xml_chars.h"

namespace rookery::client {

namespace ns = xmpp::ns;

Result<std::unique_ptr<Client>> Client::create(ClientOptions options, LocalStore& store, EventSink events) {
  std::unique_ptr<Client> client(new Client(std::move(options), store, std::move(events)));
  if (auto status = client->load(); !status) return std::unexpected(status.error());
  return client;
}

Client::Client(ClientOptions options, LocalStore& store, EventSink events)
    : events_(std::move(events)),
      connection_({options.account, std::move(options.password), std::move(options.resource), {}}, options.endpoint,
                  *this),
      store_(store),
      messages_(store),
      omemo_(connection_, store, events_),
      roster_(connection_, store, events_),
      archive_(connection_, store),
      outbox_(connection_, store, messages_, omemo_, events_),
      inbox_({connection_, store, messages_, omemo_, outbox_, roster_, archive_, events_}),
      http_(options.endpoint.ca_file),
      files_({connection_, store, omemo_, outbox_, http_, events_}, std::move(options.downloads)) {}

Status Client::load() {
  // The database is this account's: another one's ratchets must never be mixed in.
  auto account = store_.get("account", "");
  if (!account) return std::unexpected(account.error());
  if (*account && **account != connection_.account().text())
    return fail(Failure::invalid, "this database belongs to " + **account + "; give another --db for this account");
  if (!*account) {
    if (auto status = store_.put("account", "", connection_.account().text()); !status) return status;
  }
  auto agent = load_agent_id();
  if (!agent) return std::unexpected(agent.error());
  connection_.set_agent_id(std::move(*agent));
  if (auto status = omemo_.open(connection_.account()); !status) return status;
  if (auto status = roster_.load(); !status) return status;
  return outbox_.load();
}

// XEP-0388 §2.3: a random UUID, the same for as long as this database lives.
Result<std::string> Client::load_agent_id() {
  auto stored = store_.get("agent-id", "");
  if (!stored) return std::unexpected(stored.error());
  if (*stored) return std::move(**stored);
  std::string bytes = crypto::random_bytes(16);
  bytes[6] = static_cast<char>((bytes[6] & 0x0f) | 0x40);
  bytes[8] = static_cast<char>((bytes[8] & 0x3f) | 0x80);
  std::string id = crypto::hex_encode(bytes);
  for (const size_t dash : {8, 13, 18, 23}) id.insert(dash, 1, '-');
  if (auto status = store_.put("agent-id", "", id); !status) return std::unexpected(status.error());
  return id;
}

void Client::on_online(bool resumed) {
  const auto& negotiation = connection_.negotiation();
  events_(event::Online{connection_.jid(), resumed, negotiation.mechanism(), negotiation.channel_binding()});
  if (resumed) return;
  caught_up_ = false;
  outbox_.hold();
  roster_.on_offline();
  discover([this] {
    enable_carbons();
    roster_.request([] {});
    send_presence();
    omemo_.check_for_copy([this](Status status) {
      if (!status) events_(event::Notice{"the local database fails: " + status.error().message});
      if (connection_.online()) catch_up();
    });
  });
}

void Client::discover(std::function<void()> done) {
  auto iq = xmpp::Element::make("iq", ns::client);
  iq->set_attr("type", "get").set_attr("to", account().text()).add("query", ns::disco_info);
  connection_.send_iq(std::move(iq), [this, done](const xmpp::Element* answer) {
    if (!connection_.online()) return;
    const auto* query = answer && answer->attr("type") == "result" ? answer->child("query", ns::disco_info) : nullptr;
    const auto info = query ? xmpp::DiscoInfo::parse(*query) : xmpp::DiscoInfo();
    // XEP-0359 §6: a server that does not know stanza-ids does not remove forged ones.
    inbox_.trust_stanza_ids(info && info->has_feature(ns::sid));
    done();
  });
}

void Client::on_offline(const Error& error, std::optional<std::chrono::milliseconds> retry_in) {
  roster_.on_offline();
  events_(event::Offline{error, retry_in});
}

void Client::enable_carbons() {
  auto iq = xmpp::Element::make("iq", ns::client);
  iq->set_attr("type", "set").add("enable", ns::carbons);
  connection_.send_iq(std::move(iq), [](const xmpp::Element*) {});
}

void Client::catch_up() {
  archive_.start([this](Result<size_t> count) {
    caught_up_ = true;
    if (!connection_.online()) return;
    if (!count) events_(event::Notice{"history could not be fetched: " + count.error().message});
    // Nothing is encrypted before it is known that this database is not an older copy.
    omemo_.on_caught_up([this, count] {
      if (connection_.online()) events_(event::CaughtUp{count.value_or(0)});
    });
    omemo_.settle();
    outbox_.on_caught_up();
  });
}

void Client::send_presence() {
  auto presence = xmpp::Element::make("presence", ns::client);
  if (!show_.empty()) presence->add_text_child("show", show_);
  if (!status_.empty()) presence->add_text_child("status", status_);
  add_caps(*presence);
  connection_.send(*presence);
}

void Client::set_presence(std::string_view show, std::string_view status) {
  show_ = show;
  status_ = status;
  if (online()) send_presence();
}

void Client::on_stanza(const xmpp::Element& stanza) {
  const auto checked = OriginGate(connection_.jid()).check(stanza);
  const Status status = dispatch(checked);
  if (status) return;
  // Not stored, so not to be acknowledged: leave, the server keeps it.
  events_(event::Notice{"the local database fails: " + status.error().message + "; going offline"});
  connection_.interrupt();
  connection_.disconnect();
}

Status Client::dispatch(const origin::Checked& checked) {
  if (const auto* message = std::get_if<origin::Message>(&checked)) return inbox_.on(*message);
  if (const auto* carbon = std::get_if<origin::Carbon>(&checked)) return inbox_.on(*carbon);
  if (const auto* result = std::get_if<origin::ArchiveResult>(&checked)) return inbox_.on(*result);
  if (const auto* event = std::get_if<origin::PepEvent>(&checked)) omemo_.on_event(*event);
  if (const auto* presence = std::get_if<origin::Presence>(&checked)) roster_.on_presence(*presence);
  if (const auto* request = std::get_if<origin::Request>(&checked)) answer(*request);
  if (const auto* push = std::get_if<origin::RosterPush>(&checked)) {
    roster_.on_push(*push->query);
    connection_.send(*xmpp::result_reply(*push->iq));
  }
  return {};
}

void Client::answer(const origin::Request& request) {
  const Contact* contact = roster_.find(request.from);
  const bool may_know =
      (contact && contact->may_see_us()) || request.from.same_bare(account()) || request.from == account().domain_jid();
  connection_.send(*answer_request(*request.iq, may_know));
}

Result<ChatMessage> Client::send(const xmpp::Jid& to, std::string_view text, bool plain) {
  if (!to.has_local()) return fail(Failure::invalid, to.text() + " is a server, not a person");
  if (text.empty()) return fail(Failure::invalid, "there is nothing to send");
  // The history shall hold what the other side gets.
  ChatMessage message;
  message.peer = to.bare();
  message.text = xmpp::replace_illegal(text);
  return outbox_.submit(std::move(message), plain);
}

Result<ChatMessage> Client::alter_last(const xmpp::Jid& to, const std::optional<std::string>& text) {
  auto recent = messages_.history(to, 50);
  if (!recent) return std::unexpected(recent.error());
  // What replaces a file is a file (XEP-0308 §5); taking one back is another matter.
  const auto is_last = [&text](const ChatMessage& m) {
    return m.outgoing && !(text && m.is_file) && m.state != MessageState::failed && m.altered != Altered::retracted &&
           !m.message_id.empty();
  };
  const auto found = std::find_if(recent->rbegin(), recent->rend(), is_last);
  if (found == recent->rend()) return fail(Failure::not_found, "there is no message of yours to " + to.text());
  ChatMessage change;
  change.peer = to.bare();
  change.alters = found->message_id;
  change.altered = text ? Altered::corrected : Altered::retracted;
  change.text = text ? xmpp::replace_illegal(*text) : "/me took back a message, which your client cannot do.";
  // Never weaker than the original.
  return outbox_.submit(std::move(change), false);
}

Status Client::send_file(const xmpp::Jid& to, const std::filesystem::path& file, bool plain) {
  if (!to.has_local()) return fail(Failure::invalid, to.text() + " is a server, not a person");
  return files_.send(to, file, plain);
}

Status Client::fetch_file(const xmpp::Jid& from, size_t number) {
  auto recent = messages_.history(from, 1000);
  if (!recent) return std::unexpected(recent.error());
  for (auto message = recent->rbegin(); message != recent->rend(); ++message) {
    auto link = message->outgoing ? std::nullopt : FileLink::parse(message->text);
    if (!link || --number > 0) continue;
    files_.fetch(from.bare(), std::move(*link));
    return {};
  }
  return fail(Failure::not_found, "there is no such file from " + from.text());
}

Result<std::vector<ChatMessage>> Client::history(const xmpp::Jid& peer, size_t limit) const {
  return messages_.history(peer, limit);
}

void Client::refresh_devices(const xmpp::Jid& jid, std::function<void(Status)> done) {
  if (!online()) return done(fail(Failure::unavailable, "offline"));
  // With sessions, so that fingerprints are known.
  omemo_.prepare(jid, std::move(done));
}

}  // namespace rookery::client
