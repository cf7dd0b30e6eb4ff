// The relational stores in PostgreSQL, one class a concern. Statements are written so that what the interface foresees
// (a conflict, a missing row) is no error to PostgreSQL, where an error ends the transaction.
#pragma once

#include "storage/postgres/database.h"
#include "storage/stores.h"

namespace rookery::storage::postgres {

class Accounts final : public AccountStore {
 public:
  explicit Accounts(Database& database) : database_(database) {}
  Status create(const Account& account) override;
  Result<Account> find(const xmpp::Jid& jid) override;
  Result<bool> exists(const xmpp::Jid& jid) override;
  Status set_keys(const xmpp::Jid& jid, const std::vector<crypto::ScramKeys>& keys) override;
  Result<std::vector<KeyKind>> key_kinds() override;
  Status add_keys(const xmpp::Jid& jid, const crypto::ScramKeys& keys) override;
  Status set_disabled(const xmpp::Jid& jid, bool disabled) override;
  Status remove(const xmpp::Jid& jid) override;
  Result<std::vector<xmpp::Jid>> list(std::string_view domain, std::string_view after, size_t limit) override;
  Result<size_t> count(std::string_view domain) override;
  Result<std::vector<xmpp::Jid>> disabled(std::string_view domain, std::string_view after, size_t limit) override;

 private:
  Database& database_;
};

class Clients final : public ClientStore {
 public:
  explicit Clients(Database& database) : database_(database) {}
  Result<std::vector<Client>> list(const xmpp::Jid& account) override;
  Result<std::optional<Client>> find(const xmpp::Jid& account, std::string_view agent) override;
  Status put(const xmpp::Jid& account, const Client& client) override;
  Status remove(const xmpp::Jid& account, std::string_view id) override;

 private:
  Database& database_;
};

class Rosters final : public RosterStore {
 public:
  explicit Rosters(Database& database) : database_(database) {}
  Result<Roster> load(const xmpp::Jid& owner) override;
  Status put(const xmpp::Jid& owner, const RosterItem& item, uint64_t version) override;
  Status remove(const xmpp::Jid& owner, const xmpp::Jid& contact, uint64_t version) override;

 private:
  Status set_version(const xmpp::Jid& owner, uint64_t version);

  Database& database_;
};

class Values final : public ValueStore {
 public:
  explicit Values(Database& database) : database_(database) {}
  Result<std::optional<std::string>> get(const xmpp::Jid& owner, std::string_view kind, std::string_view key) override;
  Result<std::vector<std::pair<std::string, std::string>>> all(const xmpp::Jid& owner, std::string_view kind) override;
  Result<size_t> count(const xmpp::Jid& owner, std::string_view kind) override;
  Status put(const xmpp::Jid& owner, std::string_view kind, std::string_view key, std::string_view value) override;
  Status remove(const xmpp::Jid& owner, std::string_view kind, std::string_view key) override;

 private:
  Database& database_;
};

class Pubsub final : public PubsubStore {
 public:
  explicit Pubsub(Database& database) : database_(database) {}
  Result<std::vector<PubsubNode>> nodes(const xmpp::Jid& owner) override;
  Result<PubsubNode> node(const xmpp::Jid& owner, std::string_view name) override;
  Status create(const xmpp::Jid& owner, const PubsubNode& node) override;
  Status configure(const xmpp::Jid& owner, const PubsubNode& node) override;
  Status remove(const xmpp::Jid& owner, std::string_view node) override;
  Status publish(const xmpp::Jid& owner, std::string_view node, const PubsubItem& item, size_t max_items) override;
  Result<bool> retract(const xmpp::Jid& owner, std::string_view node, std::string_view item) override;
  Status purge(const xmpp::Jid& owner, std::string_view node) override;
  Result<std::vector<PubsubItem>> items(const xmpp::Jid& owner, std::string_view node, size_t limit) override;
  Result<PubsubItem> item(const xmpp::Jid& owner, std::string_view node, std::string_view id) override;
  Result<std::vector<PubsubAffiliation>> affiliations(const xmpp::Jid& owner, std::string_view node) override;
  Status set_affiliation(const xmpp::Jid& owner, std::string_view node, const PubsubAffiliation& value) override;
  Result<std::vector<PubsubSubscription>> subscriptions(const xmpp::Jid& owner, std::string_view node) override;
  Status set_subscription(const xmpp::Jid& owner, std::string_view node, const PubsubSubscription& value) override;
  Result<std::vector<std::string>> item_ids(const xmpp::Jid& owner, std::string_view node) override;
  Result<size_t> expire(const xmpp::Jid& owner, std::string_view node, TimePoint then) override;
  Result<std::vector<PubsubAffiliationAt>> affiliations_of(const xmpp::Jid& owner, const xmpp::Jid& entity) override;
  Result<std::vector<PubsubSubscriptionAt>> subscriptions_of(const xmpp::Jid& owner, const xmpp::Jid& entity) override;

