// In a cluster: a component has one connection, and every node knows to which of them.
#include <algorithm>

#include "crypto/random.h"
#include "server/cluster/cluster.h"
#include "server/components/component.h"
#include "server/components/component_stream.h"
#include "server/components/rights.h"
#include "server/log.h"
#include "server/node.h"

namespace rookery::server {

void Component::announce(bool is_connected) {
  if (is_connected) {
    const auto now =
        std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch());
    // Whatever the clocks say, it is newer than the one that it replaces.
    since_ = std::max({since_ + 1, elsewhere_ ? elsewhere_->since + 1 : 0, static_cast<uint64_t>(now.count())});
    elsewhere_.reset();
  }
  update_connected();
  cluster::Cluster* cluster = node_.cluster();
  if (cluster == nullptr) return;
  cluster->announce({.domain = domain(),
                     .process = cluster->process(),
                     .loop = cluster->port().address(),
                     .since = since_,
                     .is_connected = is_connected});
}

bool Component::sent_elsewhere(const Envelope& envelope) {
  if (!elsewhere_) return false;
  node_.cluster()->port().send_to_loop(elsewhere_->loop, cluster::Topic::component, cluster::encode(envelope));
  return true;
}

void Component::receive_from_node(Envelope envelope, const std::string& process) {
  // It has moved while this was on its way; but two nodes that each believe it at the other must not pass it to and
  // fro.
  if (!stream_ && elsewhere_ && elsewhere_->process == process) elsewhere_.reset();
  update_connected();
  deliver(std::move(envelope));
}

void Component::set_holder(std::optional<cluster::ComponentHolder> holder) {
  const bool is_another =
      elsewhere_ && (!holder || holder->loop != elsewhere_->loop || holder->since != elsewhere_->since);
  const bool is_new = holder && (is_another || !elsewhere_);
  elsewhere_ = std::move(holder);
  update_connected();
  if (is_another) rights_->end();  // what the former connection was asked, nobody answers
  if (is_new && config_.presence == "managed_entity") rights_->send_online();
}

void Component::on_holder(const cluster::ComponentHolder& holder) {
  const bool is_of_elsewhere = elsewhere_ && elsewhere_->process == holder.process;
  if (!holder.is_connected) {
    if (is_of_elsewhere && holder.since >= elsewhere_->since) set_holder(std::nullopt);
    return;
  }
  if (stream_) {
    const bool is_newer = holder.since != since_ ? holder.since > since_ : holder.process > node_.cluster()->process();
    if (!is_newer) return;  // it hears of ours within a second, and ends its own
    // As attach() does it: a program that was started again gets in, whatever its dead connection still believes.
    const auto former = stream_;
    former->close({.condition = xmpp::StreamCondition::conflict, .text = "Connected anew", .application = {}});
    log::info("component_elsewhere", {{"domain", domain()}});
  } else if (elsewhere_ && !is_of_elsewhere && holder.since < elsewhere_->since) {
    return;
  }
  set_holder(holder);
}

void Component::on_places(const cluster::Places& places) {
  if (elsewhere_ && !places.processes.contains(elsewhere_->process)) set_holder(std::nullopt);
  // For nodes that have joined since, or had missed it.
  cluster::Cluster* cluster = node_.cluster();
  if (!stream_) return;
  cluster->announce({.domain = domain(),
                     .process = cluster->process(),
                     .loop = cluster->port().address(),
                     .since = since_,
                     .is_connected = true});
}

std::string ComponentRights::new_id(std::string_view prefix) const {
  std::string id = std::string(prefix) + crypto::random_token();
  // The answer may come to another node, which finds the way back in it.
  if (node_.cluster() != nullptr) id += "@" + node_.cluster()->port(component_.loop()).address();
  return id;
}

bool ComponentRights::sent_to_asker(const Envelope& answer) {
  cluster::Cluster* cluster = node_.cluster();
  const auto id = answer.stanza->attr("id");
  const size_t at = id.find('@');
  if (cluster == nullptr || at == std::string_view::npos) return false;
  const std::string address(id.substr(at + 1));
  // Anybody may write such an id: it opens no way to where there is none.
  if (cluster::process_of_loop(address) == cluster->process() || !cluster->port().has_heard_from(address)) return false;
  cluster->port().send_to_loop(address, cluster::Topic::component_answer, cluster::encode(answer));
  return true;
}

void ComponentRights::on_answer_from_node(const Envelope& answer) {
  if (answer.from.domain() == component_.domain() && answer.stanza->attr("id").starts_with("delegated-")) {
    auto copy =
        std::make_shared<Envelope>(Envelope{.from = answer.from, .to = answer.to, .stanza = answer.stanza->clone()});
    return component_.loop().post([this, copy] { take_delegated_answer(*copy); });
  }
  (void)on_response(answer);
}

}  // namespace rookery::server
