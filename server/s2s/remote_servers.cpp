#include "server/s2s/remote_servers.h"

#include "server/home/homes.h"
#include "server/node.h"
#include "server/s2s/federation.h"
#include "server/s2s/incoming_stream.h"

namespace rookery::server::s2s {

namespace {
constexpr auto sweep_interval = std::chrono::seconds(60);
}

RemoteServers::RemoteServers(Federation& federation, Node& node, Loop& loop)
    : federation_(federation), node_(node), loop_(loop), resolver_(loop, node.config().s2s_resolver) {
  // A commit that was refused, or a shard that moved: what is in the log is read by whoever owns the domain then.
  node_.homes(loop_).also_drop([this](const Homes::Which& which) {
    std::erase_if(peers_, [&](const auto& entry) {
      if (!which(entry.first)) return false;
      entry.second->route_waiting_anew();
      return true;
    });
  });
  loop_.after(sweep_interval, [this] { sweep(); });
}

RemoteServers::~RemoteServers() = default;

void RemoteServers::sweep() {
  std::erase_if(peers_, [](const auto& entry) {
    if (!entry.second->is_idle()) return false;
    entry.second->unmark();
    return true;
  });
  loop_.after(sweep_interval, [this] { sweep(); });
}

Peer& RemoteServers::peer(const xmpp::Jid& domain) {
  auto& found = peers_[domain.text()];
  if (!found) found = std::make_unique<Peer>(*this, domain);
  return *found;
}

void RemoteServers::receive(Envelope envelope) {
  const xmpp::Jid domain = envelope.to.domain_jid();
  if (!node_.homes(loop_).owns(domain.text())) return node_.router().route_anew(std::move(envelope));
  if (!peers_.contains(domain.text()) && !federation_.may_turn_to_another(envelope.from)) {
    return node_.router().refuse(std::move(envelope),
                                 {.condition = xmpp::Condition::resource_constraint,
                                  .text = "You have turned to too many other servers, try later."});
  }
  peer(domain).receive(std::move(envelope));
}

void RemoteServers::load(const xmpp::Jid& domain) { peer(domain); }

void RemoteServers::wake(const std::string& domain) {
  const auto found = peers_.find(domain);
  if (found != peers_.end()) found->second->wake();
}

void RemoteServers::handled(const SenderRef& sender) {
  const auto found = incoming_.find(sender.stream->serial);
  if (found != incoming_.end()) found->second->handled(sender.stanza);
}

void RemoteServers::close() {
  for (const auto& [domain, peer] : peers_) peer->close();
  const auto streams = incoming_;
  for (const auto& [serial, stream] : streams)
    stream->close({.condition = xmpp::StreamCondition::system_shutdown, .text = {}, .application = {}});
}

std::string RemoteServers::describe() {
  std::string out;
  for (const auto& [domain, peer] : peers_) out += peer->describe();
  for (const auto& [serial, stream] : incoming_) out += stream->describe();
  return out;
}

}  // namespace rookery::server::s2s
