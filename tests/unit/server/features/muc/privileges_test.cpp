#include "server/features/muc/privileges.h"

#include <gtest/gtest.h>

namespace rookery::server::muc {
namespace {

using xmpp::Condition;
using enum Affiliation;

constexpr Standing owner_standing{owner, Role::moderator}, admin_standing{admin, Role::moderator},
    member_standing{member, Role::participant};
constexpr Standing moderator{none, Role::moderator}, participant{none, Role::participant}, visitor{none, Role::visitor};

TEST(MucPrivileges, ARoleComesWithTheAffiliation) {
  // XEP-0045 §5.1.2, table 4.
  EXPECT_EQ(default_role(outcast, false), Role::none);
  EXPECT_EQ(default_role(none, false), Role::participant);
  EXPECT_EQ(default_role(none, true), Role::visitor);
  for (const bool is_moderated : {false, true}) {
    EXPECT_EQ(default_role(member, is_moderated), Role::participant);
    EXPECT_EQ(default_role(admin, is_moderated), Role::moderator);
    EXPECT_EQ(default_role(owner, is_moderated), Role::moderator);
  }
}

TEST(MucPrivileges, RolesAreChangedByModeratorsOfAtLeastTheSameAffiliation) {
  struct Case {
    Standing actor, target;
    Role wanted;
    std::optional<Condition> answer;
  };
  const Case cases[] = {
      // §8.2 kick
      {participant, visitor, Role::none, Condition::forbidden},
      {member_standing, participant, Role::none, Condition::forbidden},
      {moderator, participant, Role::none, {}},
      {moderator, member_standing, Role::none, Condition::not_allowed},
      {moderator, moderator, Role::none, Condition::not_allowed},
      {moderator, admin_standing, Role::none, Condition::not_allowed},
      {admin_standing, member_standing, Role::none, {}},
      {admin_standing, moderator, Role::none, {}},
      {admin_standing, admin_standing, Role::none, Condition::not_allowed},
      {admin_standing, owner_standing, Role::none, Condition::not_allowed},
      {owner_standing, owner_standing, Role::none, {}},
      // §8.3-8.4 voice
      {moderator, visitor, Role::participant, {}},
      {moderator, participant, Role::visitor, {}},
      {moderator, member_standing, Role::visitor, Condition::not_allowed},
      {participant, visitor, Role::participant, Condition::forbidden},
      {owner_standing, admin_standing, Role::visitor, Condition::not_allowed},
      // §9.6-9.7 moderator status
      {moderator, participant, Role::moderator, Condition::forbidden},
      {admin_standing, participant, Role::moderator, {}},
      {moderator, moderator, Role::participant, Condition::forbidden},
      {admin_standing, moderator, Role::participant, {}},
      {admin_standing, owner_standing, Role::participant, Condition::not_allowed},
      {owner_standing, admin_standing, Role::participant, Condition::not_allowed},
  };
  for (const auto& each : cases) {
    EXPECT_EQ(refuse_role(each.actor, each.target, each.wanted), each.answer) << &each - cases;
  }
}

TEST(MucPrivileges, AffiliationsAreChangedByAdminsAndAboveThemByOwners) {
  struct Case {
    Affiliation actor, target, wanted;
    std::optional<Condition> answer;
  };
  const Case cases[] = {
      {member, none, member, Condition::forbidden},
      {none, none, outcast, Condition::forbidden},
      {admin, none, member, {}},
      {admin, none, outcast, {}},
      {admin, member, none, {}},
      {admin, outcast, none, {}},
      {admin, admin, outcast, Condition::not_allowed},
      {admin, owner, outcast, Condition::not_allowed},
      {admin, none, admin, Condition::not_allowed},
      {admin, member, owner, Condition::not_allowed},
      {owner, none, owner, {}},
      {owner, owner, admin, {}},
      {owner, admin, none, {}},
      {owner, owner, outcast, {}},
  };
  for (const auto& each : cases) {
    EXPECT_EQ(refuse_affiliation(each.actor, each.target, each.wanted, false, false), each.answer) << &each - cases;
  }
}

TEST(MucPrivileges, NobodyBansOneselfAndARoomKeepsAnOwner) {
  EXPECT_EQ(refuse_affiliation(owner, owner, outcast, true, false), Condition::conflict);
  EXPECT_EQ(refuse_affiliation(admin, admin, outcast, true, false), Condition::conflict);
  EXPECT_EQ(refuse_affiliation(owner, owner, member, true, true), Condition::conflict);
  EXPECT_EQ(refuse_affiliation(owner, owner, member, true, false), std::nullopt);
  EXPECT_EQ(refuse_affiliation(owner, owner, owner, true, true), std::nullopt);
  EXPECT_EQ(refuse_affiliation(admin, admin, none, true, false), std::nullopt);
  EXPECT_EQ(refuse_affiliation(admin, admin, owner, true, false), Condition::not_allowed);
}

}  // namespace
}  // namespace rookery::server::muc
