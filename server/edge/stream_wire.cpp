#include "server/edge/stream_wire.h"

#include <algorithm>

#include "crypto/result.h"
#include "xmpp/namespaces.h"

namespace rookery::server {

namespace {

/// The end of the tag that begins at `at`, behind its '>'. Our own serialisation: no comments, no CDATA.
size_t end_of_tag(std::string_view xml, size_t at) {
  char quote = 0;
  for (; at < xml.size(); ++at) {
    const char c = xml[at];
    if (quote != 0) {
      if (c == quote) quote = 0;
    } else if (c == '\'' || c == '"') {
      quote = c;
    } else if (c == '>') {
      return at + 1;
    }
  }
  return std::string_view::npos;
}

/// The end of the element at the beginning of `xml`.
size_t end_of_element(std::string_view xml) {
  int depth = 0;
  for (size_t at = xml.find('<'); at != std::string_view::npos; at = xml.find('<', at)) {
    const size_t end = end_of_tag(xml, at);
    if (end == std::string_view::npos) break;
    if (xml[at + 1] == '/') {
      --depth;
    } else if (xml[end - 2] != '/') {
      ++depth;
    }
    if (depth <= 0) return end;
    at = end;
  }
  return xml.size();
}

/// Does the tag declare a default namespace? A value that looks like one does not count.
bool declares_namespace(std::string_view tag) {
  char quote = 0;
  for (size_t at = 0; at < tag.size(); ++at) {
    const char c = tag[at];
    if (quote != 0) {
      if (c == quote) quote = 0;
    } else if (c == '\'' || c == '"') {
      quote = c;
    } else if (c == ' ' && tag.substr(at).starts_with(" xmlns=")) {
      return true;
    }
  }
  return false;
}

std::string with_namespaces(std::string_view element) {
  const size_t name_end = element.find_first_of(" />");
  std::string out(element.substr(0, name_end));
  if (element.starts_with("<stream:")) out.append(" xmlns:stream='").append(xmpp::ns::streams).append("'");
  if (!declares_namespace(element.substr(0, end_of_tag(element, 0))))
    out.append(" xmlns='").append(xmpp::ns::client).append("'");
  return out.append(element.substr(name_end));
}

}  // namespace

void StreamWire::start_tls(std::string_view, SSL_CTX*) { ensure(false); }

void for_each_element(std::string_view xml, const std::function<void(std::string)>& each) {
  for (xml = xml.substr(std::min(xml.find('<'), xml.size())); !xml.empty();) {
    const size_t end = end_of_element(xml);
    each(with_namespaces(xml.substr(0, end)));
    const size_t next = xml.find('<', end);
    xml = next == std::string_view::npos ? std::string_view() : xml.substr(next);
  }
}

}  // namespace rookery::server
