// XEP-0060: a pubsub service beside each of our domains. The engine is server/pubsub/.
#include <set>

#include "server/feature.h"
#include "server/features/features.h"
#include "server/node.h"
#include "server/pubsub/serve.h"
#include "xmpp/namespaces.h"

namespace rookery::server {

using xmpp::Condition;

namespace {

constexpr size_t most_online = 100'000;

class PubsubService {
 public:
  PubsubService(Node& node, xmpp::Jid jid) : node_(node), jid_(std::move(jid)) {}

  pubsub::Viewer viewer(const xmpp::Jid& jid) const {
    pubsub::Viewer viewer{.jid = jid};
    const auto& who = node_.config().pubsub_create;
    viewer.may_create =
        who == "anyone" || (who == "local" && jid.has_local() && node_.router().is_local_domain(jid.domain()));
    return viewer;
  }

  /// On the loop that owns the service's domain.
  void receive(Envelope envelope) {
    node_.router().accept(envelope);
    const auto kind = envelope.stanza->name();
    // A service has one address; REQUIREMENTS 16 is about accounts, of which there are none here.
    if (!envelope.to.is_domain()) return refuse(envelope, Condition::item_not_found);
    if (kind == "iq") return on_iq(std::move(envelope));
    if (kind == "presence") return on_presence(envelope);
    if (pubsub::serve_authorization(node_, jid_, viewer(envelope.from), *envelope.stanza)) return;
    refuse(envelope, Condition::service_unavailable);
  }

 private:
  void refuse(const Envelope& envelope, Condition condition) {
    if (envelope.stanza->name() != "presence") node_.router().bounce(envelope, {.condition = condition});
  }

  void on_iq(Envelope envelope) {
    const auto type = envelope.stanza->attr("type");
    const auto* payload = envelope.stanza->first_element();
    if ((type != "get" && type != "set") || payload == nullptr) return;
    const bool ours =
        payload->name() == "pubsub" && (payload->ns() == xmpp::ns::pubsub || payload->ns() == xmpp::ns::pubsub_owner);
    if (!ours) return refuse(envelope, Condition::service_unavailable);
    auto asking = viewer(envelope.from);
    pubsub::serve(IqRequest(node_, std::move(envelope.stanza), std::move(envelope.from), jid_), std::move(asking));
  }

  /// XEP-0060 §4.3, "on_sub_and_presence": whoever sends its presence here gets the last items once each time it comes.
  void on_presence(const Envelope& envelope) {
    const auto type = envelope.stanza->attr("type");
    if (envelope.from.is_bare()) return;
    if (type == "unavailable" || type == "error") {
      online_.erase(envelope.from.text());
      return;
    }
    if (!type.empty() || online_.size() >= most_online || !online_.insert(envelope.from.text()).second) return;
    spawn(pubsub::send_subscribed_items(node_, jid_, envelope.from), "pubsub_last_items");
  }

  Node& node_;
  const xmpp::Jid jid_;
  std::set<std::string> online_;  ///< full JIDs
};

}  // namespace

void install_pubsub(Node& node, FeatureRegistry& registry) {
  registry.implements(
      {.number = 60,
       .name = "Publish-Subscribe",
       .version = "1.30.0",
       .left_out = "collections, several subscriptions of one JID, digests, get-pending, purge_offline; an owner "
                   "subscribes others (§8.8.2) only by their bare address and only those who let it see their "
                   "presence",
       .tests = "golden/pubsub, golden/pep"});
  if (node.config().pubsub_subdomain.empty()) return;
  for (const auto& domain : node.config().domains) {
    const auto jid = xmpp::Jid::parse(node.config().pubsub_subdomain + "." + domain);
    if (!jid) continue;
    const auto service = std::make_shared<PubsubService>(node, *jid);
    Service hosted{.domain = jid->text(), .name = "Publish-Subscribe", .iq = {}, .receive = {}};
    hosted.receive = [service](Envelope envelope) { service->receive(std::move(envelope)); };
    hosted.iq.identity({.category = "pubsub", .type = "service", .name = "Rookery"});
    pubsub::advertise_common(hosted.iq);
    hosted.iq.on_iq("get", "query", xmpp::ns::disco_items, [service](IqRequest request) {
      auto asking = service->viewer(request.from());
      pubsub::serve_items(std::move(request), std::move(asking));
    });
    hosted.iq.on_node_info = [service](IqRequest request) {
      auto asking = service->viewer(request.from());
      pubsub::serve_node_info(std::move(request), std::move(asking));
    };
    registry.host(std::move(hosted));
  }
}

}  // namespace rookery::server
