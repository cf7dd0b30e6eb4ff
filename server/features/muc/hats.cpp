#include "server/features/muc/hats.h"

#include <algorithm>
#include <cctype>

#include "crypto/hash.h"
#include "xmpp/namespaces.h"
#include "xmpp/stream_parser.h"

namespace rookery::server::muc {

namespace {

constexpr size_t longest_uri = 512, longest_hue = 16;

void add_hat(xmpp::Element& parent, const std::string& uri, const Hat& hat) {
  xmpp::Element& element = parent.add("hat");
  element.set_attr("uri", uri).set_attr("title", hat.title);
  if (!hat.hue.empty()) element.set_attr("hue", hat.hue);
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

}  // namespace

bool is_hat_uri(std::string_view text) {
  const auto colon = text.find(':');
  if (colon == std::string_view::npos || colon == 0 || colon + 1 == text.size() || text.size() > longest_uri)
    return false;
  const auto is_scheme = [](char c) { return is_letter(c) || is_digit(c) || c == '+' || c == '-' || c == '.'; };
  if (!is_letter(text.front()) || !std::ranges::all_of(text.substr(0, colon), is_scheme)) return false;
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) > ' ' && c != 0x7f; });
}

bool is_hue(std::string_view text) {
  if (text.empty() || text.size() > longest_hue || !is_digit(text.front()) || !is_digit(text.back())) return false;
  const size_t point = text.find('.');
  const std::string_view whole = text.substr(0, point),
                         rest = point == std::string_view::npos ? std::string_view() : text.substr(point + 1);
  if (whole.size() > 3 || !std::ranges::all_of(whole, is_digit) || !std::ranges::all_of(rest, is_digit)) return false;
  const int degrees = std::stoi(std::string(whole));
  return degrees < 360 || (degrees == 360 && std::ranges::all_of(rest, [](char c) { return c == '0'; }));
}

Hats Hats::parse(std::string_view xml) {
  Hats hats;
  const auto document = xmpp::parse_own(xml);
  if (!document) return hats;
  for (const auto& element : (*document)->elements()) {
    if (element.name() == "hat") {
      hats.put(element.attr("uri"),
               {.title = std::string(element.attr("title")), .hue = std::string(element.attr("hue"))});
      continue;
    }
    const auto wearer = xmpp::Jid::parse(element.attr("jid"));
    if (!wearer) continue;
    for (const auto& uri : element.elements()) hats.assign(*wearer, uri.text());
  }
  return hats;
}

std::string Hats::to_xml() const {
  auto document = xmpp::Element::make("hats", xmpp::ns::hats);
  for (const auto& [uri, hat] : hats_) add_hat(*document, uri, hat);
  for (const auto& [jid, uris] : worn_) {
    xmpp::Element& wearer = document->add("wearer");
    wearer.set_attr("jid", jid.text());
    for (const auto& uri : uris) wearer.add_text_child("uri", uri);
  }
  return document->to_xml();
}

bool Hats::put(std::string_view uri, Hat hat) {
  const auto found = hats_.find(uri);
  if (found == hats_.end() && hats_.size() >= most_hats) return false;
  if (found != hats_.end()) {
    found->second = std::move(hat);
    return true;
  }
  hats_.emplace(std::string(uri), std::move(hat));
  return true;
}

bool Hats::destroy(std::string_view uri) {
  const auto found = hats_.find(uri);
  if (found == hats_.end()) return false;
  for (auto& [jid, uris] : worn_) {
    if (const auto own = uris.find(uri); own != uris.end()) uris.erase(own);
  }
  std::erase_if(worn_, [](const auto& each) { return each.second.empty(); });
  hats_.erase(found);
  return true;
}

bool Hats::assign(const xmpp::Jid& who, std::string_view uri) {
  if (!hats_.contains(uri) || (worn_.size() >= most_wearers && !worn_.contains(who))) return false;
  worn_[who].emplace(uri);
  return true;
}

bool Hats::unassign(const xmpp::Jid& who, std::string_view uri) {
  const auto found = worn_.find(who);
  if (found == worn_.end()) return false;
  const auto own = found->second.find(uri);
  if (own == found->second.end()) return false;
  found->second.erase(own);
  if (found->second.empty()) worn_.erase(found);
  return true;
}

bool Hats::wears(const xmpp::Jid& who, std::string_view uri) const {
  const auto found = worn_.find(who);
  return found != worn_.end() && found->second.contains(uri);
}

void Hats::add_worn_to(xmpp::Element& presence, const xmpp::Jid& who) const {
  if (worn_.empty()) return;
  const auto found = worn_.find(who.bare());
  if (found == worn_.end()) return;
  xmpp::Element& hats = presence.add("hats", xmpp::ns::hats);
  for (const auto& uri : found->second) add_hat(hats, uri, hats_.find(uri)->second);
}

std::string Hats::hash() const {
  std::string list;
  for (const auto& [uri, hat] : hats_) list += uri + '\n' + hat.title + '\n' + hat.hue + '\n';
  return crypto::hex_encode(crypto::digest(crypto::Hash::sha256, list));
}

}  // namespace rookery::server::muc
