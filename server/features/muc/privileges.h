// XEP-0045 §5 as tables: who has which role, and who may change what of whom. Pure functions.
#pragma once

#include <optional>

#include "xmpp/errors.h"
#include "xmpp/payloads/muc.h"

namespace rookery::server::muc {

using xmpp::Affiliation;
using xmpp::Role;

struct Standing {
  Affiliation affiliation = Affiliation::none;
  Role role = Role::none;
};

/// §5.1.2: the role that one gets on entering, or when the affiliation changes.
Role default_role(Affiliation affiliation, bool is_moderated);

// nullopt: it may be done; else what the room answers.

/// §8.2-8.5, §9.6-9.7: kick (Role::none), voice, moderator status.
std::optional<xmpp::Condition> refuse_role(Standing actor, Standing target, Role wanted);

/// §9.1-9.5, §10.3-10.8. `is_last_owner`: nobody else is one.
std::optional<xmpp::Condition> refuse_affiliation(Affiliation actor, Affiliation target, Affiliation wanted,
                                                  bool is_self, bool is_last_owner);

}  // namespace rookery::server::muc
