// RFC 6121 §8.5, Table 1: who gets a message.
#include "server/home/message_rules.h"

#include <gmock/gmock.h>

#include "tests/unit/server/home/home_fixture.h"

namespace rookery::server {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class Delivery : public HomeFixture {
 protected:
  struct Outcome {
    std::vector<std::string> direct, copies;
    bool offline = false, bounce = false;
  };

  /// A resource that is there with this priority; nullopt: it has sent no presence.
  void resource(const std::string& name, std::optional<int> priority, bool carbons = false) {
    Client client = bind(romeo, name);
    on_loop_of(romeo, [&] {
      client.link->session->available = priority.has_value();
      client.link->session->priority = priority.value_or(0);
      client.link->session->carbons = carbons;
    });
  }

  Outcome deliver(const std::string& type, const std::string& resource = {}, const std::string& more = {}) {
    const auto to = xmpp::Jid::parse(romeo + (resource.empty() ? "" : "/" + resource)).value();
    const auto message =
        xmpp::parse_document("<message type='" + type + "'><body>x</body>" + more + "</message>", {}, xmpp::ns::client)
            .value();
    return on_loop_of(romeo, [&] {
      Home* home = node->homes().find_loaded(to);
      const auto sessions = home != nullptr ? home->sessions() : std::vector<Session*>();
      const Recipients found = recipients(*message, to, sessions);
      Outcome outcome{.direct = {}, .copies = {}, .offline = found.offline, .bounce = found.bounce};
      for (const Session* session : found.direct) outcome.direct.emplace_back(session->jid().resource());
      for (const Session* session : found.copies) outcome.copies.emplace_back(session->jid().resource());
      return outcome;
    });
  }
  void expect_nobody(const Outcome& outcome, bool offline, bool bounce) {
    EXPECT_THAT(outcome.direct, IsEmpty());
    EXPECT_THAT(outcome.copies, IsEmpty());
    EXPECT_EQ(outcome.offline, offline);
    EXPECT_EQ(outcome.bounce, bounce);
  }

