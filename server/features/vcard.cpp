// XEP-0054: vcard-temp.
#include "server/access.h"
#include "server/features/features.h"
#include "server/node.h"
#include "server/pubsub/avatar.h"
#include "server/pubsub/conversions.h"
#include "xmpp/namespaces.h"
#include "xmpp/stream_parser.h"

namespace rookery::server {

namespace {

constexpr std::string_view kind = "vcard";

struct Found {
  std::optional<std::string> vcard;
  std::optional<xmpp::VcardPhoto> photo;  ///< XEP-0398: the avatar that the reader may see
};

Result<Found> find(storage::Stores& stores, const xmpp::Jid& owner, const pubsub::Viewer& viewer) {
  auto vcard = stores.values().get(owner, kind, "");
  if (!vcard) return std::unexpected<Error>(vcard.error());
  auto photo = pubsub::avatar_for(stores, owner, viewer);
  if (!photo) return std::unexpected<Error>(photo.error());
  return Found{std::move(*vcard), std::move(*photo)};
}

void get_vcard(IqRequest request) {
  const Home* home = request.home();
  if (home == nullptr) return request.fail(xmpp::Condition::service_unavailable);
  auto read = [owner = request.to(), viewer = pubsub::viewer(*home, request.from())](storage::Stores& stores) {
    return find(stores, owner, viewer);
  };
  request.node().stores().run(read, [request = std::move(request)](Result<Found> found) mutable {
    if (!found) return request.fail(found.error());
    const auto document = found->vcard ? xmpp::parse_own(*found->vcard) : std::unexpected(xmpp::StreamError{});
    // REQUIREMENTS 16: to others an account without a vCard looks like none.
    const auto absent =
        request.is_own_account() ? xmpp::Condition::item_not_found : xmpp::Condition::service_unavailable;
    if (!document && !found->photo) return request.fail(absent);
    auto result = request.make_result();
    auto& vcard = document ? result->add_copy(**document) : result->add("vCard", xmpp::ns::vcard_temp);
    if (found->photo) xmpp::add_photo(vcard, *found->photo);
    request.reply(std::move(result));
  });
}

void set_vcard(IqRequest request) {
  if (refused_to_others(request)) return;
  auto write = [owner = request.to(),
                xml = request.payload().to_xml()](storage::Stores& stores) -> Result<pubsub::Effects> {
    pubsub::Effects effects;
    const auto kept = pubsub::vcard_changed(stores, owner, xml, effects);
    if (!kept) return std::unexpected<Error>(kept.error());
    if (auto stored = stores.values().put(owner, kind, "", *kept); !stored)
      return std::unexpected<Error>(stored.error());
    return effects;
  };
  request.node()
      .stores_of(request.to())
      .run(std::move(write), [request = std::move(request)](Result<pubsub::Effects> effects) mutable {
        if (!effects) return request.fail(effects.error());
        request.reply();
        pubsub::tell(request.node(), request.to(), std::move(*effects));
      });
}

}  // namespace

void install_vcard(Node&, FeatureRegistry& registry) {
  registry.on_iq(Scope::account, "get", "vCard", xmpp::ns::vcard_temp, get_vcard);
  registry.on_iq(Scope::account, "set", "vCard", xmpp::ns::vcard_temp, set_vcard);
  registry.advertise(Scope::server, xmpp::ns::vcard_temp);
  registry.advertise(Scope::account, xmpp::ns::vcard_temp);
  registry.implements({.number = 54,
                       .name = "vcard-temp",
                       .version = "1.3.0",
                       .left_out = {},
                       .tests = "golden/storage/vcard_temp.scs"});
}

}  // namespace rookery::server
