#include "server/cluster/wire.h"

#include "server/cluster/tlv.h"
#include "xmpp/namespaces.h"
#include "xmpp/stream_parser.h"

namespace rookery::server::cluster {

namespace {

// Tags of a packet.
enum : uint32_t {
  packet_least_version = 1,
  packet_kind,
  packet_stream,
  packet_seq,
  packet_base,
  packet_again,
  packet_topic,
  packet_body,
  packet_parts
};
// Tags of an envelope.
enum : uint32_t {
  envelope_from = 1,
  envelope_to,
  envelope_stanza,
  envelope_must_log,
  envelope_copy,
  envelope_seen_owner,
  envelope_seen_key,
  envelope_fence_shard,
  envelope_fence_epoch,
  envelope_stay,
  envelope_place
};
// Tags of a component's holder.
enum : uint32_t { holder_domain = 1, holder_process, holder_loop, holder_since, holder_is_connected };
// Tags of a message for an absent member.
enum : uint32_t { absent_member = 1, absent_message, absent_id, absent_is_public };
// Tags of a stay.
enum : uint32_t { stay_occupant = 1, stay_role, stay_heard, stay_is_report };
// Tags of a log entry.
enum : uint32_t { entry_owner = 1, entry_id, entry_flags, entry_peer, entry_xml };

std::string encode(const storage::LogEntry& entry) {
  std::string out;
  out.reserve(entry.xml.size() + 128);
  TlvWriter writer(out);
  writer.text(entry_owner, entry.owner);
  writer.number(entry_id, entry.id);
  writer.number(entry_flags, entry.flags);
  writer.text(entry_peer, entry.peer);
  writer.text(entry_xml, entry.xml);
  return out;
}

std::optional<storage::LogEntry> parse_entry(std::string_view bytes) {
  storage::LogEntry entry;
  TlvReader reader(bytes);
  while (const auto field = reader.next()) {
    switch (field->tag) {
      case entry_owner:
        entry.owner = field->text;
        break;
      case entry_id:
        entry.id = field->number;
        break;
      case entry_flags:
        entry.flags = static_cast<uint8_t>(field->number);
        break;
      case entry_peer:
        entry.peer = field->text;
        break;
      case entry_xml:
        entry.xml = field->text;
        break;
      default:
        break;
    }
  }
  if (reader.malformed() || entry.owner.empty() || entry.id == 0) return std::nullopt;
  return entry;
}

std::string encode(const Stay& stay) {
  std::string out;
  TlvWriter writer(out);
  writer.text(stay_occupant, stay.occupant.text());
  writer.text_unless_empty(stay_role, stay.role);
  writer.number_unless_zero(stay_heard, stay.heard);
  writer.number_unless_zero(stay_is_report, stay.is_report ? 1 : 0);
  return out;
}

std::shared_ptr<const Stay> parse_stay(std::string_view bytes) {
  auto stay = std::make_shared<Stay>();
  TlvReader reader(bytes);
  while (const auto field = reader.next()) {
    switch (field->tag) {
      case stay_occupant:
        stay->occupant = xmpp::Jid::parse(field->text).value_or(xmpp::Jid());
        break;
      case stay_role:
        stay->role = field->text;
        break;
      case stay_heard:
        stay->heard = field->number;
        break;
      case stay_is_report:
        stay->is_report = field->number != 0;
        break;
      default:
        break;
    }
  }
  if (reader.malformed() || stay->occupant.empty() || stay->occupant.is_bare()) return nullptr;
  return stay;
}

}  // namespace

std::string encode(const Packet& packet) {
  std::string out;
  out.reserve(packet.body.size() + 64);
  TlvWriter writer(out);
  writer.number_unless_zero(packet_least_version, wire_version - 1);
  writer.number(packet_kind, static_cast<uint64_t>(packet.kind));
  writer.text_unless_empty(packet_stream, packet.stream);
  writer.number(packet_seq, packet.seq);
  writer.number_unless_zero(packet_base, packet.base);
  writer.number_unless_zero(packet_again, packet.again ? 1 : 0);
  writer.number_unless_zero(packet_topic, packet.topic);
  writer.number_unless_zero(packet_parts, packet.parts);
  writer.text_unless_empty(packet_body, packet.body);
  return out;
}

std::optional<Packet> parse_packet(std::string_view bytes) {
  Packet packet;
  TlvReader reader(bytes);
  while (const auto field = reader.next()) {
    switch (field->tag) {
      case packet_least_version:
        if (field->number + 1 > wire_version) return std::nullopt;
        break;
      case packet_kind:
        packet.kind = static_cast<Packet::Kind>(field->number);
        break;
      case packet_stream:
        packet.stream = field->text;
        break;
      case packet_seq:
        packet.seq = field->number;
        break;
      case packet_base:
        packet.base = field->number;
        break;
      case packet_again:
        packet.again = field->number != 0;
        break;
      case packet_topic:
        packet.topic = static_cast<uint32_t>(field->number);
        break;
      case packet_body:
        packet.body = field->text;
        break;
      case packet_parts:
        packet.parts = static_cast<uint32_t>(field->number);
        break;
      default:
        break;
    }
  }
  const bool is_data = packet.kind == Packet::Kind::data;
  if (reader.malformed() || packet.kind < Packet::Kind::data || packet.kind > Packet::Kind::gap) return std::nullopt;
  if (is_data && (packet.stream.empty() || packet.base == 0 || packet.base > packet.seq)) return std::nullopt;
  return packet;
}

std::string encode(const Envelope& envelope) {
  std::string out;
  const std::string stanza = envelope.stanza->to_xml(xmpp::ns::client);
  out.reserve(stanza.size() * 2 + 256);
  TlvWriter writer(out);
  writer.text(envelope_from, envelope.from.text());
  writer.text(envelope_to, envelope.to.text());
  writer.text(envelope_stanza, stanza);
  writer.number_unless_zero(envelope_must_log, envelope.must_log ? 1 : 0);
  if (envelope.sent_copy) writer.text(envelope_copy, encode(*envelope.sent_copy));
  if (envelope.seen) {
    writer.text(envelope_seen_owner, envelope.seen->owner);
    writer.text(envelope_seen_key, envelope.seen->key);
  }
  if (envelope.sender_fence) {
    writer.number(envelope_fence_shard, envelope.sender_fence->shard);
    writer.number(envelope_fence_epoch, envelope.sender_fence->epoch);
  }
  if (envelope.stay) writer.text(envelope_stay, encode(*envelope.stay));
  writer.number_unless_zero(envelope_place, envelope.place);
  return out;
}

std::optional<Envelope> parse_envelope(std::string_view bytes) {
  Envelope envelope;
  storage::LogBatch::Seen seen;
  const auto fence = [&]() -> storage::LogBatch::Fence& {
    return envelope.sender_fence ? *envelope.sender_fence : envelope.sender_fence.emplace();
  };
  const auto jid = [](std::string_view text) { return xmpp::Jid::parse(text).value_or(xmpp::Jid()); };
  TlvReader reader(bytes);
  while (const auto field = reader.next()) {
    switch (field->tag) {
      case envelope_from:
        envelope.from = jid(field->text);
        break;
      case envelope_to:
        envelope.to = jid(field->text);
        break;
      case envelope_stanza:
        if (auto stanza = xmpp::parse_own(field->text, xmpp::ns::client)) envelope.stanza = std::move(*stanza);
        break;
      case envelope_must_log:
        envelope.must_log = field->number != 0;
        break;
      case envelope_copy:
        envelope.sent_copy = parse_entry(field->text);
        break;
      case envelope_seen_owner:
        seen.owner = field->text;
        break;
      case envelope_seen_key:
        seen.key = field->text;
        break;
      case envelope_fence_shard:
        fence().shard = static_cast<uint32_t>(field->number);
        break;
      case envelope_fence_epoch:
        fence().epoch = field->number;
        break;
      case envelope_stay:
        envelope.stay = parse_stay(field->text);
        break;
      case envelope_place:
        envelope.place = field->number;
        break;
      default:
        break;
    }
  }
  if (reader.malformed() || envelope.from.empty() || envelope.to.empty() || !envelope.stanza) return std::nullopt;
  if (!seen.owner.empty()) envelope.seen = std::move(seen);
  return envelope;
}

std::string encode(const AbsentMessage& absent) {
  std::string out;
  TlvWriter writer(out);
  writer.text(absent_member, absent.member.text());
  writer.text(absent_message, absent.message->to_xml(xmpp::ns::client));
  writer.number_unless_zero(absent_id, absent.id);
  writer.number_unless_zero(absent_is_public, absent.is_public ? 1 : 0);
  return out;
}

std::optional<AbsentMessage> parse_absent_message(std::string_view bytes) {
  AbsentMessage absent;
  TlvReader reader(bytes);
  while (const auto field = reader.next()) {
    switch (field->tag) {
      case absent_member:
        absent.member = xmpp::Jid::parse(field->text).value_or(xmpp::Jid());
        break;
      case absent_message:
        if (auto message = xmpp::parse_own(field->text, xmpp::ns::client)) absent.message = std::move(*message);
        break;
      case absent_id:
        absent.id = field->number;
        break;
      case absent_is_public:
        absent.is_public = field->number != 0;
        break;
      default:
        break;
    }
  }
  if (reader.malformed() || absent.member.empty() || !absent.message) return std::nullopt;
  return absent;
}

std::string encode(const ComponentHolder& holder) {
  std::string out;
  TlvWriter writer(out);
  writer.text(holder_domain, holder.domain);
  writer.text(holder_process, holder.process);
  writer.text(holder_loop, holder.loop);
  writer.number(holder_since, holder.since);
  writer.number_unless_zero(holder_is_connected, holder.is_connected ? 1 : 0);
  return out;
}

std::optional<ComponentHolder> parse_component_holder(std::string_view bytes) {
  ComponentHolder holder;
  TlvReader reader(bytes);
  while (const auto field = reader.next()) {
    switch (field->tag) {
      case holder_domain:
        holder.domain = field->text;
        break;
      case holder_process:
        holder.process = field->text;
        break;
      case holder_loop:
        holder.loop = field->text;
        break;
      case holder_since:
        holder.since = field->number;
        break;
      case holder_is_connected:
        holder.is_connected = field->number != 0;
        break;
      default:
        break;
    }
  }
  if (reader.malformed() || holder.domain.empty() || holder.process.empty() || holder.loop.empty()) return std::nullopt;
  return holder;
}

}  // namespace rookery::server::cluster
