// XEP-0049: Private XML Storage.
#include "server/access.h"
#include "server/features/features.h"
#include "server/node.h"
#include "server/pubsub/bookmarks.h"
#include "xmpp/namespaces.h"
#include "xmpp/stream_parser.h"

namespace rookery::server {

namespace {

constexpr std::string_view kind = "private";
constexpr size_t most_elements = 200;                                    // of one account
constexpr std::string_view bookmarks_key = "storage storage:bookmarks";  // XEP-0411

std::string key_of(const xmpp::Element& element) {
  return std::string(element.name()) + " " + std::string(element.ns());
}

/// Failure::full where the element would be one too many.
Status put(storage::ValueStore& values, const xmpp::Jid& owner, const std::string& key, const std::string& xml) {
  const auto known = values.get(owner, kind, key);
  if (!known) return std::unexpected<Error>(known.error());
  const auto count = values.count(owner, kind);
  if (!count) return std::unexpected<Error>(count.error());
  if (!*known && *count >= most_elements) return fail(Failure::full, "too many private elements");
  return values.put(owner, kind, key, xml);
}

void get_private(IqRequest request) {
  if (refused_to_others(request)) return;
  const auto* wanted = request.payload().first_element();
  if (wanted == nullptr || wanted->next_element() != nullptr) return request.fail(xmpp::Condition::bad_request);
  auto read = [owner = request.to(), key = key_of(*wanted)](storage::Stores& stores) {
    return stores.values().get(owner, kind, key);
  };
  request.node().stores().run(read, [request = std::move(request)](Result<std::optional<std::string>> stored) mutable {
    if (!stored) return request.fail(stored.error());
    const auto* asked = request.payload().first_element();
    auto result = request.make_result();
    auto& query = result->add("query", xmpp::ns::private_xml);
    const auto document = *stored ? xmpp::parse_own(**stored) : std::unexpected(xmpp::StreamError{});
    // §2.2: what was never stored comes back as an empty element.
    if (document)
      query.add_copy(**document);
    else
      query.add(asked->name(), asked->ns());
    request.reply(std::move(result));
  });
}

void set_private(IqRequest request) {
  if (refused_to_others(request)) return;
  std::vector<std::pair<std::string, std::string>> values;
  for (const auto& element : request.payload().elements()) {
    // §2.1: each element has a namespace of its own.
    if (element.ns().empty() || element.ns() == xmpp::ns::private_xml)
      return request.fail(xmpp::Condition::bad_request);
    values.emplace_back(key_of(element), element.to_xml());
  }
  if (values.empty()) return request.fail(xmpp::Condition::bad_request);
  auto write = [owner = request.to(), values = std::move(values)](storage::Stores& stores) -> Result<pubsub::Effects> {
    pubsub::Effects effects;
    for (const auto& [key, xml] : values) {
      if (const Status stored = put(stores.values(), owner, key, xml); !stored)
        return std::unexpected<Error>(stored.error());
      if (key != bookmarks_key) continue;
      const auto storage = xmpp::parse_own(xml);
      if (!storage) continue;
      if (const Status done = pubsub::bookmarks_from_private(stores, owner, **storage, effects); !done)
        return std::unexpected<Error>(done.error());
    }
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

void install_private_xml(Node&, FeatureRegistry& registry) {
  registry.on_iq(Scope::account, "get", "query", xmpp::ns::private_xml, get_private);
  registry.on_iq(Scope::account, "set", "query", xmpp::ns::private_xml, set_private);
  registry.advertise(Scope::server, xmpp::ns::private_xml);
  registry.advertise(Scope::account, xmpp::ns::private_xml);
  registry.implements({.number = 49,
                       .name = "Private XML Storage",
                       .version = "1.2",
                       .left_out = {},
                       .tests = "golden/storage/private_xml.scs"});
}

}  // namespace rookery::server
