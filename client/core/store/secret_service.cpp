// The desktop's keyring through libsecret; apart from vault.cpp because GLib's headers stay in this one file.
#include <libsecret/secret.h>

#include <cstdlib>

#include "client/core/store/vault.h"
#include "crypto/hash.h"
#include "crypto/random.h"

namespace rookery::client {

namespace {

const SecretSchema* schema() {
  static const SecretSchema instance = {
      "im.rookery.Database",
      SECRET_SCHEMA_NONE,
      {{"database", SECRET_SCHEMA_ATTRIBUTE_STRING}, {nullptr, SECRET_SCHEMA_ATTRIBUTE_STRING}},
      0,
      nullptr,
      nullptr,
      nullptr,
      nullptr,
      nullptr,
      nullptr,
      nullptr};
  return &instance;
}

std::unexpected<Error> unavailable(GError* error) {
  std::string message = "the desktop's keyring does not answer";
  if (error) message += std::string(": ") + error->message;
  if (error) g_error_free(error);
  return fail(Failure::unavailable, std::move(message));
}

}  // namespace

Result<crypto::Secret> key_from_secret_service(const std::filesystem::path& database, bool create) {
  // Without a session bus libsecret would try to start one.
  if (!std::getenv("DBUS_SESSION_BUS_ADDRESS")) return fail(Failure::unavailable, "there is no desktop session");
  const std::string name = std::filesystem::absolute(database).string();
  GError* error = nullptr;
  gchar* found = secret_password_lookup_sync(schema(), nullptr, &error, "database", name.c_str(), nullptr);
  if (error) return unavailable(error);
  if (found) {
    auto key = crypto::base64_decode(found);
    secret_password_free(found);
    if (!key) return std::unexpected(key.error());
    return crypto::Secret(std::move(*key));
  }
  if (!create) return fail(Failure::not_found, "the desktop's keyring has no key for " + name);
  crypto::Secret key(crypto::random_bytes(32));
  const crypto::Secret text(crypto::base64_encode(key.reveal()));
  const std::string label = "Rookery database " + name;
  const bool stored =
      secret_password_store_sync(schema(), SECRET_COLLECTION_DEFAULT, label.c_str(), std::string(text.reveal()).c_str(),
                                 nullptr, &error, "database", name.c_str(), nullptr);
  if (!stored) return unavailable(error);
  return key;
}

}  // namespace rookery::client
