#include "server/caps.h"

#include "tests/unit/server/home/home_fixture.h"

namespace rookery::server {
namespace {

class CapsTest : public HomeFixture {
 protected:
  /// Presence with caps, and the answer to the question that follows.
  void go_online_wanting(Client& client, const std::string& node) {
    client.send("<presence><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='urn:client' ver='" + node +
                "='/></presence>");
    ASSERT_TRUE(client.gets("disco#info"));
    std::string id;
    for (const auto& xml : client.link->received()) {
      if (xml.find("disco#info") != std::string::npos)
        id = xmpp::parse_document(xml, {}, xmpp::ns::client).value()->attr("id");
    }
    client.send("<iq type='result' id='" + id + "' to='" + romeo +
                "'><query xmlns='http://jabber.org/protocol/disco#info'><feature var='" + node +
                "+notify'/></query></iq>");
    let_loops_run();
  }
  size_t known_sessions() {
    return on_loop_of(romeo, [&] {
      const auto jid = xmpp::Jid::parse(romeo).value();
      return interests_of(*node->homes().find_loaded(jid), jid).size();
    });
  }

  std::string romeo = account_on(1, "romeo");
};

// XEP-0163 §4.3: what a session wants counts while it is there. Two thousand of the past would leave no room for a new
// one.
TEST_F(CapsTest, AreForgottenWithTheSession) {
  Client desk = bind(romeo, "desk"), phone = bind(romeo, "phone");
  go_online_wanting(desk, "urn:a");
  go_online_wanting(phone, "urn:b");
  EXPECT_EQ(known_sessions(), 2u);
  desk.send("<presence type='unavailable'/>");
  EXPECT_EQ(known_sessions(), 1u);
  phone.cut();
  EXPECT_EQ(known_sessions(), 0u);
}

}  // namespace
}  // namespace rookery::server
