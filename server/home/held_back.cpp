#include "server/home/held_back.h"

#include <algorithm>
#include <utility>

#include "server/home/importance.h"
#include "xmpp/namespaces.h"
#include "xmpp/stream_parser.h"

namespace rookery::server {

namespace {
constexpr size_t most_bytes = 64 * 1024;
}

bool HeldBack::take(std::string& xml) {
  if (xml.starts_with("<iq")) return false;
  const auto stanza = xmpp::parse_own(xml, xmpp::ns::client);
  if (!stanza) return false;
  auto key = holding_key(**stanza);
  if (!key) return false;
  const auto old = key->empty() ? held_.end() : std::ranges::find(held_, *key, &Held::key);
  if (old != held_.end()) {
    bytes_ -= old->xml.size();
    held_.erase(old);  // the newest takes its own place: it may depend on what came in between
  }
  if (held_.size() >= most_ || bytes_ + xml.size() > most_bytes) return false;
  bytes_ += xml.size();
  held_.push_back({std::move(*key), std::move(xml)});
  return true;
}

std::vector<std::string> HeldBack::release() {
  std::vector<std::string> all;
  all.reserve(held_.size());
  for (auto& held : std::exchange(held_, {})) all.push_back(std::move(held.xml));
  bytes_ = 0;
  return all;
}

}  // namespace rookery::server
