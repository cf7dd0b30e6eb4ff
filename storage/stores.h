// The relational stores: small interfaces by concern. All calls may block on the disk: the server runs them on a worker
// (server/store_worker.h), many in one transaction.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/result.h"
#include "crypto/scram.h"
#include "storage/clients.h"
#include "storage/invites.h"
#include "storage/message_log.h"
#include "storage/push.h"
#include "storage/reports.h"
#include "storage/rooms.h"
#include "storage/uploads.h"
#include "xmpp/jid.h"

namespace rookery::storage {

struct Account {
  xmpp::Jid jid;                        ///< bare
  std::vector<crypto::ScramKeys> keys;  ///< one for each hash
  bool disabled = false;
  TimePoint created{};
};

/// What of an account's keys a client sees before it has proven anything.
struct KeyKind {
  crypto::Hash hash = crypto::Hash::sha256;
  uint32_t iterations = 0;
  size_t salt_bytes = 0;
  bool operator==(const KeyKind&) const = default;
};

class AccountStore {
 public:
  virtual ~AccountStore() = default;
  virtual Status create(const Account& account) = 0;       ///< Failure::conflict when the JID is taken
  virtual Result<Account> find(const xmpp::Jid& jid) = 0;  ///< Failure::not_found
  virtual Result<bool> exists(const xmpp::Jid& jid) = 0;
  /// Of a changed password: replaces all keys, deletes the tokens of all clients and forgets that any knew the
  /// password.
  virtual Status set_keys(const xmpp::Jid& jid, const std::vector<crypto::ScramKeys>& keys) = 0;
  /// Of the same password with one more hash (XEP-0480): touches nothing else. Failure::conflict when it has that hash.
  virtual Status add_keys(const xmpp::Jid& jid, const crypto::ScramKeys& keys) = 0;
  /// Each kind that there is, once, in a fixed order. Reads all keys: at the start only.
  virtual Result<std::vector<KeyKind>> key_kinds() = 0;
  /// Disabling deletes the tokens of all clients.
  virtual Status set_disabled(const xmpp::Jid& jid, bool disabled) = 0;
  /// Deletes the account, everything that the relational stores hold for it, its invitations, and what rooms and nodes
  /// of others have given to it: affiliations (but bans stay) and subscriptions. Failure::not_found.
  virtual Status remove(const xmpp::Jid& jid) = 0;
  /// Ordered by JID, those after `after` (empty: from the first).
  virtual Result<std::vector<xmpp::Jid>> list(std::string_view domain, std::string_view after, size_t limit) = 0;
  virtual Result<size_t> count(std::string_view domain) = 0;
  /// The same as list(), of those that are disabled.
  virtual Result<std::vector<xmpp::Jid>> disabled(std::string_view domain, std::string_view after, size_t limit) = 0;
};

/// RFC 6121 §2.1 and Appendix A: subscription plus what is pending in both directions.
struct RosterItem {
  enum class Subscription : uint8_t { none, to, from, both };
  xmpp::Jid jid;  ///< bare, or a domain
  std::string name;
  Subscription subscription = Subscription::none;
  bool ask = false;       ///< pending out: we asked
  bool approved = false;  ///< pre-approved (RFC 6121 §3.4)
  bool in_roster = true;  ///< false: only a pending-in request is known, not shown in the roster
  std::string request;    ///< pending in: the <presence type='subscribe'/> as XML; empty when none
  std::vector<std::string> groups;
};

struct Roster {
  uint64_t version = 0;  ///< grows with each change that a client can see
  std::vector<RosterItem> items;
};

class RosterStore {
 public:
  virtual ~RosterStore() = default;
  virtual Result<Roster> load(const xmpp::Jid& owner) = 0;  ///< an unknown owner has an empty roster, version 0
  virtual Status put(const xmpp::Jid& owner, const RosterItem& item, uint64_t version) = 0;  ///< insert or replace
  virtual Status remove(const xmpp::Jid& owner, const xmpp::Jid& contact, uint64_t version) = 0;
};

/// Small XML values of an account by kind and key: private XML (kind "private", key "name ns"), vCards ("vcard", ""),
/// archive preferences ("mam-prefs", ""), block lists ("blocking", JID), last activity, ….
class ValueStore {
 public:
  virtual ~ValueStore() = default;
  virtual Result<std::optional<std::string>> get(const xmpp::Jid& owner, std::string_view kind,
                                                 std::string_view key) = 0;
  virtual Result<std::vector<std::pair<std::string, std::string>>> all(const xmpp::Jid& owner,
                                                                       std::string_view kind) = 0;
  virtual Result<size_t> count(const xmpp::Jid& owner, std::string_view kind) = 0;
  virtual Status put(const xmpp::Jid& owner, std::string_view kind, std::string_view key, std::string_view value) = 0;
  virtual Status remove(const xmpp::Jid& owner, std::string_view kind, std::string_view key) = 0;  ///< fine if absent
};

/// XEP-0060 nodes, of accounts (PEP) and of services alike.
struct PubsubNode {
  std::string name;
  std::string config;  ///< the node's configuration, an opaque form of the pubsub feature
};
struct PubsubItem {
  std::string id;
  std::string publisher;  ///< full JID text
  std::string payload;    ///< XML, may be empty
  TimePoint published{};
};
struct PubsubAffiliation {
  std::string jid;          ///< bare JID text
  std::string affiliation;  ///< "owner", "publisher", "member", "outcast", …
};
struct PubsubSubscription {
  std::string jid;  ///< as subscribed, bare or full
  std::string subid;
  std::string state;  ///< "subscribed", "pending", …
  std::string options;
};
/// What one entity is or has at a node.
struct PubsubAffiliationAt {
  std::string node;
  PubsubAffiliation affiliation;
};
struct PubsubSubscriptionAt {
  std::string node;
  PubsubSubscription subscription;
};

class PubsubStore {
 public:
  virtual ~PubsubStore() = default;
  virtual Result<std::vector<PubsubNode>> nodes(const xmpp::Jid& owner) = 0;
  virtual Result<PubsubNode> node(const xmpp::Jid& owner, std::string_view name) = 0;  ///< Failure::not_found
  virtual Status create(const xmpp::Jid& owner, const PubsubNode& node) = 0;           ///< Failure::conflict
  virtual Status configure(const xmpp::Jid& owner, const PubsubNode& node) = 0;
  virtual Status remove(const xmpp::Jid& owner, std::string_view node) = 0;
  /// Replaces the item of the same id, then deletes the oldest beyond `max_items`.
  virtual Status publish(const xmpp::Jid& owner, std::string_view node, const PubsubItem& item, size_t max_items) = 0;
  virtual Result<bool> retract(const xmpp::Jid& owner, std::string_view node,
                               std::string_view item) = 0;  ///< was it there?
  virtual Status purge(const xmpp::Jid& owner, std::string_view node) = 0;
  /// Newest first.
  virtual Result<std::vector<PubsubItem>> items(const xmpp::Jid& owner, std::string_view node, size_t limit) = 0;
  virtual Result<PubsubItem> item(const xmpp::Jid& owner, std::string_view node, std::string_view id) = 0;
  virtual Result<std::vector<PubsubAffiliation>> affiliations(const xmpp::Jid& owner, std::string_view node) = 0;
  virtual Status set_affiliation(const xmpp::Jid& owner, std::string_view node,
                                 const PubsubAffiliation& value) = 0;  ///< "none" removes
  virtual Result<std::vector<PubsubSubscription>> subscriptions(const xmpp::Jid& owner, std::string_view node) = 0;
  virtual Status set_subscription(const xmpp::Jid& owner, std::string_view node,
                                  const PubsubSubscription& value) = 0;  ///< "none" removes
  /// The ids of all items, newest first.
  virtual Result<std::vector<std::string>> item_ids(const xmpp::Jid& owner, std::string_view node) = 0;
  /// Deletes the items published before `then`; how many there were.
  virtual Result<size_t> expire(const xmpp::Jid& owner, std::string_view node, TimePoint then) = 0;
  /// Of a bare JID at all nodes of the owner, by node.
  virtual Result<std::vector<PubsubAffiliationAt>> affiliations_of(const xmpp::Jid& owner, const xmpp::Jid& entity) = 0;
  /// Of a bare JID and of its resources at all nodes of the owner, by node and JID.
  virtual Result<std::vector<PubsubSubscriptionAt>> subscriptions_of(const xmpp::Jid& owner,
                                                                     const xmpp::Jid& entity) = 0;
};

/// One backend's stores, used from one thread at a time.
class Stores {
 public:
  virtual ~Stores() = default;
  virtual AccountStore& accounts() = 0;
  virtual ClientStore& clients() = 0;
  virtual RosterStore& rosters() = 0;
  virtual ValueStore& values() = 0;
  virtual PubsubStore& pubsub() = 0;
  virtual RoomStore& rooms() = 0;
  virtual ReportStore& reports() = 0;
  virtual UploadStore& uploads() = 0;
  virtual PushStore& push() = 0;
  virtual InviteStore& invites() = 0;
  /// Runs `work` in one transaction; commits durably when it returns success, rolls back otherwise. Not nested.
  virtual Status transaction(const std::function<Status()>& work) = 0;
  /// Runs `work` in a savepoint of the current transaction: its failure undoes only itself. What it writes is refused
  /// with Failure::fenced when the fence is not the shard's newest; backends of a single node have nobody to fence.
  virtual Status step(const std::function<Status()>& work, const Fence& fence = {}) = 0;
};

}  // namespace rookery::storage
