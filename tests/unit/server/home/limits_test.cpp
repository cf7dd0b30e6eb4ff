// What one account, or strangers, can make a home keep.
#include <gmock/gmock.h>

#include "tests/unit/server/home/home_fixture.h"

namespace rookery::server {
namespace {

using testing::HasSubstr;
using testing::Not;

class Limits : public HomeFixture {
 protected:
  Home& home_of(const std::string& account) {
    return *node->homes(loop_of(account)).find_loaded(xmpp::Jid::parse(account).value());
  }
  void ask_romeo(const std::string& stranger, const std::string& content = {}) {
    node->router().send(xmpp::parse_document("<presence type='subscribe' from='" + stranger + "' to='" + romeo + "'>" +
                                                 content + "</presence>",
                                             {}, xmpp::ns::client)
                            .value());
  }

  std::string romeo = account_on(1, "romeo");
  Client client = bind(romeo, "orchard");
};

// RFC 6121 §4.6.3: the server remembers who got directed presence.
TEST_F(Limits, DirectedPresenceGoesToAThousandAtMost) {
  for (int n = 0; n < 1000; ++n) client.send("<presence to='n" + std::to_string(n) + "@conference.localhost/romeo'/>");
  EXPECT_EQ(client.count("resource-constraint"), 0u);
  client.send("<presence to='n1000@conference.localhost/romeo' id='p1'/>");
  EXPECT_TRUE(client.gets("resource-constraint"));
  client.send("<presence to='n7@conference.localhost/romeo'/>");
  EXPECT_EQ(client.count("resource-constraint"), 1u) << "who has had it gets it again";
  client.send("<presence to='n7@conference.localhost/romeo' type='unavailable'/>");
  client.send("<presence to='n1000@conference.localhost/romeo'/>");
  EXPECT_EQ(client.count("resource-constraint"), 1u);
}

TEST_F(Limits, ASubscriptionThatDoesNotFitIntoTheRosterIsRefused) {
  on_loop_of(romeo, [&] {
    for (int n = 0; n < 10'000; ++n) {
      storage::RosterItem item;
      item.jid = xmpp::Jid::parse("c" + std::to_string(n) + "@localhost").value();
      home_of(romeo).update_contact(std::move(item));
    }
  });
  client.send("<presence to='juliet@localhost' type='subscribe' id='s1'/>");
  EXPECT_TRUE(client.gets("resource-constraint"));
  client.send("<presence to='paris@localhost' type='subscribed' id='s2'/>");
  EXPECT_TRUE(client.gets("id='s2'"));
  EXPECT_EQ(on_loop_of(romeo, [&] { return home_of(romeo).contacts().size(); }), 10'000u);
}

// RFC 6121 §3.1.3
TEST_F(Limits, RequestsOfStrangersAreKeptUpToANumberAndSize) {
  on_loop_of(romeo, [&] {
    ask_romeo("large@localhost", "<status>" + std::string(10'000, 'x') + "</status>");
    for (int n = 0; n < 600; ++n) ask_romeo("s" + std::to_string(n) + "@localhost");
  });
  let_loops_run();
  EXPECT_EQ(on_loop_of(romeo, [&] { return home_of(romeo).contacts().size(); }), 500u);
  const auto kept = on_loop_of(romeo, [&] { return home_of(romeo).contact("large@localhost").value().request; });
  EXPECT_THAT(kept, HasSubstr("subscribe"));
  EXPECT_THAT(kept, Not(HasSubstr("xxx")));
}

// REQ 21
TEST_F(Limits, NothingIsReadFromClientsWhileTheStoresAreFarBehind) {
  std::promise<void> may_go_on;
  const auto wait = may_go_on.get_future().share();
  const auto accepts = [&] { return on_loop_of(romeo, [&] { return node->homes().accepts_input(); }); };
  EXPECT_TRUE(accepts());
  std::promise<void> all_done;
  on_loop_of(romeo, [&] {
    node->stores().read([wait](storage::Stores&) { return wait.wait(), Status(); }, [](const Status&) {});
    for (int n = 0; n < 5000; ++n) node->stores().read([](storage::Stores&) { return Status(); }, [](const Status&) {});
    node->stores().read([](storage::Stores&) { return Status(); }, [&](const Status&) { all_done.set_value(); });
  });
  EXPECT_FALSE(accepts());
  may_go_on.set_value();
  all_done.get_future().get();
  EXPECT_TRUE(accepts());
}

}  // namespace
}  // namespace rookery::server
