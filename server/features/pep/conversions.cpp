// What an account's nodes stand for in older forms: bookmarks, avatars, vCards. The work is done in server/pubsub/.
#include "server/features/features.h"
#include "server/home/home.h"
#include "server/node.h"
#include "xmpp/namespaces.h"

namespace rookery::server {

namespace {

/// XEP-0398 §4: the hash goes into every available presence, unless the client says that it has no picture.
void add_avatar(Session& session, xmpp::Element& presence) {
  const std::string& hash = session.home().avatar();
  const auto* update = presence.child("x", xmpp::ns::vcard_update);
  const auto* photo = update != nullptr ? update->child("photo", xmpp::ns::vcard_update) : nullptr;
  if (photo != nullptr && photo->text().empty()) return;
  if (hash.empty() && photo == nullptr) return;
  // A hash that is not (or no longer) the avatar's goes.
  if (update != nullptr) presence.remove(*update);
  if (!hash.empty()) presence.add("x", xmpp::ns::vcard_update).add_text_child("photo", hash);
}

}  // namespace

void install_conversions(Node&, FeatureRegistry& registry) {
  registry.presence_from_client.push_back(add_avatar);
  registry.advertise(Scope::account, xmpp::ns::pep_vcard_conversion);
  registry.advertise(Scope::account, xmpp::ns::bookmarks_conversion);
  registry.advertise(Scope::account, std::string(xmpp::ns::bookmarks) + "#compat");
  registry.advertise(Scope::account, std::string(xmpp::ns::bookmarks) + "#compat-pep");
  const std::string_view bookmarks = "golden/pep/bookmarks.scs";
  registry.implements({.number = 48, .name = "Bookmarks", .version = "1.2", .left_out = {}, .tests = bookmarks});
  registry.implements(
      {.number = 84, .name = "User Avatar", .version = "1.1.4", .left_out = {}, .tests = "golden/pep/avatar.scs"});
  registry.implements({.number = 153,
                       .name = "vCard-Based Avatars",
                       .version = "1.1.1",
                       .left_out = {},
                       .tests = "golden/pep/avatar.scs"});
  registry.implements({.number = 222,
                       .name = "Persistent Storage of Public Data via PubSub",
                       .version = "1.0",
                       .left_out = {},
                       .tests = "golden/pep/persistent_storage.scs"});
  registry.implements({.number = 223,
                       .name = "Persistent Storage of Private Data via PubSub",
                       .version = "1.1.1",
                       .left_out = {},
                       .tests = "golden/pep/persistent_storage.scs"});
  registry.implements({.number = 292,
                       .name = "vCard4 Over XMPP",
                       .version = "0.12.0",
                       .left_out = "sounds and keys are not converted",
                       .tests = "golden/pep/vcard4.scs"});
  registry.implements({.number = 398,
                       .name = "User Avatar to vCard-Based Avatars Conversion",
                       .version = "1.0.0",
                       .left_out = {},
                       .tests = "golden/pep/avatar.scs"});
  registry.implements(
      {.number = 402, .name = "PEP Native Bookmarks", .version = "1.2.0", .left_out = {}, .tests = bookmarks});
  registry.implements(
      {.number = 411, .name = "Bookmarks Conversion", .version = "1.1.0", .left_out = {}, .tests = bookmarks});
  registry.implements(
      {.number = 492,
       .name = "Chat Notification Settings",
       .version = "0.2.0",
       .left_out =
           "on-mention knows nicks, references and replies; a mention in an encrypted text is not seen, so it is told",
       .tests = "golden/pep/bookmarks.scs, golden/push"});
}

}  // namespace rookery::server
