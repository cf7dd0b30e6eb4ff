// Bytes of another server, to both ends of a stream between servers: whatever it says, nobody may speak for a domain
// that proved nothing. The first byte chooses the end, and how far the stream has come.
#include <cstdint>
#include <string_view>

#include "xmpp/namespaces.h"
#include "xmpp/s2s_initiator.h"
#include "xmpp/s2s_receiver.h"

using namespace rookery::xmpp;

namespace {

void receive(std::string_view bytes, bool is_encrypted) {
  S2sReceiver stream({.direct_tls = is_encrypted,
                      .dialback_secret = "secret",
                      .stanza_bytes = 1,
                      .is_ours = [](const std::string& domain) { return domain == "b.example"; },
                      .is_welcome = [](const Jid&) { return true; },
                      .has_proof = [](const Jid&) { return false; }});
  StreamParser parser(ParserLimits::unauthenticated());
  parser.feed(bytes);
  while (auto event = parser.next()) {
    if (const auto* header = std::get_if<StreamHeader>(&*event)) stream.on_header(*header, "id");
    if (const auto* element = std::get_if<ElementPtr>(&*event)) stream.on_element(**element);
  }
  if (stream.is_authorised()) __builtin_trap();
}

void initiate(std::string_view bytes, bool is_encrypted) {
  S2sInitiator stream({.from = *Jid::parse("a.example"),
                       .to = *Jid::parse("b.example"),
                       .direct_tls = is_encrypted,
                       .dialback_secret = "secret",
                       .question = {}});
  if (is_encrypted) stream.tls_established(false);
  StreamParser parser(ParserLimits::unauthenticated());
  parser.feed(bytes);
  while (auto event = parser.next()) {
    S2sInitiator::Step step;
    if (const auto* header = std::get_if<StreamHeader>(&*event)) step = stream.on_header(*header);
    if (const auto* element = std::get_if<ElementPtr>(&*event)) step = stream.on_element(**element);
    if (step.kind == S2sInitiator::Step::Kind::ready && !is_encrypted) __builtin_trap();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  (data[0] & 1) != 0 ? receive(bytes, (data[0] & 2) != 0) : initiate(bytes, (data[0] & 2) != 0);
  return 0;
}
