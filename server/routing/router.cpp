#include "server/routing/router.h"

#include <algorithm>

#include "server/cluster/cluster.h"
#include "server/node.h"
#include "server/s2s/federation.h"
#include "xmpp/namespaces.h"

namespace rookery::server {

uint32_t shard_of(std::string_view bare_jid) {
  // FNV-1a: the same on every node and machine, unlike std::hash.
  uint64_t hash = 14695981039346656037ull;
  for (const char c : bare_jid) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ull;
  return static_cast<uint32_t>((hash ^ (hash >> 32)) % shard_count);
}

Loop& Router::owner(std::string_view bare_jid) const {
  return *node_.loops()[shard_of(bare_jid) % node_.loops().size()];
}

bool Router::is_local_domain(std::string_view domain) const {
  return std::ranges::find(node_.config().domains, domain) != node_.config().domains.end();
}

bool Router::is_ours(std::string_view domain) const {
  return is_local_domain(domain) || node_.features().service(domain) != nullptr;
}

std::string_view Router::owner_name(const xmpp::Jid& to) const {
  return is_ours(to.domain()) ? to.bare_text() : to.domain();
}

void Router::accept(Envelope& envelope, Job then) {
  Homes& homes = node_.homes();
  const SenderRef sender = std::exchange(envelope.sender, {});
  if (!homes.write_for_sender(envelope)) {
    confirm(sender);
    if (then) then();
    return;
  }
  homes.after_commit([this, sender, then = std::move(then)]() mutable {
    confirm(sender);
    if (then) then();
  });
}

void Router::refuse(Envelope envelope, xmpp::StanzaError error) {
  Envelope refused{.from = envelope.from, .to = envelope.to, .stanza = std::move(envelope.stanza)};
  accept(envelope, [this, refused = std::move(refused), error = std::move(error)] { bounce(refused, error); });
}

void Router::route_to_service(const Service& service, Envelope envelope) {
  const auto* payload = envelope.stanza->first_element();
  if (!envelope.to.has_local() && envelope.stanza->name() == "iq" && payload != nullptr) {
    const IqHandler* handler = service.iq.find(envelope.stanza->attr("type"), payload->name(), payload->ns());
    if (handler != nullptr)
      return (*handler)(IqRequest(node_, std::move(envelope.stanza), std::move(envelope.from), envelope.to.bare()));
  }
  if (service.is_everywhere ? !show_epoch(envelope) : sent_to_another_node(envelope)) return;
  Loop& loop = owner(envelope.to.bare_text());
  if (&loop == Loop::current()) return service.receive(std::move(envelope));
  loop.post([&service, envelope = std::move(envelope)]() mutable { service.receive(std::move(envelope)); });
}

bool Router::goes_elsewhere(const xmpp::Jid& to) const {
  cluster::Cluster* cluster = node_.cluster();
  if (cluster == nullptr) return false;
  // What follows must not overtake what still waits for a shard, even when the shard is ours by now.
  const uint32_t shard = shard_for(to);
  return !cluster->owns(shard) || cluster->port().is_waiting(shard);
}

bool Router::sent_to_another_node(Envelope& envelope) {
  if (node_.cluster() == nullptr) return false;
  if (!show_epoch(envelope)) return true;
  if (!goes_elsewhere(envelope.to)) return false;
  node_.cluster()->port().send(shard_for(envelope.to), std::move(envelope));
  return true;
}

/// The loop that writes it does not own the shard of the sender's home, so the one that does shows its epoch. Whose
/// home that is `from` does not say: a room passes on in its own name what an account has sent. False: the home is not
/// ours any more, and what it still had on its way is nobody's to write; its client sends it again to the next owner.
bool Router::show_epoch(Envelope& envelope) {
  if (node_.cluster() == nullptr || envelope.sender_fence || envelope.stanza->name() != "message") return true;
  const std::string_view owner = envelope.sent_copy ? envelope.sent_copy->owner
                                 : envelope.seen    ? envelope.seen->owner
                                                    : envelope.sender.account.bare_text();
  if (owner.empty()) return true;
  const uint32_t shard = shard_of(owner);
  const uint64_t epoch = node_.homes().epoch_of(shard);
  if (epoch != 0) envelope.sender_fence = storage::LogBatch::Fence{shard, epoch};
  if (epoch != 0 || shard == shard_for(envelope.to)) return true;  // the receiver's own
  if (envelope.sender.packet) node_.cluster()->port().refused(*envelope.sender.packet);
  return false;
}

void Router::deliver_here(Envelope envelope) {
  const Service* service = node_.features().service(envelope.to.domain());
  if (service != nullptr) return service->receive(std::move(envelope));
  if (!is_local_domain(envelope.to.domain())) return node_.federation().receive(std::move(envelope));
  node_.homes().receive(std::move(envelope));
}

void Router::route_to_server(Envelope envelope) {
  if (sent_to_another_node(envelope)) return;
  Loop& loop = owner(envelope.to.domain());
  if (&loop == Loop::current()) return node_.federation().receive(std::move(envelope));
  loop.post([this, envelope = std::move(envelope)]() mutable { node_.federation().receive(std::move(envelope)); });
}

void Router::route(Envelope envelope) {
  if (!is_local_domain(envelope.to.domain())) {
    const Service* service = node_.features().service(envelope.to.domain());
    if (service != nullptr) return route_to_service(*service, std::move(envelope));
    if (node_.federation().reaches(envelope.from.domain(), envelope.to.domain()))
      return route_to_server(std::move(envelope));
    return refuse(std::move(envelope), {.condition = xmpp::Condition::remote_server_not_found});
  }
  if (!envelope.to.has_local()) {
    if (envelope.stanza->name() == "iq") return node_.serve_iq(std::move(envelope));
    // RFC 6121 §8: a message to the server itself has nobody to read it; presence to it is taken silently.
    if (envelope.stanza->name() != "message") return;
    envelope.seen.reset();  // sent again, it shall be answered again
    return refuse(std::move(envelope), {.condition = xmpp::Condition::service_unavailable});
  }
  if (sent_to_another_node(envelope)) return;
  Loop& loop = owner(envelope.to.bare_text());
  if (&loop == Loop::current()) return node_.homes(loop).receive(std::move(envelope));
  loop.post(
      [this, &loop, envelope = std::move(envelope)]() mutable { node_.homes(loop).receive(std::move(envelope)); });
}

void Router::route_anew(Envelope envelope) {
  if (envelope.sender.packet) return node_.cluster()->port().refused(*envelope.sender.packet);
  // In a later turn: the shard may be ours already, and only the news of it still on its way to this loop. On the loop
  // of the sender's home, where it has one: that one knows what it may write.
  const xmpp::Jid& account = envelope.sender.account;
  Loop& loop = account.empty() ? *Loop::current() : owner(account.bare_text());
  loop.post([this, envelope = std::move(envelope)]() mutable {
    if (!is_outdated(envelope)) route(std::move(envelope));
  });
}

/// On the loop of the sender's home: its shard is another's since. Storage would refuse it, and its client sends it
/// again.
bool Router::is_outdated(const Envelope& envelope) const {
  const bool is_written = envelope.sent_copy || envelope.seen || envelope.must_log;
  if (node_.cluster() == nullptr || !is_written || envelope.sender.account.empty()) return false;
  const uint64_t epoch = node_.homes().epoch_of(shard_of(envelope.sender.account.bare_text()));
  return epoch == 0 || (envelope.sender_fence && envelope.sender_fence->epoch != epoch);
}

void Router::bounce(const Envelope& envelope, const xmpp::StanzaError& error) {
  const auto type = envelope.stanza->attr("type");
  // RFC 6120 §8.3.1: never answer an error with an error, nor a result.
  if (type == "error" || (envelope.stanza->name() == "iq" && type == "result")) return;
  auto reply = xmpp::error_reply(*envelope.stanza, error);
  // A request without `to` was for the sender's own account.
  if (!reply->has_attr("from")) reply->set_attr("from", envelope.to.text());
  reply->set_attr("to", envelope.from.text());
  send(std::move(reply));
}

void Router::send(xmpp::ElementPtr stanza) {
  auto from = xmpp::Jid::parse(stanza->attr("from"));
  auto to = xmpp::Jid::parse(stanza->attr("to"));
  if (!from || !to) return;
  route({.from = std::move(*from),
         .to = std::move(*to),
         .stanza = std::move(stanza),
         .sent_copy = {},
         .seen = {},
         .sender = {}});
}

void Router::confirm(const SenderRef& sender) {
  if (sender.packet) return node_.cluster()->port().taken(*sender.packet);
  if (sender.stream) return node_.federation().handled(sender);
  if (sender.session == 0) return;
  const auto tell = [this, sender](Loop& loop) {
    Home* home = node_.homes(loop).find_loaded(sender.account);
    if (home != nullptr) home->confirmed(sender);
  };
  Loop& loop = owner(sender.account.bare_text());
  if (&loop == Loop::current()) return tell(loop);
  loop.post([tell, &loop] { tell(loop); });
}

}  // namespace rookery::server
