#include "server/pubsub/avatar.h"

#include "crypto/hash.h"
#include "crypto/random.h"
#include "server/pubsub/items.h"
#include "xmpp/namespaces.h"

namespace rookery::server::pubsub {

namespace ns = xmpp::ns;
using xmpp::VcardPhoto;

namespace {

constexpr std::string_view avatar_kind = "avatar";  // its value is the hash that presence carries

/// The picture that the nodes hold now, if it is one.
struct Current {
  std::optional<Leaf> metadata, data;
  std::string hash;
  VcardPhoto photo;
};

std::string hash_of(std::string_view image) { return crypto::hex_encode(crypto::digest(crypto::Hash::sha1, image)); }

/// XEP-0398 §3: the picture that is here, not the one at a web address.
const xmpp::Element* find_info(const xmpp::Element& metadata) {
  for (const auto& info : metadata.elements()) {
    if (info.is("info", ns::avatar_metadata) && !info.has_attr("url") && !info.attr("id").empty()) return &info;
  }
  return nullptr;
}

Result<Current> read_current(storage::Stores& stores, const xmpp::Jid& owner) {
  Current current;
  auto metadata = load(stores.pubsub(), owner, ns::avatar_metadata);
  if (!metadata) return std::unexpected<Error>(metadata.error());
  auto data = load(stores.pubsub(), owner, ns::avatar_data);
  if (!data) return std::unexpected<Error>(data.error());
  current.metadata = std::move(*metadata);
  current.data = std::move(*data);
  if (!current.metadata || !current.data) return current;
  const auto last = last_item(stores, owner, ns::avatar_metadata);
  if (!last) return std::unexpected<Error>(last.error());
  const auto payload = *last ? parse_payload(**last) : nullptr;
  const auto* info = payload != nullptr ? find_info(*payload) : nullptr;
  if (info == nullptr) return current;
  const auto item = stores.pubsub().item(owner, ns::avatar_data, info->attr("id"));
  if (!item && item.error().failure == Failure::not_found) return current;
  if (!item) return std::unexpected<Error>(item.error());
  const auto stored = parse_payload(*item);
  if (stored == nullptr) return current;
  std::string text = stored->text();
  std::erase_if(text, [](char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; });
  auto image = crypto::base64_decode(text);
  // XEP-0398 §3: a picture that does not fit its hash is none.
  if (!image || hash_of(*image) != item->id) return current;
  current.hash = item->id;
  current.photo = {std::string(info->attr("type")), std::move(*image)};
  return current;
}

/// Everyone who sees the account's presence may see the picture too.
bool is_for_presence(const std::optional<Leaf>& leaf) {
  using xmpp::pubsub::AccessModel;
  return leaf && (leaf->config.access_model == AccessModel::open || leaf->config.access_model == AccessModel::presence);
}

Status publish(storage::Stores& stores, const xmpp::Jid& owner, std::string_view node, std::string id,
               const xmpp::Element& payload, Effects& effects) {
  auto config = xmpp::pubsub::NodeConfig::pep();
  config.access_model = xmpp::pubsub::AccessModel::open;  // as a vCard is
  const auto leaf = load_or_create(stores, owner, node, config);
  if (!leaf) return std::unexpected<Error>(leaf.error());
  const storage::PubsubItem item{
      .id = std::move(id), .publisher = owner.text(), .payload = payload.to_xml(), .published = now()};
  return put_item(stores, *leaf, item, &payload, effects);
}

Status publish_photo(storage::Stores& stores, const xmpp::Jid& owner, const VcardPhoto& photo, Effects& effects) {
  const std::string hash = hash_of(photo.image);
  auto data = xmpp::Element::make("data", ns::avatar_data);
  data->add_text(crypto::base64_encode(photo.image));
  // XEP-0398 §3: first the picture, then what tells of it.
  if (auto put = publish(stores, owner, ns::avatar_data, hash, *data, effects); !put) return put;
  auto metadata = xmpp::Element::make("metadata", ns::avatar_metadata);
  metadata->add("info")
      .set_attr("id", hash)
      .set_attr("bytes", std::to_string(photo.image.size()))
      .set_attr("type", photo.type.empty() ? "image/png" : photo.type);
  return publish(stores, owner, ns::avatar_metadata, hash, *metadata, effects);
}

}  // namespace

Status avatar_from_node(storage::Stores& stores, const xmpp::Jid& owner, Effects& effects) {
  const auto current = read_current(stores, owner);
  if (!current) return std::unexpected<Error>(current.error());
  const std::string hash =
      is_for_presence(current->metadata) && is_for_presence(current->data) ? current->hash : std::string();
  const auto before = stores.values().get(owner, avatar_kind, "");
  if (!before) return std::unexpected<Error>(before.error());
  if (before->value_or("") == hash) return {};
  effects.avatar = hash;
  return stores.values().put(owner, avatar_kind, "", hash);
}

Status avatar_from_vcard(storage::Stores& stores, const xmpp::Jid& owner, xmpp::Element& vcard, Effects& effects) {
  const auto current = read_current(stores, owner);
  if (!current) return std::unexpected<Error>(current.error());
  if (const auto photo = xmpp::find_photo(vcard)) {
    xmpp::remove_photo(vcard);
    if (hash_of(photo->image) == current->hash) return {};
    if (auto put = publish_photo(stores, owner, *photo, effects); !put) return put;
  } else if (!current->hash.empty()) {
    // XEP-0084 §3.5: no avatar any more.
    const auto none = xmpp::Element::make("metadata", ns::avatar_metadata);
    if (auto put = publish(stores, owner, ns::avatar_metadata, crypto::random_token(), *none, effects); !put)
      return put;
  }
  return avatar_from_node(stores, owner, effects);
}

Result<std::optional<VcardPhoto>> avatar_for(storage::Stores& stores, const xmpp::Jid& owner, const Viewer& viewer) {
  auto current = read_current(stores, owner);
  if (!current) return std::unexpected<Error>(current.error());
  const bool seen =
      !current->hash.empty() && may_read(viewer, *current->metadata, false) && may_read(viewer, *current->data, false);
  if (!seen) return std::optional<VcardPhoto>();
  return std::optional(std::move(current->photo));
}

}  // namespace rookery::server::pubsub