  std::string romeo = account_on(1, "romeo");
};

// §8.5.2.2
TEST_F(Delivery, ToTheBareJidWithoutResourcesIsKeptBouncedOrDroppedByItsType) {
  resource("silent", std::nullopt);
  expect_nobody(deliver("normal"), true, false);
  expect_nobody(deliver("chat"), true, false);
  expect_nobody(deliver("groupchat"), false, true);
  expect_nobody(deliver("headline"), false, false);
  expect_nobody(deliver("error"), false, false);
}

// §8.5.2.1.1: a negative priority never gets what is for the account.
TEST_F(Delivery, ToTheBareJidPassesNegativePrioritiesBy) {
  resource("hidden", -1);
  expect_nobody(deliver("chat"), true, false);
  expect_nobody(deliver("normal"), true, false);
  expect_nobody(deliver("headline"), false, false);
  resource("phone", 0);
  EXPECT_THAT(deliver("chat").direct, ElementsAre("phone"));
  EXPECT_THAT(deliver("headline").direct, ElementsAre("phone"));
}

// §8.5.2.1.1: chat and normal to the most available ones, headlines to all that are not negative.
TEST_F(Delivery, ToTheBareJidGoesToTheHighestPriorityAndHeadlinesGoToAll) {
  resource("phone", 1);
  resource("laptop", 5);
  resource("desk", 5);
  resource("silent", std::nullopt);
  EXPECT_THAT(deliver("chat").direct, ElementsAre("laptop", "desk"));
  EXPECT_THAT(deliver("normal").direct, ElementsAre("laptop", "desk"));
  EXPECT_THAT(deliver("nonsense").direct, ElementsAre("laptop", "desk")) << "§5.2.2: an unknown type is normal";
  EXPECT_THAT(deliver("headline").direct, ElementsAre("phone", "laptop", "desk"));
  expect_nobody(deliver("groupchat"), false, true);
  expect_nobody(deliver("error"), false, false);
}

// §8.5.3.1
TEST_F(Delivery, ToAFullJidThatMatchesGoesThereWhateverTypeAndPriority) {
  resource("hidden", -1);
  resource("laptop", 5);
  for (const auto* type : {"normal", "chat", "groupchat", "headline", "error"}) {
    EXPECT_THAT(deliver(type, "hidden").direct, ElementsAre("hidden")) << type;
  }
}

// §8.5.3.2.1
TEST_F(Delivery, ToAFullJidThatHasGoneOnlyAChatMessageFindsAnotherResource) {
  resource("laptop", 5);
  EXPECT_THAT(deliver("chat", "gone").direct, ElementsAre("laptop"));
  expect_nobody(deliver("normal", "gone"), false, true);
  expect_nobody(deliver("groupchat", "gone"), false, true);
  expect_nobody(deliver("headline", "gone"), false, true);
  expect_nobody(deliver("error", "gone"), false, false);
}

TEST_F(Delivery, ToAFullJidThatHasGoneAChatMessageIsKeptWhenNobodyElseIsThere) {
  resource("hidden", -1);
  expect_nobody(deliver("chat", "gone"), true, false);
}

// XEP-0280 §7
TEST_F(Delivery, CopiesGoToTheOtherResourcesThatWantThem) {
  resource("phone", 1, true);
  resource("laptop", 5, true);
  resource("desk", 1);
  EXPECT_THAT(deliver("chat").direct, ElementsAre("laptop"));
  EXPECT_THAT(deliver("chat").copies, ElementsAre("phone"));
  EXPECT_THAT(deliver("chat", "desk").copies, ElementsAre("phone", "laptop"));
  EXPECT_THAT(deliver("headline").copies, IsEmpty());
  EXPECT_THAT(deliver("chat", "", "<private xmlns='urn:xmpp:carbons:2'/>").copies, IsEmpty());
  EXPECT_THAT(deliver("chat", "", "<no-copy xmlns='urn:xmpp:hints'/>").copies, IsEmpty());
}

struct Kept {
  const char* what;
  const char* xml;
  bool stored, copied_to_sender, copied_to_receiver;
};

// XEP-0313 §7.1.1 (user archives), XEP-0334 §4, XEP-0280 §6.1
TEST(MessageRules, SayWhatIsStoredAndWhatIsCopied) {
  constexpr Kept table[] = {
      {"a text", "<message type='chat'><body>x</body></message>", true, true, true},
      {"a text without a type", "<message><body>x</body></message>", true, true, true},
      {"nothing", "<message type='chat'/>", false, true, true},
      {"typing", "<message type='chat'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>", false,
       true, true},
      {"typing without a type", "<message><composing xmlns='http://jabber.org/protocol/chatstates'/></message>", false,
       true, true},
      {"a receipt", "<message><received xmlns='urn:xmpp:receipts' id='a'/></message>", true, true, true},
      {"a receipt not to be stored",
       "<message><received xmlns='urn:xmpp:receipts' id='a'/><no-store xmlns='urn:xmpp:hints'/></message>", false, true,
       true},
      {"a text not to be stored", "<message><body>x</body><no-store xmlns='urn:xmpp:hints'/></message>", false, true,
       true},
      {"a private one", "<message type='chat'><body>x</body><private xmlns='urn:xmpp:carbons:2'/></message>", true,
       false, false},
      {"a headline", "<message type='headline'><body>x</body></message>", false, false, false},
      {"a headline to be stored", "<message type='headline'><body>x</body><store xmlns='urn:xmpp:hints'/></message>",
       true, false, false},
      {"an error to be stored", "<message type='error'><body>x</body><store xmlns='urn:xmpp:hints'/></message>", false,
       false, false},
      {"a room's message", "<message type='groupchat'><body>x</body><store xmlns='urn:xmpp:hints'/></message>", false,
       false, false},
      {"an occupant's", "<message type='chat'><body>x</body><x xmlns='http://jabber.org/protocol/muc#user'/></message>",
       true, true, false},
      {"an invitation", "<message><x xmlns='jabber:x:conference' jid='a@b'/></message>", true, true, true},
      {"a room's invitation",
       "<message><x xmlns='http://jabber.org/protocol/muc#user'><invite from='a@b'/></x></message>", true, true, true},
      {"an archive's answer", "<message><result xmlns='urn:xmpp:mam:2'/></message>", false, false, false},
  };
  for (const auto& [what, xml, stored, copied_to_sender, copied_to_receiver] : table) {
    const auto message = xmpp::parse_document(xml, {}, xmpp::ns::client).value();
    EXPECT_EQ(is_storable(*message), stored) << what;
    EXPECT_EQ(is_carbon_copied(*message, CarbonSide::sender), copied_to_sender) << what;
    EXPECT_EQ(is_carbon_copied(*message, CarbonSide::receiver), copied_to_receiver) << what;
  }
}

// XEP-0280 §7: the copy keeps the type.
TEST(MessageRules, ACopyHasTheTypeOfTheMessage) {
  const auto juliet = xmpp::Jid::parse("juliet@localhost").value();
  EXPECT_EQ(carbon_copy("received", juliet, juliet, "", "<message/>").find("type="), std::string::npos);
  EXPECT_NE(carbon_copy("received", juliet, juliet, "chat", "<message/>").find(" type='chat'>"), std::string::npos);
}

}  // namespace
}  // namespace rookery::server
