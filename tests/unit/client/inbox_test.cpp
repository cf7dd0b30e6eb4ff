#include "client/core/inbox.h"

#include <gtest/gtest.h>

#include "scratch.h"
#include "xmpp/namespaces.h"
#include "xmpp/stream_parser.h"

namespace rookery::client {
namespace {

/// An account that is offline: what comes is handed to it directly.
struct InboxTest : testing::Test, private ConnectionObserver {
  const Scratch scratch;
  const xmpp::Jid romeo = *xmpp::Jid::parse("romeo@example.org");
  const xmpp::Jid juliet = *xmpp::Jid::parse("juliet@example.org/balcony");
  const xmpp::Jid mallory = *xmpp::Jid::parse("mallory@example.org/x");
  std::vector<Event> told;
  const EventSink events = [this](const Event& event) { told.push_back(event); };
  std::unique_ptr<LocalStore> store = scratch.open();
  Connection connection{{romeo, crypto::Secret(std::string_view("secret")), "", ""}, {}, *this};
  MessageStore messages{*store};
  Omemo omemo{connection, *store, events};
  Roster roster{connection, *store, events};
  ArchiveSync archive{connection, *store};
  Outbox outbox{connection, *store, messages, omemo, events};
  Inbox inbox{{connection, *store, messages, omemo, outbox, roster, archive, events}};

  void SetUp() override { ASSERT_TRUE(omemo.open(romeo)); }
  void on_online(bool) override {}
  void on_offline(const Error&, std::optional<std::chrono::milliseconds>) override {}
  void on_stanza(const xmpp::Element&) override {}
  void on_acknowledged(int64_t) override {}

  static xmpp::ElementPtr xml(const std::string& content, std::string_view attributes = {}) {
    return *xmpp::parse_document("<message " + std::string(attributes) + ">" + content + "</message>", {},
                                 xmpp::ns::client);
  }
  void receive(const xmpp::Jid& from, const std::string& content, std::string_view attributes = "type='chat'") {
    const auto message = xml(content, attributes);
    EXPECT_TRUE(inbox.on(origin::Message{message.get(), from}));
  }
  /// What romeo has sent to juliet.
  ChatMessage sent() {
    ChatMessage draft;
    draft.peer = juliet.bare();
    draft.text = "but soft";
    return *outbox.submit(draft, true);
  }
  std::string texts(const xmpp::Jid& peer) {
    std::string all;
    const auto history = messages.history(peer, 10);
    for (const auto& message : *history) all += message.text + "|";
    return all;
  }
};

// REQ 30: only while the query that asked for them is open.
TEST_F(InboxTest, AnArchiveResultThatNobodyAskedForIsNothing) {
  const auto message = xml("<body>forged</body>", "type='chat'");
  ASSERT_TRUE(inbox.on(origin::ArchiveResult{message.get(), romeo, juliet, "query", "id", {}}));
  EXPECT_EQ(texts(juliet), "");
  EXPECT_TRUE(told.empty());
}

// REQ 30
TEST_F(InboxTest, OnlyTheRecipientAcknowledges) {
  const auto message = sent();
  const std::string receipt = "<received xmlns='urn:xmpp:receipts' id='" + message.message_id + "'/>";
  receive(mallory, receipt);
  EXPECT_EQ((*messages.by_id(message.id))->state, MessageState::pending);
  receive(juliet, receipt);
  EXPECT_EQ((*messages.by_id(message.id))->state, MessageState::delivered);
}

// REQ 30
TEST_F(InboxTest, OnlyTheRecipientsSideRefuses) {
  const auto message = sent();
  const std::string attributes = "type='error' id='" + message.message_id + "'";
  receive(mallory, "", attributes);
  EXPECT_EQ((*messages.by_id(message.id))->state, MessageState::pending);
  receive(juliet.bare(), "", attributes);
  EXPECT_EQ((*messages.by_id(message.id))->state, MessageState::failed);
}

std::string correction(std::string_view id, std::string_view text) {
  return "<replace xmlns='urn:xmpp:message-correct:0' id='" + std::string(id) + "'/><body>" + std::string(text) +
         "</body>";
}

// REQ 30
TEST_F(InboxTest, OnlyTheAuthorCorrects) {
  receive(juliet, "<body>ay me</body>", "type='chat' id='j1'");
  receive(mallory, correction("j1", "forged"));
  EXPECT_EQ(texts(juliet), "ay me|");
  EXPECT_EQ(texts(mallory), "forged|");
  // From whichever device.
  receive(*xmpp::Jid::parse("juliet@example.org/garden"), correction("j1", "Ay me!"));
  EXPECT_EQ(texts(juliet), "Ay me!|");
  // Not ours, whose author is somebody else.
  const auto ours = sent();
  receive(juliet, correction(ours.message_id, "hers"));
  EXPECT_EQ(texts(juliet), "Ay me!|but soft|hers|");
}

// REQ 30
TEST_F(InboxTest, OnlyTheAuthorTakesBackAndForGood) {
  receive(juliet, "<body>ay me</body>", "type='chat' id='j1'");
  const std::string retraction = "<retract xmlns='urn:xmpp:message-retract:1' id='j1'/>";
  receive(mallory, retraction);
  EXPECT_EQ(texts(juliet), "ay me|");
  receive(juliet, retraction);
  receive(juliet, correction("j1", "again"));
  EXPECT_EQ(texts(juliet), "|");
  ASSERT_TRUE(std::holds_alternative<event::MessageAltered>(told.back()));
  EXPECT_EQ(std::get<event::MessageAltered>(told.back()).message.altered, Altered::retracted);
}

// REQ 33
TEST_F(InboxTest, WhatWasEncryptedIsNotAlteredInPlainText) {
  ChatMessage message;
  message.peer = juliet.bare();
  message.text = "a secret";
  message.message_id = "j1";
  message.encryption = Encryption::omemo;
  ASSERT_TRUE(messages.add(message));
  receive(juliet, correction("j1", "forged"));
  receive(juliet, "<retract xmlns='urn:xmpp:message-retract:1' id='j1'/>");
  EXPECT_EQ(texts(juliet), "a secret|forged|");
}

}  // namespace
}  // namespace rookery::client
