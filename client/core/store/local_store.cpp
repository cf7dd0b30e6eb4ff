#include "client/core/store/local_store.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/core/store/packed.h"
#include "crypto/random.h"

namespace rookery::client {

namespace {

using storage::sqlite::Blob;
using storage::sqlite::Database;
using storage::sqlite::Migration;
using storage::sqlite::Statement;

// meta is in the clear (how to get the key); `peer`, `origin`, `stanza`, `key` and `grp` are HMACs; `value` is sealed.
// Times and states of messages are in the clear: they order and select, and the file's own times tell as much.
constexpr Migration migrations[] = {{1, R"(
CREATE TABLE meta (key TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE records (kind TEXT NOT NULL, key BLOB NOT NULL, grp BLOB NOT NULL, value BLOB NOT NULL,
                      PRIMARY KEY (kind, key)) STRICT, WITHOUT ROWID;
CREATE INDEX records_by_group ON records (kind, grp);
CREATE TABLE messages (id INTEGER PRIMARY KEY AUTOINCREMENT, peer BLOB NOT NULL, origin BLOB NOT NULL, stanza BLOB,
                       time INTEGER NOT NULL, state INTEGER NOT NULL, value BLOB NOT NULL) STRICT;
CREATE INDEX messages_by_peer ON messages (peer, time, id);
CREATE INDEX messages_by_origin ON messages (origin);
CREATE UNIQUE INDEX messages_by_stanza ON messages (stanza) WHERE stanza IS NOT NULL;
CREATE TABLE outbox (message INTEGER PRIMARY KEY REFERENCES messages (id) ON DELETE CASCADE,
                     value BLOB NOT NULL) STRICT;
)"}};

constexpr std::string_view check_text = "rookery";

std::string place(std::string_view kind, std::string_view key_index) {
  return std::string(kind) + '\0' + std::string(key_index);
}

}  // namespace

Result<std::unique_ptr<LocalStore>> LocalStore::open(const std::filesystem::path& file, const KeyOptions& options) {
  auto database = Database::open(file);
  if (!database) return std::unexpected(database.error());
  std::unique_ptr<LocalStore> store(new LocalStore(file, std::make_unique<Database>(std::move(*database))));
  if (auto status = store->database_->migrate(migrations); !status) return std::unexpected(status.error());
  if (auto status = store->unlock(file, options); !status) return std::unexpected(status.error());
  return store;
}

LocalStore::~LocalStore() {
  if (lock_ >= 0) ::close(lock_);
}

Status LocalStore::lock() {
  // A file of its own: SQLite loses its locks when another descriptor of the database is closed.
  const std::string name = file_.string() + ".lock";
  lock_ = ::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (lock_ < 0) return fail(Failure::io, "cannot create " + name);
  if (::flock(lock_, LOCK_EX | LOCK_NB) == 0) return {};
  return fail(Failure::conflict, file_.string() + " is in use by another rook-cli; end it, or give another --db");
}

Status LocalStore::unlock(const std::filesystem::path& file, const KeyOptions& options) {
  auto source = meta("key-source");
  if (!source && source.error().failure == Failure::not_found) return create_key(file, options);
  auto salt = meta("salt");
  auto check = meta("check");
  if (!source || !salt || !check)
    return fail(Failure::invalid, file.string() + " is damaged: its key is not described");
  const auto kind = parse_key_source(*source);
  if (!kind) return fail(Failure::invalid, file.string() + " was made by a newer program");
  source_ = *kind;
  Result<crypto::Secret> key = fail(Failure::invalid, "");
  switch (source_) {
    case KeySource::passphrase:
      if (options.passphrase.empty())
        return fail(Failure::invalid,
                    file.string() + " is protected by a passphrase: give --passphrase-file or ROOK_PASSPHRASE");
      key = key_from_passphrase(options.passphrase, *salt);
      break;
    case KeySource::secret_service:
      key = key_from_secret_service(file, false);
      break;
    case KeySource::key_file:
      key = key_from_file(file.string() + ".key", false);
      break;
  }
  if (!key) return std::unexpected(key.error());
  vault_ = std::make_unique<Vault>(*key);
  const auto opened = vault_->open("check", *check);
  if (!opened || *opened != check_text)
    return fail(Failure::denied, source_ == KeySource::passphrase ? "the passphrase is wrong for " + file.string()
                                                                  : "the key does not fit " + file.string());
  return {};
}

Status LocalStore::create_key(const std::filesystem::path& file, const KeyOptions& options) {
  const std::string salt = crypto::random_bytes(16);
  const std::string key_file = file.string() + ".key";
  Result<crypto::Secret> key = fail(Failure::unavailable, "");
  if (!options.passphrase.empty()) {
    source_ = KeySource::passphrase;
    key = key_from_passphrase(options.passphrase, salt);
  } else if (options.source == KeySource::passphrase) {
    return fail(Failure::invalid, "a passphrase was asked for but none is given");
  } else if (options.source == KeySource::key_file) {
    source_ = KeySource::key_file;
    key = key_from_file(key_file, true);
  } else {
    source_ = KeySource::secret_service;
    key = key_from_secret_service(file, true);
    if (!key && !options.source) {
      source_ = KeySource::key_file;
      key = key_from_file(key_file, true);
    }
  }
  if (!key) return std::unexpected(key.error());
  vault_ = std::make_unique<Vault>(*key);
  const std::string check = vault_->seal("check", check_text);
  return database_->transaction([&]() -> Status {
    const std::pair<std::string_view, std::string_view> rows[] = {
        {"key-source", to_string(source_)}, {"salt", salt}, {"check", check}};
    for (const auto& [name, value] : rows) {
      auto status = database_->run("INSERT INTO meta (key, value) VALUES (?, ?)", name, Blob{value});
      if (!status) return status;
    }
    return {};
  });
}

Result<std::string> LocalStore::meta(std::string_view key) const {
  auto rows = database_->query("SELECT value FROM meta WHERE key = ?", key);
  if (rows.next()) return rows.text(0);
  if (auto status = rows.status(); !status) return std::unexpected(status.error());
  return fail(Failure::not_found, "no such key");
}

Status LocalStore::transaction(const std::function<Status()>& work) {
  // What is called inside of another transaction becomes part of it.
  if (database_->in_transaction()) return database_->savepoint(work);
  return database_->transaction(work);
}

Status LocalStore::put(std::string_view kind, std::string_view key, std::string_view value, std::string_view group) {
  const std::string index = vault_->index(kind, key);
  const std::string group_index = vault_->index("group", group);
  const std::string sealed = vault_->seal(place(kind, index), pack({key, value}));
  return database_->run("INSERT OR REPLACE INTO records (kind, key, grp, value) VALUES (?, ?, ?, ?)", kind, Blob{index},
                        Blob{group_index}, Blob{sealed});
}

Result<std::optional<std::string>> LocalStore::get(std::string_view kind, std::string_view key) const {
  const std::string index = vault_->index(kind, key);
  auto found = read_records(
      kind, database_->query("SELECT key, value FROM records WHERE kind = ? AND key = ?", kind, Blob{index}));
  if (!found) return std::unexpected(found.error());
  if (found->empty()) return std::optional<std::string>();
  return std::optional<std::string>(std::move(found->front().value));
}

Status LocalStore::remove(std::string_view kind, std::string_view key) {
  const std::string index = vault_->index(kind, key);
  return database_->run("DELETE FROM records WHERE kind = ? AND key = ?", kind, Blob{index});
}

Status LocalStore::remove_all(std::string_view kind) {
  return database_->run("DELETE FROM records WHERE kind = ?", kind);
}

Result<std::vector<LocalStore::Record>> LocalStore::all(std::string_view kind) const {
  return read_records(kind, database_->query("SELECT key, value FROM records WHERE kind = ?", kind));
}

Result<std::vector<LocalStore::Record>> LocalStore::in_group(std::string_view kind, std::string_view group) const {
  const std::string index = vault_->index("group", group);
  return read_records(kind,
                      database_->query("SELECT key, value FROM records WHERE kind = ? AND grp = ?", kind, Blob{index}));
}

Result<std::vector<LocalStore::Record>> LocalStore::read_records(std::string_view kind, Statement rows) const {
  std::vector<Record> records;
  while (rows.next()) {
    auto opened = vault_->open(place(kind, rows.view(0)), rows.view(1));
    if (!opened) return std::unexpected(opened.error());
    auto fields = unpack(*opened, 2);
    if (!fields) return fail(Failure::invalid, "a record of the local database is damaged");
    records.push_back({std::move((*fields)[0]), std::move((*fields)[1])});
  }
  if (auto status = rows.status(); !status) return std::unexpected(status.error());
  return records;
}

}  // namespace rookery::client
