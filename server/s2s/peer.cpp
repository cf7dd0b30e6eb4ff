#include "server/s2s/peer.h"

#include "crypto/random.h"
#include "server/home/homes.h"
#include "server/home/message_rules.h"
#include "server/log.h"
#include "server/node.h"
#include "server/s2s/federation.h"
#include "server/s2s/remote_servers.h"
#include "xmpp/namespaces.h"
#include "xmpp/stream_parser.h"

namespace rookery::server::s2s {

namespace {

constexpr size_t page_entries = 200;
constexpr auto try_again_after = std::chrono::milliseconds(200);
constexpr auto commit_check = std::chrono::milliseconds(2);
constexpr auto idle_time = std::chrono::seconds(900);

/// What must not be lost: what a person would miss, and whatever a client of ours was promised.
bool is_kept(const Envelope& envelope) {
  const xmpp::Element& stanza = *envelope.stanza;
  if (stanza.name() != "message") return false;
  const bool is_of_client = envelope.sender.session != 0 || envelope.sender.packet || envelope.seen;
  return is_storable(stanza) ||
         (is_of_client && message_type(stanza) == MessageType::groupchat && says_something(stanza));
}

/// By which another Rookery, at least, recognises it when it is sent again (REQUIREMENTS 20).
void give_id(xmpp::Element& message) {
  if (!message.has_attr("id") && message.child("origin-id", xmpp::ns::sid) == nullptr)
    message.set_attr("id", crypto::random_token());
}

}  // namespace

Peer::Peer(RemoteServers& servers, xmpp::Jid domain)
    : servers_(servers), domain_(std::move(domain)), last_used_(servers.loop().now()) {
  load(0);
}

Peer::~Peer() { *alive_ = false; }

void Peer::load(storage::LogId after) {
  Homes& homes = servers_.node().homes(servers_.loop());
  if (!homes.has_all_of_dropped()) {
    servers_.loop().after(commit_check, [this, after, alive = alive_] {
      if (*alive) load(after);
    });
    return;
  }
  servers_.node().read_log(
      [owner = domain_.text(), after](storage::MessageLog& log) { return log.inbox(owner, after, page_entries); },
      [this, after, alive = alive_](Result<std::vector<storage::LogEntry>> page) {
        if (!*alive) return;
        if (page) {
          take_page(*page);
          return page->size() < page_entries ? loaded() : load(page->back().id);
        }
        log::error("s2s_queue_not_read", {{"to", domain_.text()}, {"error", page.error().message}});
        servers_.loop().after(try_again_after, [this, after, still_alive = alive_] {
          if (*still_alive) load(after);
        });
      });
}

void Peer::take_page(const std::vector<storage::LogEntry>& entries) {
  if (!entries.empty()) is_marked_ = true;
  for (const auto& entry : entries) {
    last_id_ = std::max(last_id_, entry.id);
    const auto from = xmpp::Jid::parse(entry.peer);
    if (from) link(from->domain_jid()).add({entry.xml, entry.id});
  }
}

void Peer::loaded() {
  is_loaded_ = true;
  for (auto& envelope : std::exchange(waiting_, {})) receive(std::move(envelope));
}

void Peer::route_waiting_anew() {
  for (auto& envelope : std::exchange(waiting_, {})) servers_.node().router().route_anew(std::move(envelope));
}

// Before the first entry, so that no queue is ever forgotten.
void Peer::mark() {
  if (std::exchange(is_marking_, true)) return;
  auto put = [owner = servers_.federation().first_domain(), key = domain_.text()](storage::Stores& stores) {
    return stores.values().put(owner, mark_kind, key, "");
  };
  servers_.node().stores().run(std::move(put), [this, alive = alive_](const Status& done) {
    if (!*alive) return;
    is_marking_ = false;
    is_marked_ = done.has_value();
    if (is_marked_) return loaded();
    log::error("s2s_queue_not_marked", {{"to", domain_.text()}, {"error", done.error().message}});
    servers_.loop().after(try_again_after, [this, still_alive = alive_] {
      if (*still_alive) mark();
    });
  });
}

void Peer::unmark() {
  if (!is_marked_) return;
  auto remove = [owner = servers_.federation().first_domain(), key = domain_.text()](storage::Stores& stores) {
    return stores.values().remove(owner, mark_kind, key);
  };
  // A new owner may have marked it meanwhile.
  const uint32_t shard = shard_of(domain_.text());
  const storage::Fence fence{shard, servers_.node().homes(servers_.loop()).epoch_of(shard)};
  servers_.node().stores().run(fence, std::move(remove), [](const Status&) {});
}

void Peer::receive(Envelope envelope) {
  last_used_ = servers_.loop().now();
  const bool needs_mark = is_loaded_ && !is_marked_ && is_kept(envelope);
  if (!is_loaded_ || is_marking_ || needs_mark) {
    waiting_.push_back(std::move(envelope));
    if (needs_mark) mark();
    return;
  }
  take(std::move(envelope));
}

void Peer::take(Envelope envelope) {
  Homes& homes = servers_.node().homes(servers_.loop());
  const FromAnotherNode scope(homes, envelope);
  const xmpp::Jid local = envelope.from.domain_jid();
  auto stanza = std::make_shared<Outgoing>();
  const bool keeps = is_kept(envelope);
  if (keeps) {
    give_id(*envelope.stanza);
    const auto now =
        std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch());
    last_id_ = std::max<storage::LogId>(last_id_ + 1, static_cast<storage::LogId>(now.count()));
    stanza->id = last_id_;
  }
  stanza->xml = envelope.stanza->to_xml(xmpp::ns::client);
  if (keeps)
    homes.batch().entries.push_back(
        {domain_.text(), stanza->id, storage::LogEntry::inbox, envelope.from.text(), stanza->xml});
  const bool writes = homes.write_for_sender(envelope) || keeps;
  if (!writes && commits_pending_ == 0) {
    link(local).add(std::move(*stanza));
    return servers_.node().router().confirm(envelope.sender);
  }
  ++commits_pending_;
  homes.after_commit([this, &node = servers_.node(), alive = alive_, local, stanza, sender = envelope.sender] {
    node.router().confirm(sender);
    if (!*alive) return;  // whoever is there now has read it from the log
    --commits_pending_;
    link(local).add(std::move(*stanza));
  });
}

