#include "server/features/muc/privileges.h"

namespace rookery::server::muc {

using xmpp::Condition;

Role default_role(Affiliation affiliation, bool is_moderated) {
  switch (affiliation) {
    case Affiliation::outcast:
      return Role::none;
    case Affiliation::none:
      return is_moderated ? Role::visitor : Role::participant;
    case Affiliation::member:
      return Role::participant;
    case Affiliation::admin:
    case Affiliation::owner:
      return Role::moderator;
  }
  return Role::none;
}

std::optional<Condition> refuse_role(Standing actor, Standing target, Role wanted) {
  if (actor.role != Role::moderator) return Condition::forbidden;
  const bool concerns_moderators =
      wanted == Role::moderator || (target.role == Role::moderator && wanted != Role::none);
  if (concerns_moderators && actor.affiliation < Affiliation::admin) return Condition::forbidden;
  if (actor.affiliation == Affiliation::owner) {
    // §9.7, §8.4: an admin's or owner's role comes with the affiliation; only a kick goes past it.
    if (target.affiliation >= Affiliation::admin && wanted != Role::none && wanted != Role::moderator)
      return Condition::not_allowed;
    return std::nullopt;
  }
  if (target.affiliation >= Affiliation::admin)
    return wanted == Role::moderator ? std::nullopt : std::optional(Condition::not_allowed);
  // §8.2: nobody is kicked by one of a lower affiliation.
  if (target.affiliation > actor.affiliation) return Condition::not_allowed;
  if (target.role == Role::moderator && actor.affiliation < Affiliation::admin) return Condition::not_allowed;
  return std::nullopt;
}

std::optional<Condition> refuse_affiliation(Affiliation actor, Affiliation target, Affiliation wanted, bool is_self,
                                            bool is_last_owner) {
  if (actor < Affiliation::admin) return Condition::forbidden;
  // §9.1: one cannot ban oneself; §10.5: a room has an owner.
  if (is_self && wanted == Affiliation::outcast) return Condition::conflict;
  if (actor == Affiliation::owner && is_last_owner && target == Affiliation::owner && wanted != Affiliation::owner)
    return Condition::conflict;
  // An admin may lay down his own office.
  if (actor == Affiliation::owner || (is_self && wanted < Affiliation::admin)) return std::nullopt;
  if (target >= Affiliation::admin || wanted >= Affiliation::admin) return Condition::not_allowed;
  return std::nullopt;
}

}  // namespace rookery::server::muc
