// Bytes from another node: packets, envelopes, what edges and homes say to each other, and surveys. What is understood
// must survive being written and read again. REQ 36
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "server/cluster/edge_messages.h"
#include "server/cluster/survey_messages.h"
#include "server/cluster/wire.h"

namespace cluster = rookery::server::cluster;
using cluster::encode;

namespace {

/// `parse` of what `encode` makes of a parsed value has to succeed, and to be encoded the same.
template <typename Parse>
void round_trip(std::string_view bytes, Parse parse) {
  const auto first = parse(bytes);
  if (!first) return;
  const std::string written = encode(*first);
  const auto second = parse(written);
  if (!second || encode(*second) != written) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  round_trip(bytes, cluster::parse_packet);
  round_trip(bytes, cluster::parse_envelope);
  round_trip(bytes, cluster::parse_attach);
  round_trip(bytes, cluster::parse_attached);
  round_trip(bytes, cluster::parse_link_input);
  round_trip(bytes, cluster::parse_link_lost);
  round_trip(bytes, cluster::parse_link_output);
  round_trip(bytes, cluster::parse_link_close);
  round_trip(bytes, cluster::parse_survey);
  round_trip(bytes, cluster::parse_survey_announcement);
  round_trip(bytes, cluster::parse_survey_answer);
  return 0;
}
