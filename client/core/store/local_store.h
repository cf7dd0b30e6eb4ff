// The client's database: SQLite with sealed values. Records are small named values; messages have a table of their own
// (store/message_store.h).
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/core/store/vault.h"
#include "storage/sqlite/database.h"

namespace rookery::client {

struct KeyOptions {
  crypto::Secret passphrase;        ///< not empty: protects the database
  std::optional<KeySource> source;  ///< for a new database; unset: keyring if there is one, else a key file
};

class LocalStore {
 public:
  /// Opens or creates. Failure::denied when the key does not fit, ::invalid when a passphrase is needed but missing.
  static Result<std::unique_ptr<LocalStore>> open(const std::filesystem::path& file, const KeyOptions& options);

  ~LocalStore();

  /// Claims the database for this process, until it ends. Failure::conflict when another one has it: two that encrypt
  /// with the same ratchets would give them away.
  Status lock();

  Status transaction(const std::function<Status()>& work);

  /// Records of a kind by key; `group` makes them findable together.
  Status put(std::string_view kind, std::string_view key, std::string_view value, std::string_view group = {});
  Result<std::optional<std::string>> get(std::string_view kind, std::string_view key) const;
  Status remove(std::string_view kind, std::string_view key);
  Status remove_all(std::string_view kind);
  struct Record {
    std::string key, value;
  };
  Result<std::vector<Record>> all(std::string_view kind) const;
  Result<std::vector<Record>> in_group(std::string_view kind, std::string_view group) const;

  storage::sqlite::Database& database() const { return *database_; }
  const Vault& vault() const { return *vault_; }
  KeySource key_source() const { return source_; }

 private:
  LocalStore(std::filesystem::path file, std::unique_ptr<storage::sqlite::Database> database)
      : file_(std::move(file)), database_(std::move(database)) {}
  Status unlock(const std::filesystem::path& file, const KeyOptions& options);
  Status create_key(const std::filesystem::path& file, const KeyOptions& options);
  Result<std::string> meta(std::string_view key) const;
  Result<std::vector<Record>> read_records(std::string_view kind, storage::sqlite::Statement rows) const;

  std::filesystem::path file_;
  int lock_ = -1;
  mutable std::unique_ptr<storage::sqlite::Database> database_;
  std::unique_ptr<Vault> vault_;
  KeySource source_ = KeySource::key_file;
};

}  // namespace rookery::client
