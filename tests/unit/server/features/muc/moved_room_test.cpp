// A room that leaves memory, with its shard, while the archive is asked on its behalf.
#include "tests/unit/server/home/home_fixture.h"

namespace rookery::server {
namespace {

const std::string room = "coven@conference.localhost";

class MovedRoom : public HomeFixture {
 protected:
  MovedRoom() {
    const size_t elsewhere = 1 - loop_of(room).index();
    juliet = account_on(elsewhere, "juliet");
    client.emplace(bind(juliet, "balcony"));
    client->go_online();
    client->send("<presence to='" + room + "/she'><x xmlns='http://jabber.org/protocol/muc'/></presence>");
    EXPECT_TRUE(client->gets("code='110'"));
    client->send("<iq type='set' id='c1' to='" + room +
                 "'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' "
                 "type='submit'/></query></iq>");
    EXPECT_TRUE(client->gets("id='c1'"));
    client->send("<message type='groupchat' to='" + room + "'><body>said</body></message>");
    EXPECT_TRUE(client->gets("said"));
    said = storage::to_stanza_id(log->entries(room).at(0).id);
    log->hold_lookups();
  }
  /// Its shard goes, and then the archive answers.
  void drop_room() {
    let_loops_run();
    on_loop_of(room, [&] { node->homes(loop_of(room)).crash(); });
    log->release_lookups();
  }

  std::string juliet, said;
  std::optional<Client> client;
};

// Nobody here may write for it any more.
TEST_F(MovedRoom, PublishesNoRetraction) {
  client->send("<message type='groupchat' to='" + room + "'><retract xmlns='urn:xmpp:message-retract:1' id='" + said +
               "'/></message>");
  drop_room();
  EXPECT_TRUE(client->gets("type='error'")) << "its next owner does not know her, in this test";
  EXPECT_EQ(log->entries(room).size(), 1u);
}

TEST_F(MovedRoom, PublishesNoModeration) {
  client->send("<iq type='set' id='m1' to='" + room + "'><moderate xmlns='urn:xmpp:message-moderate:1' id='" + said +
               "'><retract xmlns='urn:xmpp:message-retract:1'/></moderate></iq>");
  drop_room();
  EXPECT_TRUE(client->gets("resource-constraint"));
  EXPECT_EQ(log->entries(room).size(), 1u);
}

}  // namespace
}  // namespace rookery::server
