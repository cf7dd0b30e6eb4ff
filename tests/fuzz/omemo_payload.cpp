// What arrives from a hostile peer or server: encrypted keys, payloads and bundles. The first byte chooses version and
// what the rest is. A failure must leave the store as it was.
// REQ 36
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/omemo/omemo.h"

using namespace rookery;
using namespace rookery::crypto::omemo;

namespace {

struct Person {
  explicit Person(const char* jid, uint32_t id) : device(Device::create(store, jid, id).value()) {}
  MemoryStore store;
  Device device;
};

Person& alice() {
  static Person person("alice@capulet.example", 1);
  return person;
}
Person& bob() {
  static Person person("bob@montague.example", 2);
  return person;
}

/// Takes a field off the front: one byte of length, then the bytes.
std::string take(std::string_view& input) {
  if (input.empty()) return {};
  const size_t size = std::min<size_t>(static_cast<uint8_t>(input[0]), input.size() - 1);
  std::string field(input.substr(1, size));
  input.remove_prefix(1 + size);
  return field;
}

void flip(std::string& target, std::string_view by) {
  for (size_t at = 0; at < std::min(target.size(), by.size()); ++at)
    target[at] = static_cast<char>(target[at] ^ by[at]);
}

void decrypt_unharmed(const EncryptedMessage& message) {
  const MemoryStore before = bob().store;
  const auto incoming = bob().device.decrypt("alice@capulet.example", message);
  if (!incoming) ensure(bob().store == before);
  bob().store = before;
}

void decrypt_raw(Version version, bool key_exchange, std::string_view input) {
  EncryptedMessage message{.version = version, .sender_device = 1};
  message.iv = take(input);
  message.payload = take(input);
  message.keys.push_back({bob().device.address(), std::string(input), key_exchange});
  decrypt_unharmed(message);
}

/// A genuine message with some bits flipped: gets as far as the ratchet.
void decrypt_flipped(Version version, std::string_view input) {
  if (!alice().device.has_session(version, bob().device.address()).value()) {
    ensure(alice()
               .device.start_session(version, bob().device.address(), bob().device.bundle(version).value())
               .has_value());
  }
  const MemoryStore before = alice().store;
  const std::vector<Address> recipients{bob().device.address()};
  EncryptedMessage message = alice().device.encrypt(version, recipients, "genuine").value().message;
  alice().store = before;
  flip(*message.payload, take(input));
  flip(message.keys[0].data, input);
  decrypt_unharmed(message);
}

void start_session(Version version, std::string_view input) {
  Bundle bundle = bob().device.bundle(version).value();
  flip(bundle.identity_key, take(input));
  flip(bundle.signature, take(input));
  flip(bundle.signed_pre_key, take(input));
  bundle.pre_keys = {{1, take(input)}};
  MemoryStore store;
  static const MemoryStore fresh = [] {
    MemoryStore made;
    ensure(Device::create(made, "carol@capulet.example", 3).has_value());
    return made;
  }();
  store = fresh;
  Device carol = Device::open(store).value();
  const bool started = carol.start_session(version, bob().device.address(), bundle).has_value();
  if (!started) ensure(store == fresh);
}

void parse_identity(Version version, std::string_view input) {
  const auto key = IdentityKey::from_wire(version, input);
  if (key) ensure(key->fingerprint().size() == 64 + 7 && key->curve().size() == 32);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Version version = data[0] & 1 ? Version::v2 : Version::legacy;
  switch ((data[0] >> 1) % 5) {
    case 0:
      decrypt_raw(version, false, input);
      break;
    case 1:
      decrypt_raw(version, true, input);
      break;
    case 2:
      decrypt_flipped(version, input);
      break;
    case 3:
      start_session(version, input);
      break;
    default:
      parse_identity(version, input);
  }
  return 0;
}
