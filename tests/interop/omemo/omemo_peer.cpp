// One OMEMO device of ours behind stdin and stdout, for interop_test.py. One command a line, one answer a line; words
// are separated by blanks, bytes are hex, "-" is absent, VERSION is "legacy" or "v2".
//   create JID DEVICE                            -> ok
//   bundle VERSION                               -> ok SPK-ID SPK SIGNATURE IDENTITY ID:KEY,ID:KEY…
//   session VERSION JID DEVICE (as in a bundle)  -> ok
//   encrypt VERSION JID DEVICE PLAINTEXT         -> ok KEX KEY IV PAYLOAD
//   empty VERSION JID DEVICE                     -> ok KEX KEY IV -
//   decrypt VERSION JID DEVICE KEX KEY IV PAYLOAD -> ok PLAINTEXT | ok -
//   fingerprint JID DEVICE                       -> ok HEX
// Anything that goes wrong: "fail REASON".
#include <iostream>
#include <sstream>

#include "crypto/hash.h"
#include "crypto/omemo/omemo.h"

namespace {

using namespace rookery;
using namespace rookery::crypto::omemo;

std::string unhex(const std::string& hex) {
  std::string raw;
  if (hex == "-") return raw;
  for (size_t at = 0; at < hex.size(); at += 2) raw += static_cast<char>(std::stoi(hex.substr(at, 2), nullptr, 16));
  return raw;
}

std::string hex_or_dash(std::string_view raw) { return raw.empty() ? "-" : crypto::hex_encode(raw); }

class Peer {
 public:
  std::string run(const std::string& line) {
    std::istringstream in(line);
    std::string command;
    in >> command;
    if (command == "create") return create(in);
    if (!device_) return "fail no device";
    if (command == "fingerprint") return fingerprint(in);
    std::string version;
    in >> version;
    version_ = version == "legacy" ? Version::legacy : Version::v2;
    if (command == "bundle") return bundle();
    peer_ = {};
    in >> peer_.jid >> peer_.device;
    if (command == "session") return session(in);
    if (command == "encrypt") return encrypt(in);
    if (command == "empty") return empty();
    if (command == "decrypt") return decrypt(in);
    return "fail unknown command";
  }

 private:
  std::string create(std::istream& in) {
    std::string jid;
    uint32_t id = 0;
    in >> jid >> id;
    auto made = Device::create(store_, jid, id);
    if (!made) return "fail " + made.error().message;
    device_.emplace(std::move(*made));
    return "ok";
  }

  std::string fingerprint(std::istream& in) {
    Address address;
    in >> address.jid >> address.device;
    const auto identity = store_.identity(address);
    return identity && *identity ? "ok " + crypto::hex_encode((*identity)->key) : "fail unknown";
  }

  std::string bundle() {
    const auto bundle = device_->bundle(version_);
    if (!bundle) return "fail " + bundle.error().message;
    std::ostringstream out;
    out << "ok " << bundle->signed_pre_key_id << ' ' << crypto::hex_encode(bundle->signed_pre_key) << ' '
        << crypto::hex_encode(bundle->signature) << ' ' << crypto::hex_encode(bundle->identity_key) << ' ';
    for (const auto& [id, key] : bundle->pre_keys) out << id << ':' << crypto::hex_encode(key) << ',';
    return out.str();
  }

  std::string session(std::istream& in) {
    std::string signed_pre_key, signature, identity, pre_keys, one;
    Bundle bundle{.version = version_};
    in >> bundle.signed_pre_key_id >> signed_pre_key >> signature >> identity >> pre_keys;
    bundle.signed_pre_key = unhex(signed_pre_key);
    bundle.signature = unhex(signature);
    bundle.identity_key = unhex(identity);
    for (std::istringstream list(pre_keys); std::getline(list, one, ',');) {
      const size_t colon = one.find(':');
      bundle.pre_keys[std::stoul(one.substr(0, colon))] = unhex(one.substr(colon + 1));
    }
    const auto started = device_->start_session(version_, peer_, bundle);
    return started ? "ok" : "fail " + started.error().message;
  }

  static std::string describe(const EncryptedMessage& message) {
    const EncryptedKey& key = message.keys.at(0);
    return std::string("ok ") + (key.key_exchange ? "1 " : "0 ") + crypto::hex_encode(key.data) + ' ' +
           hex_or_dash(message.iv) + ' ' + hex_or_dash(message.payload.value_or(""));
  }

  std::string encrypt(std::istream& in) {
    std::string plaintext;
    in >> plaintext;
    const std::vector<Address> recipients{peer_};
    const auto outgoing = device_->encrypt(version_, recipients, unhex(plaintext));
    return outgoing ? describe(outgoing->message) : "fail " + outgoing.error().message;
  }

  std::string empty() {
    const auto message = device_->encrypt_empty(version_, peer_);
    return message ? describe(*message) : "fail " + message.error().message;
  }

  std::string decrypt(std::istream& in) {
    std::string exchange, key, iv, payload;
    in >> exchange >> key >> iv >> payload;
    EncryptedMessage message{.version = version_, .sender_device = peer_.device};
    message.keys.push_back({device_->address(), unhex(key), exchange == "1"});
    message.iv = unhex(iv);
    if (payload != "-") message.payload = unhex(payload);
    const auto incoming = device_->decrypt(peer_.jid, message);
    if (!incoming) return "fail " + std::string(to_string(incoming.error()));
    return "ok " + hex_or_dash(incoming->plaintext.value_or(""));
  }

  MemoryStore store_;
  std::optional<Device> device_;
  Version version_ = Version::v2;
  Address peer_;
};

}  // namespace

int main() {
  Peer peer;
  for (std::string line; std::getline(std::cin, line);) std::cout << peer.run(line) << std::endl;
}
