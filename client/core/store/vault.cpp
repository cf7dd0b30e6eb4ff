#include "client/core/store/vault.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <system_error>

#include "crypto/aes.h"
#include "crypto/hash.h"
#include "crypto/random.h"

namespace rookery::client {

namespace {

constexpr size_t key_bytes = 32;
constexpr size_t index_bytes = 16;
constexpr uint32_t passphrase_iterations = 600'000;

std::string system_message(const std::filesystem::path& file, int error) {
  return file.string() + ": " + std::generic_category().message(error);
}

Result<crypto::Secret> create_key_file(const std::filesystem::path& file) {
  const int descriptor = ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (descriptor < 0) return fail(Failure::io, "cannot create the key file " + system_message(file, errno));
  std::string key = crypto::random_bytes(key_bytes);
  const bool written =
      ::write(descriptor, key.data(), key.size()) == static_cast<ssize_t>(key.size()) && ::fsync(descriptor) == 0;
  const int error = errno;
  ::close(descriptor);
  if (!written) return fail(Failure::io, "cannot write the key file " + system_message(file, error));
  return crypto::Secret(std::move(key));
}

}  // namespace

Vault::Vault(const crypto::Secret& master_key)
    : value_key_(crypto::hkdf_sha256(master_key.reveal(), {}, "rookery client values", key_bytes)),
      index_key_(crypto::hkdf_sha256(master_key.reveal(), {}, "rookery client index", key_bytes)) {}

std::string Vault::seal(std::string_view place, std::string_view value) const {
  return crypto::aes_gcm_seal_packed(value_key_.reveal(), value, place);
}

Result<std::string> Vault::open(std::string_view place, std::string_view sealed) const {
  return crypto::aes_gcm_open_packed(value_key_.reveal(), sealed, place);
}

std::string Vault::index(std::string_view place, std::string_view value) const {
  std::string input(place);
  input += '\0';
  input += value;
  return crypto::hmac(crypto::Hash::sha256, index_key_.reveal(), input).substr(0, index_bytes);
}

std::string_view to_string(KeySource source) {
  switch (source) {
    case KeySource::passphrase:
      return "passphrase";
    case KeySource::secret_service:
      return "secret-service";
    case KeySource::key_file:
      return "key-file";
  }
  return "key-file";
}

std::optional<KeySource> parse_key_source(std::string_view name) {
  for (const auto source : {KeySource::passphrase, KeySource::secret_service, KeySource::key_file})
    if (name == to_string(source)) return source;
  return std::nullopt;
}

crypto::Secret key_from_passphrase(const crypto::Secret& passphrase, std::string_view salt) {
  return crypto::Secret(crypto::pbkdf2(crypto::Hash::sha256, passphrase.reveal(), salt, passphrase_iterations));
}

Result<crypto::Secret> key_from_file(const std::filesystem::path& file, bool create) {
  const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0 && errno == ENOENT && create) return create_key_file(file);
  if (descriptor < 0) return fail(Failure::not_found, "cannot read the key file " + system_message(file, errno));
  struct stat about{};
  std::string key(key_bytes + 1, '\0');
  const bool is_private = ::fstat(descriptor, &about) == 0 && (about.st_mode & (S_IRWXG | S_IRWXO)) == 0;
  const ssize_t size = ::read(descriptor, key.data(), key.size());
  ::close(descriptor);
  if (!is_private) return fail(Failure::denied, "others may read the key file " + file.string() + "; chmod 600 it");
  if (size != static_cast<ssize_t>(key_bytes)) return fail(Failure::invalid, file.string() + " is not a key file");
  key.resize(key_bytes);
  return crypto::Secret(std::move(key));
}

}  // namespace rookery::client
