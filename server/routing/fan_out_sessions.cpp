#include "server/cluster/cluster.h"
#include "server/node.h"
#include "server/routing/fan_out.h"
#include "xmpp/namespaces.h"

namespace rookery::server {

namespace {

/// Empty where the stanza does not say it.
xmpp::Jid sender_of(const SharedStanza& stanza) {
  return xmpp::Jid::parse(stanza.stanza().attr("from")).value_or(xmpp::Jid());
}

/// For hooks, which want an envelope: one that only borrows the shared stanza, and is used for one receiver after
/// another.
class BorrowedEnvelope {
 public:
  BorrowedEnvelope() = default;
  ~BorrowedEnvelope() { give_back(); }
  BorrowedEnvelope(const BorrowedEnvelope&) = delete;

  const Envelope& lend(xmpp::Jid to, const SharedStanza& shared) {
    envelope_.to = std::move(to);
    if (envelope_.stanza.get() == &shared.stanza()) return envelope_;
    give_back();
    envelope_.from = sender_of(shared);
    // Hooks get it as const; nobody but the shared stanza frees it.
    envelope_.stanza.reset(const_cast<xmpp::Element*>(&shared.stanza()));
    return envelope_;
  }

 private:
  void give_back() { (void)envelope_.stanza.release(); }
  Envelope envelope_;
};

}  // namespace

SharedStanzaPtr share(xmpp::ElementPtr stanza, storage::LogId place) {
  stanza->remove_attr("to");
  return std::make_shared<const SharedStanza>(std::move(stanza), place);
}

SharedStanzaPtr share_to_keep(xmpp::ElementPtr stanza) {
  stanza->remove_attr("to");
  return std::make_shared<const SharedStanza>(*stanza);
}

Fanout::Fanout(Node& node) : node_(node), by_loop_(node.loops().size()) {}

bool Fanout::is_session_here(const xmpp::Jid& to) const {
  if (to.is_bare() || !node_.router().is_local_domain(to.domain())) return false;
  cluster::Cluster* cluster = node_.cluster();
  if (cluster == nullptr) return true;
  const uint32_t shard = shard_of(to.bare_text());
  return cluster->owns(shard) && !cluster->port().is_waiting(shard);  // as Router::route decides
}

void Fanout::add(const xmpp::Jid& to, const SharedStanzaPtr& stanza) {
  auto& items = is_session_here(to) ? by_loop_[node_.router().owner(to.bare_text()).index()] : elsewhere_;
  items.push_back({to, stanza});
}

void Fanout::send() {
  for (auto& loop : node_.loops()) {
    auto& items = by_loop_[loop->index()];
    if (items.empty()) continue;
    if (loop.get() == Loop::current()) {
      deliver(node_, items);
    } else {
      loop->post([&node = node_, items = std::move(items)]() mutable { deliver(node, items); });
    }
    items.clear();
  }
  for (const Item& item : std::exchange(elsewhere_, {})) {
    xmpp::Jid from = sender_of(*item.stanza);
    if (from.empty()) continue;
    auto stanza = item.stanza->whole();
    stanza->set_attr("to", item.to.text());
    node_.router().route(
        {.from = std::move(from), .to = item.to, .stanza = std::move(stanza), .place = item.stanza->place()});
  }
}

void Fanout::deliver(Node& node, std::vector<Item>& items) {
  Homes& homes = node.homes();
  BorrowedEnvelope envelope;
  for (Item& item : items) {
    if (Home* home = homes.find_loaded(item.to)) {
      home->receive_for_session(envelope.lend(std::move(item.to), *item.stanza), item.stanza);
    } else {
      Home::bounce_shared(node, item.to, *item.stanza);
    }
  }
}

}  // namespace rookery::server
