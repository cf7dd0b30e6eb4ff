// Bytes as a stream, whole and split: both must give the same events, and what parses must survive being written and
// read. REQ 36
#include "xmpp/stream_parser.h"

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "xmpp/namespaces.h"

namespace {

using namespace rookery::xmpp;

constexpr ParserLimits kLimits{4096, 64, 8, 8};

std::string describe(StreamEvent& event) {
  if (auto* header = std::get_if<StreamHeader>(&event)) {
    return "header " + header->to + "|" + header->from + "|" + header->id + "|" + header->version + "|" + header->lang +
           "|" + header->content_ns;
  }
  if (auto* error = std::get_if<StreamError>(&event)) return error->to_xml();
  if (auto* stanza = std::get_if<ElementPtr>(&event)) {
    const std::string xml = (*stanza)->to_xml(ns::client);
    const auto again = parse_document(xml, {}, ns::client);
    if (!again || (*again)->to_xml(ns::client) != xml) std::abort();
    if ((*stanza)->clone()->to_xml(ns::client) != xml) std::abort();
    return xml;
  }
  return "end";
}

std::vector<std::string> drain(StreamParser& parser) {
  std::vector<std::string> events;
  while (auto event = parser.next()) events.push_back(describe(*event));
  return events;
}

/// Starts inside a stream unless the input brings its own header.
std::vector<std::string> parse(std::string_view bytes, size_t piece, bool with_header) {
  StreamParser parser(kLimits);
  if (with_header) {
    parser.feed(
        "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' xmlns:p='urn:p'>");
  }
  while (!bytes.empty()) {
    const auto now = bytes.substr(0, piece);
    parser.feed(now);
    bytes.remove_prefix(now.size());
  }
  return drain(parser);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const bool with_header = (data[0] & 1) != 0;
  const auto whole = parse(bytes, bytes.size() + 1, with_header);
  if (parse(bytes, 1, with_header) != whole) std::abort();
  if (parse(bytes, 1 + data[0] / 2 % 64, with_header) != whole) std::abort();
  (void)parse_document(bytes, kLimits, (data[0] & 2) != 0 ? ns::client : std::string_view());
  return 0;
}