 private:
  Database& database_;
};

class Rooms final : public RoomStore {
 public:
  explicit Rooms(Database& database) : database_(database) {}
  Result<Room> load(const xmpp::Jid& room) override;
  Status put(const Room& room) override;
  Status remove(const xmpp::Jid& room) override;
  Result<std::vector<RoomAffiliation>> affiliations(const xmpp::Jid& room) override;
  Result<std::vector<xmpp::Jid>> affiliated(const xmpp::Jid& jid) override;
  Status set_affiliation(const xmpp::Jid& room, const RoomAffiliation& value) override;
  Result<std::vector<std::pair<xmpp::Jid, std::string>>> list(const RoomRange& range) override;
  Result<std::vector<xmpp::Jid>> all(std::string_view domain, std::string_view after, size_t limit) override;
  Result<size_t> count(std::string_view domain) override;
  Result<size_t> created_by(std::string_view creator) override;

 private:
  Database& database_;
};

class Reports final : public ReportStore {
 public:
  explicit Reports(Database& database) : database_(database) {}
  Status add(const Report& report) override;
  Result<std::vector<Report>> list(TimePoint since, size_t limit) override;
  Result<size_t> count_by(const xmpp::Jid& reporter, TimePoint since) override;
  Status expire(TimePoint before) override;

 private:
  Database& database_;
};

class Uploads final : public UploadStore {
 public:
  explicit Uploads(Database& database) : database_(database) {}
  Status begin(const Upload& upload, uint64_t quota_bytes) override;
  Status complete(std::string_view id, TimePoint expires) override;
  Result<Upload> find(std::string_view id) override;
  Result<uint64_t> used_bytes(const xmpp::Jid& account) override;
  Status remove(std::string_view id) override;
  Status expire(std::string_view id) override;
  Result<std::vector<std::string>> expired(TimePoint now, size_t limit) override;

 private:
  Database& database_;
};

class Push final : public PushStore {
 public:
  explicit Push(Database& database) : database_(database) {}
  Result<std::vector<PushTarget>> list(const xmpp::Jid& account) override;
  Status put(const xmpp::Jid& account, const PushTarget& target) override;
  Status remove(const xmpp::Jid& account, const xmpp::Jid& service, std::optional<std::string_view> node) override;

 private:
  Database& database_;
};

class Invites final : public InviteStore {
 public:
  explicit Invites(Database& database) : database_(database) {}
  Status create(const Invite& invite) override;
  Result<Invite> find(std::string_view id) override;
  Status use(std::string_view id) override;
  Status remove(std::string_view id) override;
  Result<std::vector<Invite>> list(std::string_view domain, size_t limit) override;
  Result<size_t> count(std::string_view creator, TimePoint now) override;
  Result<bool> is_reserved(std::string_view domain, std::string_view username, TimePoint now) override;
  Status expire(TimePoint before) override;

 private:
  Database& database_;
};

/// For LIMIT, which is signed.
inline int64_t sql_limit(size_t limit) {
  return limit > static_cast<size_t>(INT64_MAX) ? INT64_MAX : static_cast<int64_t>(limit);
}

}  // namespace rookery::storage::postgres