Link& Peer::link(const xmpp::Jid& local) {
  auto& found = links_[local.text()];
  if (!found) found = std::make_unique<Link>(*this, local);
  return *found;
}

void Peer::arrived(storage::LogId id) {
  servers_.node().homes(servers_.loop()).batch().delivered.push_back({domain_.text(), id});
}

void Peer::give_back(const Outgoing& stanza, const xmpp::StanzaError& error) {
  if (stanza.id != 0) arrived(stanza.id);
  auto element = xmpp::parse_own(stanza.xml, xmpp::ns::client);
  if (!element || (*element)->name() == "presence") return;
  if ((*element)->name() == "message" && !says_something(**element)) return;
  auto from = xmpp::Jid::parse((*element)->attr("from"));
  auto to = xmpp::Jid::parse((*element)->attr("to"));
  if (!from || !to) return;
  ++servers_.loop().counters().s2s_bounced;
  servers_.node().router().bounce({.from = std::move(*from), .to = std::move(*to), .stanza = std::move(*element)},
                                  error);
}

void Peer::wake() {
  for (const auto& [local, link] : links_) link->wake();
}

void Peer::close() {
  for (const auto& [local, link] : links_) link->close();
}

bool Peer::is_idle() const {
  if (!is_loaded_ || !waiting_.empty() || is_marking_ || commits_pending_ != 0 ||
      servers_.loop().now() - last_used_ < idle_time)
    return false;
  for (const auto& [local, link] : links_) {
    if (!link->is_idle()) return false;
  }
  return true;
}

std::string Peer::describe() const {
  std::string out;
  for (const auto& [local, link] : links_) out += link->describe();
  return out;
}

}  // namespace rookery::server::s2s
