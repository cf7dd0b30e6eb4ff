#include "crypto/hash.h"
#include "crypto/omemo/handles.h"
#include "crypto/omemo/omemo.h"

namespace rookery::crypto::omemo {
namespace {

constexpr size_t key_size = 32;
constexpr char curve_type = 0x05;

}  // namespace

Result<IdentityKey> IdentityKey::from_curve(std::string_view curve) {
  if (curve.size() != key_size) return fail(Failure::invalid, "an OMEMO identity key has a wrong size");
  return IdentityKey(std::string(curve));
}

Result<IdentityKey> IdentityKey::from_wire(Version version, std::string_view wire) {
  if (version == Version::legacy) {
    if (wire.size() != key_size + 1 || wire[0] != curve_type) {
      return fail(Failure::invalid, "a legacy OMEMO identity key is not 0x05 and 32 bytes");
    }
    return from_curve(wire.substr(1));
  }
  if (wire.size() != key_size) return fail(Failure::invalid, "an OMEMO identity key has a wrong size");
  Ref<ec_public_key> key;
  if (curve_decode_point_ed(into(key), bytes(wire), wire.size(), nullptr) < 0) {
    return fail(Failure::invalid, "an OMEMO identity key is not an Ed25519 key");
  }
  return from_curve(to_string(Buffer(ec_public_key_get_mont(key.get()))));
}

std::string IdentityKey::fingerprint() const {
  const std::string hex = hex_encode(curve_);
  std::string grouped;
  for (size_t at = 0; at < hex.size(); at += 8) {
    if (at > 0) grouped += ' ';
    grouped += hex.substr(at, 8);
  }
  return grouped;
}

std::string_view to_string(DecryptFailure failure) {
  switch (failure) {
    case DecryptFailure::not_for_us:
      return "not_for_us";
    case DecryptFailure::duplicate:
      return "duplicate";
    case DecryptFailure::key_gone:
      return "key_gone";
    case DecryptFailure::no_session:
      return "no_session";
    case DecryptFailure::unknown_pre_key:
      return "unknown_pre_key";
    case DecryptFailure::identity_changed:
      return "identity_changed";
    case DecryptFailure::too_far_ahead:
      return "too_far_ahead";
    case DecryptFailure::corrupt:
      return "corrupt";
    case DecryptFailure::store:
      return "store";
  }
  return "unknown";
}

}  // namespace rookery::crypto::omemo
