// Nodes of every later version understand what version 1 says: during an upgrade both run.
#include "tests/unit/server/cluster/wire_version_1.h"

#include <gtest/gtest.h>

#include "server/cluster/edge_messages.h"
#include "server/cluster/survey_messages.h"
#include "server/cluster/wire.h"
#include "xmpp/namespaces.h"

namespace rookery::server::cluster {
namespace {

std::string bytes(std::string_view hex) {
  std::string out;
  for (size_t i = 0; i + 1 < hex.size(); i += 2)
    out += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  return out;
}

/// The body of a recorded packet, which has to be of this topic.
std::string body_of(std::string_view hex, Topic topic) {
  const std::string data = bytes(hex);
  const auto packet = parse_packet(data);
  if (!packet || packet->kind != Packet::Kind::data) return ADD_FAILURE() << "no packet", std::string();
  EXPECT_EQ(packet->stream, "node-1/process.1");
  EXPECT_EQ(packet->seq, 300u);
  EXPECT_EQ(packet->base, 7u);
  EXPECT_EQ(packet->topic, static_cast<uint32_t>(topic));
  return std::string(packet->body);
}

Envelope envelope_of(std::string_view hex, Topic topic) {
  auto envelope = parse_envelope(body_of(hex, topic));
  if (!envelope) return ADD_FAILURE() << "no envelope", Envelope();
  return std::move(*envelope);
}

TEST(WireVersion1, AcknowledgementsAndGaps) {
  const auto ack = parse_packet(bytes(version_1::ack)), gap = parse_packet(bytes(version_1::gap));
  ASSERT_TRUE(ack && gap);
  EXPECT_EQ(ack->kind, Packet::Kind::ack);
  EXPECT_EQ(ack->seq, 300u);
  EXPECT_EQ(gap->kind, Packet::Kind::gap);
  EXPECT_EQ(gap->seq, 299u);
}

TEST(WireVersion1, AMessageWithAllThatGoesWithIt) {
  const std::string data = bytes(version_1::envelope);
  EXPECT_TRUE(parse_packet(data)->again);
  EXPECT_FALSE(parse_packet(bytes(version_1::envelope_of_a_room))->again);
  const Envelope envelope = envelope_of(version_1::envelope, Topic::envelope);
  EXPECT_EQ(envelope.from.text(), "juliet@example.org/balcony");
  EXPECT_EQ(envelope.to.text(), "romeo@example.org");
  EXPECT_EQ(envelope.stanza->attr("id"), "m1");
  EXPECT_EQ(envelope.stanza->child("body", xmpp::ns::client)->text(), "a < b");
  ASSERT_TRUE(envelope.sent_copy && envelope.seen && envelope.sender_fence);
  EXPECT_EQ(envelope.sent_copy->owner, "juliet@example.org");
  EXPECT_EQ(envelope.sent_copy->id, 77u);
  EXPECT_EQ(envelope.sent_copy->flags, 5u);
  EXPECT_EQ(envelope.sent_copy->peer, "romeo@example.org");
  EXPECT_EQ(envelope.sent_copy->xml, "<message/>");
  EXPECT_EQ(envelope.seen->owner, "juliet@example.org");
  EXPECT_EQ(envelope.seen->key, std::string("\0\1\2", 3));
  EXPECT_EQ(envelope.sender_fence->shard, 17u);
  EXPECT_EQ(envelope.sender_fence->epoch, 4u);
  EXPECT_TRUE(envelope.must_log);
}

TEST(WireVersion1, RoomsAndStays) {
  EXPECT_EQ(envelope_of(version_1::envelope_of_a_room, Topic::envelope).place, 99u);
  const Envelope report = envelope_of(version_1::stay, Topic::stay);
  ASSERT_TRUE(report.stay);
  EXPECT_EQ(report.stay->occupant.text(), "coven@chat.example.org/a nick");
  EXPECT_EQ(report.stay->role, "moderator");
  EXPECT_EQ(report.stay->heard, 0x1234567890abcdefu);
  EXPECT_TRUE(report.stay->is_report);
  const auto absent = parse_absent_message(body_of(version_1::absent, Topic::absent));
  ASSERT_TRUE(absent);
  EXPECT_EQ(absent->member.text(), "juliet@example.org");
  EXPECT_EQ(absent->message->attr("from"), "coven@chat.example.org/a nick");
  EXPECT_EQ(absent->id, 99u);
  EXPECT_TRUE(absent->is_public);
}

TEST(WireVersion1, WhatAnEdgeSays) {
  const auto bind = parse_attach(body_of(version_1::attach_bind, Topic::attach));
  const auto resume = parse_attach(body_of(version_1::attach_resume, Topic::attach));
  const auto input = parse_link_input(body_of(version_1::link_input, Topic::link_input));
  const auto lost = parse_link_lost(body_of(version_1::link_lost, Topic::link_lost));
  ASSERT_TRUE(bind && resume && input && lost);
  const LinkName link{"l.node-1/process.1", 9};
  EXPECT_TRUE(bind->link == link && resume->link == link && input->link == link && lost->link == link);
  EXPECT_EQ(bind->account, "juliet@example.org");
  EXPECT_FALSE(bind->resume);
  EXPECT_EQ(bind->resource, "balcony");
  EXPECT_EQ(bind->options, "<bind xmlns='urn:xmpp:bind:0'/>");
  EXPECT_EQ(bind->peer_address, "192.0.2.7");
  EXPECT_TRUE(bind->encrypted);
  EXPECT_TRUE(resume->resume);
  EXPECT_EQ(resume->previous, "previd");
  EXPECT_EQ(resume->handled, 5u);
  EXPECT_EQ(input->account, "juliet@example.org");
  EXPECT_EQ(input->elements, (std::vector<std::string>{"<presence/>", "<message/>"}));
  EXPECT_EQ(input->drained, 3u);
  EXPECT_EQ(lost->account, "juliet@example.org");
  EXPECT_TRUE(lost->clean);
}

TEST(WireVersion1, WhatAHomeSays) {
  const auto attached = parse_attached(body_of(version_1::attached, Topic::attached));
  const auto output = parse_link_output(body_of(version_1::link_output, Topic::link_output));
  const auto close = parse_link_close(body_of(version_1::link_close, Topic::link_close));
  ASSERT_TRUE(attached && output && close);
  EXPECT_EQ(attached->link, 9u);
  EXPECT_EQ(attached->outcome, Attached::Outcome::resumed);
  EXPECT_EQ(attached->jid, "juliet@example.org/balcony");
  EXPECT_EQ(attached->xml, "<a/>");
  EXPECT_EQ(attached->handled, 6u);
  EXPECT_EQ(attached->process, "node-2/process");
  EXPECT_EQ(attached->epoch, 4u);
  EXPECT_EQ(output->link, 9u);
  EXPECT_EQ(output->number, 2u);
  EXPECT_EQ(output->bytes, "<presence/>");
  EXPECT_EQ(close->link, 9u);
  EXPECT_EQ(close->condition, "reset");
  EXPECT_EQ(close->text, "moved");
  EXPECT_EQ(close->application, "<x/>");
}

TEST(WireVersion1, CommandsAndNothing) {
  EXPECT_EQ(body_of(version_1::command, Topic::command), "kick juliet@example.org/balcony for a while");
  EXPECT_EQ(body_of(version_1::nothing, Topic::nothing), "");
}

TEST(WireVersion1, Components) {
  const Envelope asked = envelope_of(version_1::component, Topic::component);
  EXPECT_EQ(asked.to.text(), "bridge.example.org");
  EXPECT_EQ(asked.stanza->attr("id"), "i1");
  EXPECT_EQ(envelope_of(version_1::component_answer, Topic::component_answer).stanza->attr("type"), "result");
  EXPECT_EQ(envelope_of(version_1::on_behalf, Topic::on_behalf).from.text(), "juliet@example.org");
  const auto holder = parse_component_holder(bytes(version_1::component_holder));
  ASSERT_TRUE(holder);
  EXPECT_EQ(holder->domain, "bridge.example.org");
  EXPECT_EQ(holder->process, "node-1/process");
  EXPECT_EQ(holder->loop, "l.node-1/process.1");
  EXPECT_EQ(holder->since, 1234567890123u);
  EXPECT_TRUE(holder->is_connected);
}

TEST(WireVersion1, WhoIsOnline) {
  const auto survey = parse_survey(body_of(version_1::survey, Topic::survey));
  const auto said = parse_survey_announcement(body_of(version_1::announcement, Topic::announcement));
  const auto answer = parse_survey_answer(body_of(version_1::survey_answer, Topic::survey_answer));
  ASSERT_TRUE(survey && said && answer);
  EXPECT_TRUE(survey->number == 9 && said->number == 9 && answer->number == 9);
  EXPECT_EQ(survey->query.domain, "example.org");
  EXPECT_EQ(survey->query.group, OnlineQuery::Group::active);
  EXPECT_EQ(survey->query.named, 100u);
  EXPECT_EQ(survey->query.account.text(), "juliet@example.org");
  EXPECT_EQ(said->announcement.domain, "example.org");
  EXPECT_EQ(said->announcement.text, "We restart at ten");
  EXPECT_EQ(said->announcement.subject, "Tonight");
  EXPECT_EQ(answer->users.count, 300u);
  EXPECT_EQ(answer->users.idle, 2u);
  ASSERT_EQ(answer->users.accounts.size(), 2u);
  EXPECT_EQ(answer->users.accounts[0].text(), "juliet@example.org");
  EXPECT_EQ(answer->users.accounts[1].text(), "romeo@example.org");
  EXPECT_EQ(answer->users.resources, (std::vector<std::string>{"balcony", "garden"}));
  EXPECT_EQ(answer->users.addresses, (std::vector<std::string>{"192.0.2.7", ""}));
  EXPECT_EQ(answer->reached, 4u);
  // And what is written today is the same.
  EXPECT_EQ(encode(*survey), body_of(version_1::survey, Topic::survey));
  EXPECT_EQ(encode(*said), body_of(version_1::announcement, Topic::announcement));
  EXPECT_EQ(encode(*answer), body_of(version_1::survey_answer, Topic::survey_answer));
}

}  // namespace
}  // namespace rookery::server::cluster
