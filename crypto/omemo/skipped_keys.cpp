#include "crypto/omemo/skipped_keys.h"

#include <cstdint>
#include <optional>
#include <vector>

namespace rookery::crypto::omemo {
namespace {

// Fields of libomemo-c's LocalStorageProtocol: RecordStructure, its SessionStructures, their Chains.
constexpr uint64_t current_session = 1;
constexpr uint64_t previous_sessions = 2;  // newest first
constexpr uint64_t receiver_chains = 7;    // oldest first
constexpr uint64_t message_keys = 4;       // oldest first

constexpr size_t smallest_message_key = 80;  // a cipher key, a MAC key and an IV

struct Field {
  uint64_t number = 0;
  std::string_view whole;
  std::string_view content;  ///< of a length-delimited field
};

std::optional<uint64_t> take_varint(std::string_view& rest) {
  uint64_t value = 0;
  for (unsigned shift = 0; shift < 64 && !rest.empty(); shift += 7) {
    const auto byte = static_cast<uint8_t>(rest[0]);
    rest.remove_prefix(1);
    value |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
  return std::nullopt;
}

/// The fields of a protobuf message, of the two wire types that libomemo-c writes; nothing for other bytes.
std::optional<std::vector<Field>> split(std::string_view message) {
  constexpr uint64_t varint = 0;
  constexpr uint64_t length_delimited = 2;
  std::vector<Field> fields;
  while (!message.empty()) {
    std::string_view rest = message;
    const auto key = take_varint(rest);
    const auto value = key ? take_varint(rest) : std::nullopt;
    if (!value) return std::nullopt;
    Field field{*key >> 3, {}, {}};
    if ((*key & 7) == length_delimited) {
      if (*value > rest.size()) return std::nullopt;
      field.content = rest.substr(0, *value);
      rest.remove_prefix(*value);
    } else if ((*key & 7) != varint) {
      return std::nullopt;
    }
    field.whole = message.substr(0, message.size() - rest.size());
    message = rest;
    fields.push_back(field);
  }
  return fields;
}

std::vector<Field> children(std::string_view message, uint64_t number) {
  std::vector<Field> found = split(message).value_or(std::vector<Field>());
  std::erase_if(found, [&](const Field& field) { return field.number != number; });
  return found;
}

void append_varint(std::string& out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  out += static_cast<char>(value);
}

std::string delimited(uint64_t number, std::string_view content) {
  std::string out;
  append_varint(out, number << 3 | 2);
  append_varint(out, content.size());
  return out.append(content);
}

std::string trim_chain(std::string_view chain, size_t& surplus) {
  std::string out;
  for (const Field& field : split(chain).value_or(std::vector<Field>())) {
    if (field.number == message_keys && surplus > 0) {
      --surplus;
    } else {
      out += field.whole;
    }
  }
  return out;
}

std::string trim_session(std::string_view session, size_t& surplus) {
  std::string out;
  for (const Field& field : split(session).value_or(std::vector<Field>())) {
    if (field.number == receiver_chains && surplus > 0) {
      out += delimited(receiver_chains, trim_chain(field.content, surplus));
    } else {
      out += field.whole;
    }
  }
  return out;
}

size_t count_in_session(std::string_view session) {
  size_t count = 0;
  for (const Field& chain : children(session, receiver_chains)) count += children(chain.content, message_keys).size();
  return count;
}

}  // namespace

size_t count_skipped_keys(std::string_view record) {
  size_t count = 0;
  for (const uint64_t number : {current_session, previous_sessions}) {
    for (const Field& session : children(record, number)) count += count_in_session(session.content);
  }
  return count;
}

std::string limit_skipped_keys(std::string_view record, size_t limit) {
  if (record.size() < limit * smallest_message_key) return std::string(record);
  const size_t count = count_skipped_keys(record);
  if (count <= limit) return std::string(record);

  size_t surplus = count - limit;
  const auto previous = children(record, previous_sessions);
  std::string trimmed_previous;
  for (auto session = previous.rbegin(); session != previous.rend(); ++session) {
    trimmed_previous.insert(0, delimited(previous_sessions, trim_session(session->content, surplus)));
  }
  std::string out;
  for (const Field& session : children(record, current_session)) {
    out += delimited(current_session, trim_session(session.content, surplus));
  }
  return out + trimmed_previous;
}

}  // namespace rookery::crypto::omemo
