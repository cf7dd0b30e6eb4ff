// XEP-0045 rooms in the relational stores.
#include <gmock/gmock.h>

#include "tests/unit/storage/stores_contract.h"

namespace rookery::storage {

using testing::ElementsAre;
using testing::IsEmpty;

namespace {
Room room(std::string_view jid, bool is_public = true) {
  return {.jid = xmpp::Jid::parse(jid).value(),
          .is_public = is_public,
          .name = "Coven",
          .config = "<config/>",
          .subject = "<message/>",
          .secret = "s3cret",
          .creator = "juliet@example.com",
          .created = TimePoint(std::chrono::microseconds(1'700'000'000'000'001))};
}
}  // namespace

TEST_P(StoresContract, KeepsARoomOverAnOpening) {
  const Room coven = room("coven@rooms.example.com");
  expect_ok(stores->rooms().put(coven));
  reopen();
  EXPECT_EQ(stores->rooms().load(coven.jid).value(), coven);
  Room changed = coven;
  changed.name = "Heath";
  changed.subject.clear();
  expect_ok(stores->rooms().put(changed));
  EXPECT_EQ(stores->rooms().load(coven.jid).value(), changed);
  EXPECT_EQ(stores->rooms().load(jid("heath@rooms.example.com")).error().failure, Failure::not_found);
}

TEST_P(StoresContract, KeepsAffiliationsAndReservedNicksOfARoom) {
  const Room coven = room("coven@rooms.example.com"), heath = room("heath@rooms.example.com");
  for (const auto& each : {coven, heath}) {
    expect_ok(stores->rooms().put(each));
    expect_ok(stores->rooms().set_affiliation(each.jid,
                                              {.jid = juliet, .affiliation = "owner", .nick = "jules", .reason = {}}));
    expect_ok(stores->rooms().set_affiliation(
        each.jid, {.jid = romeo, .affiliation = "outcast", .nick = {}, .reason = "Montague"}));
  }
  expect_ok(stores->rooms().put(coven));  // replacing the room leaves them alone
  EXPECT_THAT(
      stores->rooms().affiliations(coven.jid).value(),
      ElementsAre(RoomAffiliation{juliet, "owner", "jules", {}}, RoomAffiliation{romeo, "outcast", {}, "Montague"}));
  expect_ok(
      stores->rooms().set_affiliation(coven.jid, {.jid = romeo, .affiliation = "none", .nick = {}, .reason = {}}));
  expect_ok(stores->rooms().set_affiliation(coven.jid,
                                            {.jid = juliet, .affiliation = "none", .nick = "jules", .reason = {}}));
  EXPECT_THAT(stores->rooms().affiliations(coven.jid).value(),
              ElementsAre(RoomAffiliation{juliet, "none", "jules", {}}));
  expect_ok(stores->rooms().remove(coven.jid));
  expect_ok(stores->rooms().remove(coven.jid));
  EXPECT_THAT(stores->rooms().affiliations(coven.jid).value(), IsEmpty());
  EXPECT_EQ(stores->rooms().affiliations(heath.jid).value().size(), 2u);
}

TEST_P(StoresContract, ListsPublicRoomsInPages) {
  for (const auto* name : {"d@rooms.example.com", "a@rooms.example.com", "c@rooms.example.com", "b@rooms.example.com",
                           "x@rooms.example.org"}) {
    expect_ok(stores->rooms().put(room(name)));
  }
  expect_ok(stores->rooms().put(room("bb@rooms.example.com", false)));
  const auto list = [this](const RoomRange& range) {
    std::vector<std::string> names;
    const auto rooms = stores->rooms().list(range).value();
    for (const auto& [jid, name] : rooms) names.emplace_back(jid.local());
    return names;
  };
  EXPECT_THAT(list({.domain = "rooms.example.com", .limit = 2}), ElementsAre("a", "b"));
  EXPECT_THAT(list({.domain = "rooms.example.com", .after = "b@rooms.example.com"}), ElementsAre("c", "d"));
  EXPECT_THAT(list({.domain = "rooms.example.com", .before = "d@rooms.example.com", .last_page = true, .limit = 2}),
              ElementsAre("b", "c"));
  EXPECT_THAT(list({.domain = "rooms.example.com", .last_page = true, .limit = 1}), ElementsAre("d"));
  const auto all = [this](std::string_view after, size_t limit) {
    std::vector<std::string> names;
    const auto rooms = stores->rooms().all("rooms.example.com", after, limit).value();
    for (const auto& jid : rooms) names.emplace_back(jid.local());
    return names;
  };
  EXPECT_THAT(all("", 3), ElementsAre("a", "b", "bb"));
  EXPECT_THAT(all("bb@rooms.example.com", 3), ElementsAre("c", "d"));
  EXPECT_EQ(stores->rooms().count("rooms.example.com").value(), 4u);
  EXPECT_EQ(stores->rooms().created_by("juliet@example.com").value(), 6u);
  EXPECT_EQ(stores->rooms().created_by("romeo@example.org").value(), 0u);
}

}  // namespace rookery::storage
