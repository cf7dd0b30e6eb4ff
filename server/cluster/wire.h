// What nodes say to each other. Versioned by its tags (tlv.h): a tag is never given another meaning.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "server/routing/envelope.h"

namespace rookery::server::cluster {

inline constexpr uint32_t wire_version = 1;

/// One packet on the bus. Data packets of a stream are numbered; acknowledgements carry the number alone.
struct Packet {
  enum class Kind : uint8_t {
    data = 1,
    ack = 2,  ///< everything up to `seq` has been taken, and what had to be is durable
    gap = 3,  ///< `seq` is what comes next
  };
  Kind kind = Kind::data;
  std::string stream;     ///< data: who sends: process and loop; a stream goes from one loop to one shard or loop
  uint64_t seq = 0;       ///< from 1
  uint64_t base = 0;      ///< data: the oldest packet that the sender still keeps
  bool again = false;     ///< data: may have been taken by a former owner
  uint32_t topic = 0;     ///< data: what the body is, a Topic
  uint32_t parts = 0;     ///< data: so many of Topic::part, just before it, are the beginning of its body
  std::string_view body;  ///< view into what was parsed
};

/// What a body may be.
enum class Topic : uint32_t {
  envelope = 1,     ///< Envelope
  attach = 2,       ///< edge → home: bind or resume (edge_messages.h)
  attached = 3,     ///< home → edge: the answer
  link_input = 4,   ///< edge → home: elements of the client
  link_lost = 5,    ///< edge → home
  link_output = 6,  ///< home → edge: bytes for the client
  link_close = 7,   ///< home → edge: a stream error
  command = 8,      ///< an administrator's command for an account
  nothing = 9,  ///< was withdrawn by its sender, and only holds its number (an older node skips what it does not know)
  stay = 10,    ///< home → room: Envelope whose Stay is a report
  component = 11,         ///< to the loop that has a component's connection: Envelope for the component
  component_answer = 12,  ///< to the loop that has asked: Envelope, an IQ answer (components/rights.h)
  on_behalf = 13,      ///< to an account's home: Envelope with a message that a component sends in the account's name
  absent = 14,         ///< to the home of a room's member: AbsentMessage
  survey = 15,         ///< to a loop of another process: who is online there? (survey_messages.h)
  survey_answer = 16,  ///< to the loop that has asked
  announcement = 17,   ///< to a loop of another process: a word to all who are online there; answered like a survey
  part = 18,           ///< of a body that is too long for one packet (Packet::parts)
};

/// What a room said while one of its members was not there (AbsentRoomMessage in server/feature.h).
struct AbsentMessage {
  xmpp::Jid member;
  xmpp::ElementPtr message;  ///< its `from` names room and author
  storage::LogId id = 0;
  bool is_public = false;
};

/// Who has the connection of a component (XEP-0114): told to all nodes when it changes, and again every second.
struct ComponentHolder {
  std::string domain, process;
  std::string loop;           ///< its address, for Topic::component
  uint64_t since = 0;         ///< microseconds since 1970: of two the newer one counts
  bool is_connected = false;  ///< false: no longer
};

std::string encode(const Packet& packet);
/// nullopt when it is malformed or of a version that cannot be understood.
std::optional<Packet> parse_packet(std::string_view bytes);

std::string encode(const Envelope& envelope);
std::optional<Envelope> parse_envelope(std::string_view bytes);

std::string encode(const AbsentMessage& absent);
std::optional<AbsentMessage> parse_absent_message(std::string_view bytes);

std::string encode(const ComponentHolder& holder);
std::optional<ComponentHolder> parse_component_holder(std::string_view bytes);

}  // namespace rookery::server::cluster
