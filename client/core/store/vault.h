// Keeps the local database unreadable without its key: values are sealed, search keys are hidden.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "crypto/result.h"
#include "crypto/secret.h"

namespace rookery::client {

/// Values are AES-256-GCM with the place where they stand as additional data, so that none can be moved elsewhere.
class Vault {
 public:
  explicit Vault(const crypto::Secret& master_key);
  std::string seal(std::string_view place, std::string_view value) const;
  /// Failure::denied when the key is another one or the value was changed.
  Result<std::string> open(std::string_view place, std::string_view sealed) const;
  /// What stands in a searchable column instead of `value`: 16 bytes of an HMAC.
  std::string index(std::string_view place, std::string_view value) const;

 private:
  crypto::Secret value_key_;
  crypto::Secret index_key_;
};

/// Where the database's key comes from; remembered in the database, in the clear.
enum class KeySource {
  passphrase,      ///< PBKDF2 with a stored salt
  secret_service,  ///< the desktop's keyring
  key_file,        ///< `<database>.key`, mode 0600: protects copies of the database only
};
std::string_view to_string(KeySource source);
std::optional<KeySource> parse_key_source(std::string_view name);

/// `salt` is stored beside; 16 random bytes.
crypto::Secret key_from_passphrase(const crypto::Secret& passphrase, std::string_view salt);
/// Reads `file`, or creates it with a fresh key when `create`.
Result<crypto::Secret> key_from_file(const std::filesystem::path& file, bool create);
/// Asks the Secret Service for the key of `database`; stores a fresh one when `create` and there is none.
Result<crypto::Secret> key_from_secret_service(const std::filesystem::path& database, bool create);

}  // namespace rookery::client
