#include "xmpp/sasl/scram_messages.h"

#include <algorithm>
#include <charconv>

namespace rookery::xmpp::scram {
namespace {

struct Attribute {
  char name;
  std::string_view value;
};

// attr-val = ALPHA "=" value, joined by commas.
std::optional<std::vector<Attribute>> parse_attributes(std::string_view text) {
  std::vector<Attribute> attributes;
  while (true) {
    const size_t comma = text.find(',');
    const std::string_view item = text.substr(0, comma);
    const bool is_letter = !item.empty() && ((item[0] | 0x20) >= 'a' && (item[0] | 0x20) <= 'z');
    if (!is_letter || item.size() < 2 || item[1] != '=') return std::nullopt;
    if (item.find('\0') != std::string_view::npos) return std::nullopt;
    attributes.push_back({item[0], item.substr(2)});
    if (comma == std::string_view::npos) return attributes;
    text.remove_prefix(comma + 1);
  }
}

// Do the attributes begin with these names, in this order?
bool begin_with(const std::vector<Attribute>& attributes, std::string_view names) {
  if (attributes.size() < names.size()) return false;
  for (size_t i = 0; i < names.size(); ++i) {
    if (attributes[i].name != names[i]) return false;
  }
  // RFC 5802 §5.1: "m" asks for an extension that nobody has defined yet, and must fail.
  return std::none_of(attributes.begin(), attributes.end(), [](const Attribute& a) { return a.name == 'm'; });
}

bool is_nonce(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

std::optional<std::string> unescape_name(std::string_view text) {
  std::string name;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '=') {
      name += text[i];
      continue;
    }
    const std::string_view code = text.substr(i + 1, 2);
    if (code != "2C" && code != "3D") return std::nullopt;
    name += code == "2C" ? ',' : '=';
    i += 2;
  }
  return name;
}

// gs2-header = gs2-cbind-flag "," [ "a=" saslname ] ","
bool parse_gs2_header(std::string_view text, ClientFirst& message) {
  const size_t first = text.find(',');
  if (first == std::string_view::npos) return false;
  const size_t second = text.find(',', first + 1);
  if (second == std::string_view::npos) return false;
  const std::string_view flag = text.substr(0, first);
  const std::string_view authzid = text.substr(first + 1, second - first - 1);
  message.gs2_header = text.substr(0, second + 1);
  if (flag.starts_with("p=") && flag.size() > 2) {
    message.flag = BindingFlag::required;
    message.binding = flag.substr(2);
  } else if (flag == "y") {
    message.flag = BindingFlag::not_offered;
  } else if (flag != "n") {
    return false;
  }
  if (authzid.empty()) return true;
  if (!authzid.starts_with("a=") || authzid.size() == 2) return false;
  auto name = unescape_name(authzid.substr(2));
  if (!name) return false;
  message.authzid = std::move(*name);
  return true;
}

}  // namespace

std::optional<ClientFirst> parse_client_first(std::string_view text) {
  ClientFirst message;
  if (!parse_gs2_header(text, message)) return std::nullopt;
  message.bare = text.substr(message.gs2_header.size());
  const auto attributes = parse_attributes(message.bare);
  if (!attributes || !begin_with(*attributes, "nr")) return std::nullopt;
  auto username = unescape_name((*attributes)[0].value);
  const std::string_view nonce = (*attributes)[1].value;
  if (!username || username->empty() || !is_nonce(nonce)) return std::nullopt;
  message.username = std::move(*username);
  message.nonce = nonce;
  return message;
}

std::optional<ServerFirst> parse_server_first(std::string_view text) {
  const auto attributes = parse_attributes(text);
  if (!attributes || !begin_with(*attributes, "rsi")) return std::nullopt;
  auto salt = crypto::base64_decode((*attributes)[1].value);
  if (!is_nonce((*attributes)[0].value) || !salt || salt->empty()) return std::nullopt;
  ServerFirst message{.nonce = std::string((*attributes)[0].value), .salt = std::move(*salt)};
  const std::string_view count = (*attributes)[2].value;
  const auto [end, error] = std::from_chars(count.data(), count.data() + count.size(), message.iterations);
  if (error != std::errc() || end != count.data() + count.size()) return std::nullopt;
  for (size_t i = 3; i < attributes->size(); ++i) {
    const auto& [name, value] = (*attributes)[i];
    if ((name == 'h' && message.downgrade_hash) || (name == 't' && !message.tls_version.empty())) return std::nullopt;
    if (name == 'h') message.downgrade_hash = std::string(value);
    if (name == 't') message.tls_version = value;
  }
  return message;
}

std::string to_string(const ServerFirst& message) {
  std::string text =
      "r=" + message.nonce + ",s=" + crypto::base64_encode(message.salt) + ",i=" + std::to_string(message.iterations);
  if (message.downgrade_hash) text += ",h=" + *message.downgrade_hash;
  if (!message.tls_version.empty()) text += ",t=" + message.tls_version;
  return text;
}

std::optional<ClientFinal> parse_client_final(std::string_view text) {
  const auto attributes = parse_attributes(text);
  if (!attributes || !begin_with(*attributes, "cr") || attributes->back().name != 'p') return std::nullopt;
  const std::string_view proof_text = attributes->back().value;
  auto binding = crypto::base64_decode((*attributes)[0].value);
  auto proof = crypto::base64_decode(proof_text);
  if (!binding || !proof) return std::nullopt;
  return ClientFinal{.channel_binding = std::move(*binding),
                     .nonce = std::string((*attributes)[1].value),
                     .proof = std::move(*proof),
                     .without_proof = std::string(text.substr(0, text.size() - proof_text.size() - 3))};
}

std::string escape_name(std::string_view name) {
  std::string text;
  for (const char c : name) {
    if (c == ',') {
      text += "=2C";
    } else if (c == '=') {
      text += "=3D";
    } else {
      text += c;
    }
  }
  return text;
}

std::string downgrade_hash(crypto::Hash hash, std::vector<std::string_view> mechanisms,
                           std::vector<std::string_view> bindings) {
  std::string joined;
  const auto append_sorted = [&joined](std::vector<std::string_view>& list) {
    // i;octet collation compares bytes as unsigned numbers, and so does std::string_view.
    std::sort(list.begin(), list.end());
    for (size_t i = 0; i < list.size(); ++i) {
      if (i > 0) joined += '\x1e';
      joined += list[i];
    }
  };
  append_sorted(mechanisms);
  if (!bindings.empty()) {
    joined += '\x1f';
    append_sorted(bindings);
  }
  return crypto::base64_encode(crypto::digest(hash, joined));
}

std::string exclusive_or(std::string_view a, std::string_view b) {
  ensure(a.size() == b.size());
  std::string result(a);
  for (size_t i = 0; i < b.size(); ++i) result[i] = static_cast<char>(result[i] ^ b[i]);
  return result;
}

}  // namespace rookery::xmpp::scram
