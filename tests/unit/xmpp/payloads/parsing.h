// Elements from text, for the tests of payloads.
#pragma once

#include <string_view>

#include "crypto/result.h"
#include "xmpp/namespaces.h"
#include "xmpp/stream_parser.h"

namespace rookery::xmpp {

inline ElementPtr from_xml(std::string_view xml) {
  auto parsed = parse_document(xml, {}, ns::client);
  ensure(parsed.has_value());
  return std::move(*parsed);
}

/// What a payload adds to an element, sent and received again.
template <typename Payload>
ElementPtr sent(const Payload& payload) {
  auto root = Element::make("iq", ns::client);
  payload.add_to(*root);
  return from_xml(root->to_xml());
}

}  // namespace rookery::xmpp
