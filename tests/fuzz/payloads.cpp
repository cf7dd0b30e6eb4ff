// Every payload parser sees the children of a hostile stanza; what is accepted must come back the same when it is sent
// on. REQ 36
#include <cstdint>

#include "xmpp/namespaces.h"
#include "xmpp/payloads/blocking.h"
#include "xmpp/payloads/caps.h"
#include "xmpp/payloads/carbons.h"
#include "xmpp/payloads/entity_queries.h"
#include "xmpp/payloads/mam.h"
#include "xmpp/payloads/pubsub/event.h"
#include "xmpp/payloads/pubsub/node_config.h"
#include "xmpp/payloads/roster.h"
#include "xmpp/payloads/stanza_id.h"
#include "xmpp/payloads/stream_management.h"
#include "xmpp/stream_parser.h"

using namespace rookery::xmpp;

namespace {

// Sends a payload and returns what arrives: the first child of the stanza.
template <typename Payload>
ElementPtr sent(const Payload& payload) {
  auto iq = Element::make("iq", ns::client);
  payload.add_to(*iq);
  auto parsed =
      parse_document(iq->to_xml(), {.stanza_bytes = 16 << 20, .elements = 1 << 20, .attributes = 64, .depth = 64});
  ensure(parsed.has_value());
  return std::move(*parsed);
}

template <typename Payload>
void check(const Element& element) {
  const auto parsed = Payload::parse(element);
  if (!parsed) return;
  const auto iq = sent(*parsed);
  const auto again = Payload::parse(*iq->first_element());
  ensure(again && *again == *parsed);
}

void check_stream_management(const Element& element) {
  const auto parsed = parse_stream_management(element);
  if (!parsed) return;
  const auto again = parse_stream_management(*to_element(*parsed));
  ensure(again && *again == *parsed);
}

void check_config(const Element& element) {
  const auto form = DataForm::parse(element);
  if (!form) return;
  pubsub::NodeConfig config;
  if (!config.apply(*form)) return;
  pubsub::NodeConfig copy;
  ensure(copy.apply(config.to_form(DataForm::Type::submit)).has_value());
  ensure(copy == config);
}

void check_child(const Element& child) {
  check<DataForm>(child);
  check<RsmRequest>(child);
  check<Delay>(child);
  check<DiscoItems>(child);
  check<SoftwareVersion>(child);
  check<EntityTime>(child);
  check<LastActivity>(child);
  check<MamQuery>(child);
  check<MamPreferences>(child);
  check<Blocking>(child);
  check<RosterQuery>(child);
  check_stream_management(child);
  check_config(child);
  if (const auto info = DiscoInfo::parse(child)) (void)caps_hash(*info).has_value();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto stanza = parse_document({reinterpret_cast<const char*>(data), size}, {}, ns::client);
  if (!stanza) return 0;
  for (const Element& child : (*stanza)->elements()) check_child(child);
  (void)pubsub::parse_request(**stanza).has_value();
  (void)pubsub::Event::parse(**stanza).has_value();
  (void)pubsub::Event::parse_items_result(**stanza).has_value();
  (void)Carbon::parse(**stanza).has_value();
  (void)MamResult::parse(**stanza).has_value();
  (void)MamFin::parse(**stanza).has_value();
  (void)MamMetadata::parse(**stanza).has_value();
  const auto me = Jid::parse("juliet@capulet.lit").value();
  remove_stanza_ids(**stanza, me);
  ensure(!find_stanza_id(**stanza, me));
  return 0;
}
