// XEP-0054: vcard-temp.
#include "server/access.h"
#include "server/features/features.h"
#include "server/node.h"
#include "xmpp/namespaces.h"
#include "xmpp/stream_parser.h"

namespace rookery::server {

namespace {

constexpr std::string_view kind = "vcard";

void get_vcard(IqRequest request) {
  auto read = [owner = request.to()](storage::Stores& stores) { return stores.values().get(owner, kind, ""); };
  request.node().stores().run(read, [request = std::move(request)](Result<std::optional<std::string>> stored) mutable {
    if (!stored) return request.fail(stored.error());
    // REQUIREMENTS 16: to others an account without a vCard looks like none.
    const auto absent = request.is_own_account() ? xmpp::Condition::item_not_found : xmpp::Condition::service_unavailable;
    if (!*stored) return request.fail(absent);
    const auto document = xmpp::parse_document(**stored);
    if (!document) return request.fail(absent);
    auto result = request.make_result();
    result->add_copy(**document);
    request.reply(std::move(result));
  });
}

void set_vcard(IqRequest request) {
  if (refused_to_others(request)) return;
  auto write = [owner = request.to(), xml = request.payload().to_xml()](storage::Stores& stores) {
    return stores.values().put(owner, kind, "", xml);
  };
  request.node().stores().run(std::move(write), [request = std::move(request)](Status stored) mutable {
    if (!stored) return request.fail(stored.error());
    request.reply();
  });
}

}  // namespace

void install_vcard(Node&, FeatureRegistry& registry) {
  registry.on_iq(Scope::account, "get", "vCard", xmpp::ns::vcard_temp, get_vcard);
  registry.on_iq(Scope::account, "set", "vCard", xmpp::ns::vcard_temp, set_vcard);
  registry.advertise(Scope::server, xmpp::ns::vcard_temp);
  registry.advertise(Scope::account, xmpp::ns::vcard_temp);
  registry.implements({.number = 54, .name = "vcard-temp", .version = "1.3.0", .left_out = {}, .tests = "golden/storage/vcard_temp.scs"});
}

}  // namespace rookery::server
