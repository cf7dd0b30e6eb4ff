// Making invitations, looking at them and using them up: what commands, rookeryctl, registration and the landing page
// share.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "storage/stores.h"

namespace rookery::server {

class Node;

struct InviteWish {
  std::string domain;
  std::string creator, contact, username;  ///< as in storage::Invite
  bool registers = true;
  uint64_t uses = 1;
  std::chrono::seconds lifetime{};
};
struct MadeInvite {
  std::string token;  ///< 128 random bits, known to nobody else
  storage::Invite invite;
};

/// What stands for a token in the store: nobody can make the token from it.
std::string invite_id(std::string_view token);
bool is_usable(const storage::Invite& invite, storage::TimePoint now);

// On the store's worker.
/// Failure::not_found when the contact has no account, conflict when the user name is taken or promised to somebody
/// else, full when the creator has too many invitations that wait to be used.
Result<MadeInvite> make_invite(storage::Stores& stores, const InviteWish& wish);
/// Failure::not_found unless it is usable now.
Result<storage::Invite> find_usable_invite(storage::Stores& stores, std::string_view id);

/// XEP-0401 §4: "xmpp:…" for clients.
std::string invite_uri(const storage::Invite& invite, std::string_view token);
/// Of the page that explains it to people; empty when we serve no HTTPS.
std::string landing_url(const Node& node, const storage::Invite& invite, std::string_view token);

/// Now, as storage counts.
storage::TimePoint storage_now();

}  // namespace rookery::server
