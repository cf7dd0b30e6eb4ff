#include "storage/pubsub_bytes.h"
#include "storage/sqlite/stores.h"

namespace rookery::storage::sqlite {

namespace {

std::unexpected<Error> no_node(const xmpp::Jid& owner, std::string_view name) {
  return fail(Failure::not_found, "no node " + std::string(name) + " of " + owner.text());
}

PubsubItem item_of(const Statement& row) {
  return {.id = row.text(0),
          .publisher = row.text(1),
          .payload = row.text(2),
          .published = TimePoint(std::chrono::microseconds(row.integer(3)))};
}

// length() of a TEXT counts characters.
constexpr std::string_view returning_size =
    " RETURNING length(CAST(id AS BLOB)) + length(CAST(publisher AS BLOB)) + length(CAST(payload AS BLOB))";

}  // namespace

Result<std::vector<PubsubNode>> Pubsub::nodes(const xmpp::Jid& owner, std::string_view after, size_t limit) {
  std::vector<PubsubNode> found;
  auto rows = database_.query(
      "SELECT name, config, creator FROM pubsub_nodes WHERE owner = ? AND name > ? ORDER BY name LIMIT ?", owner.text(),
      after, sql_limit(limit));
  while (rows.next()) found.push_back({.name = rows.text(0), .config = rows.text(1), .creator = rows.text(2)});
  if (auto status = rows.status(); !status) return std::unexpected(status.error());
  return found;
}

Result<std::vector<std::string>> Pubsub::node_names(const xmpp::Jid& owner) {
  std::vector<std::string> found;
  auto rows = database_.query("SELECT name FROM pubsub_nodes WHERE owner = ? ORDER BY name", owner.text());
  while (rows.next()) found.push_back(rows.text(0));
  if (auto status = rows.status(); !status) return std::unexpected(status.error());
  return found;
}

Result<PubsubUsage> Pubsub::usage(const xmpp::Jid& owner, std::string_view creator) {
  auto row =
      database_.query("SELECT count(*), coalesce(sum(bytes), 0) FROM pubsub_nodes WHERE owner = ? AND creator = ?",
                      owner.text(), creator);
  PubsubUsage usage;
  if (row.next()) usage = {static_cast<size_t>(row.integer(0)), static_cast<uint64_t>(row.integer(1))};
  if (auto status = row.status(); !status) return std::unexpected(status.error());
  return usage;
}

Status Pubsub::add_bytes(const xmpp::Jid& owner, std::string_view node, int64_t bytes) {
  if (bytes == 0) return {};
  return database_.run("UPDATE pubsub_nodes SET bytes = bytes + ? WHERE owner = ? AND name = ?", bytes, owner.text(),
                       node);
}

Result<PubsubNode> Pubsub::node(const xmpp::Jid& owner, std::string_view name) {
  auto row = database_.query("SELECT name, config, creator FROM pubsub_nodes WHERE owner = ? AND name = ?",
                             owner.text(), name);
  if (row.next()) return PubsubNode{.name = row.text(0), .config = row.text(1), .creator = row.text(2)};
  if (auto status = row.status(); !status) return std::unexpected(status.error());
  return no_node(owner, name);
}

Status Pubsub::create(const xmpp::Jid& owner, const PubsubNode& node) {
  return database_.run("INSERT INTO pubsub_nodes (owner, name, config, creator) VALUES (?, ?, ?, ?)", owner.text(),
                       node.name, node.config, node.creator);
}

Status Pubsub::configure(const xmpp::Jid& owner, const PubsubNode& node) {
  auto status = database_.run("UPDATE pubsub_nodes SET config = ?, creator = ? WHERE owner = ? AND name = ?",
                              node.config, node.creator, owner.text(), node.name);
  if (!status) return status;
  if (database_.changes() == 0) return no_node(owner, node.name);
  return {};
}

Status Pubsub::remove(const xmpp::Jid& owner, std::string_view node) {
  if (auto status = database_.run("DELETE FROM pubsub_nodes WHERE owner = ? AND name = ?", owner.text(), node); !status)
    return status;
  if (database_.changes() == 0) return no_node(owner, node);
  return {};
}

Status Pubsub::publish(const xmpp::Jid& owner, std::string_view node, const PubsubItem& item, size_t max_items) {
  return database_.savepoint([&]() -> Status {
    // An item published again gets a new place: it is the newest.
    const auto replaced = sum_of(database_.query(
        std::string("DELETE FROM pubsub_items WHERE owner = ? AND node = ? AND id = ?").append(returning_size),
        owner.text(), node, item.id));
    if (!replaced) return std::unexpected(replaced.error());
    auto status = database_.run(
        "INSERT INTO pubsub_items (owner, node, id, publisher, payload, published) VALUES (?, ?, ?, ?, ?, ?)",
        owner.text(), node, item.id, item.publisher, item.payload, item.published.time_since_epoch().count());
    if (!status) return status;
    const auto trimmed = sum_of(database_.query(
        std::string(
            "DELETE FROM pubsub_items WHERE place IN (SELECT place FROM pubsub_items WHERE owner = ? AND node = ?"
            " ORDER BY place DESC LIMIT -1 OFFSET ?)")
            .append(returning_size),
        owner.text(), node, sql_limit(max_items)));
    if (!trimmed) return std::unexpected(trimmed.error());
    return add_bytes(owner, node, size_of(item) - replaced->bytes - trimmed->bytes);
  });
}

Result<bool> Pubsub::retract(const xmpp::Jid& owner, std::string_view node, std::string_view item) {
  const auto gone = sum_of(database_.query(
      std::string("DELETE FROM pubsub_items WHERE owner = ? AND node = ? AND id = ?").append(returning_size),
      owner.text(), node, item));
  if (!gone) return std::unexpected(gone.error());
  if (auto status = add_bytes(owner, node, -gone->bytes); !status) return std::unexpected(status.error());
  return gone->count > 0;
}

Status Pubsub::purge(const xmpp::Jid& owner, std::string_view node) {
  auto status = database_.run("DELETE FROM pubsub_items WHERE owner = ? AND node = ?", owner.text(), node);
  if (!status) return status;
  return database_.run("UPDATE pubsub_nodes SET bytes = 0 WHERE owner = ? AND name = ?", owner.text(), node);
}

Result<std::vector<PubsubItem>> Pubsub::items(const xmpp::Jid& owner, std::string_view node, size_t limit) {
  std::vector<PubsubItem> found;
  auto rows = database_.query(
      "SELECT id, publisher, payload, published FROM pubsub_items WHERE owner = ? AND node = ? ORDER BY place DESC "
      "LIMIT ?",
      owner.text(), node, sql_limit(limit));
  while (rows.next()) found.push_back(item_of(rows));
  if (auto status = rows.status(); !status) return std::unexpected(status.error());
  return found;
}

Result<PubsubItem> Pubsub::item(const xmpp::Jid& owner, std::string_view node, std::string_view id) {
  auto row = database_.query(
      "SELECT id, publisher, payload, published FROM pubsub_items WHERE owner = ? AND node = ? AND id = ?",
      owner.text(), node, id);
  if (row.next()) return item_of(row);
  if (auto status = row.status(); !status) return std::unexpected(status.error());
  return fail(Failure::not_found, "no item " + std::string(id) + " in node " + std::string(node));
}

Result<std::vector<PubsubAffiliation>> Pubsub::affiliations(const xmpp::Jid& owner, std::string_view node) {
  std::vector<PubsubAffiliation> found;
  auto rows = database_.query(
      "SELECT jid, affiliation FROM pubsub_affiliations WHERE owner = ? AND node = ? ORDER BY jid", owner.text(), node);
  while (rows.next()) found.push_back({.jid = rows.text(0), .affiliation = rows.text(1)});
  if (auto status = rows.status(); !status) return std::unexpected(status.error());
  return found;
}

Status Pubsub::set_affiliation(const xmpp::Jid& owner, std::string_view node, const PubsubAffiliation& value) {
  if (value.affiliation == "none") {
    return database_.run("DELETE FROM pubsub_affiliations WHERE owner = ? AND node = ? AND jid = ?", owner.text(), node,
                         value.jid);
  }
  return database_.run(
      "INSERT INTO pubsub_affiliations (owner, node, jid, affiliation) VALUES (?, ?, ?, ?)"
      " ON CONFLICT DO UPDATE SET affiliation = excluded.affiliation",
      owner.text(), node, value.jid, value.affiliation);
}

Result<std::vector<PubsubSubscription>> Pubsub::subscriptions(const xmpp::Jid& owner, std::string_view node) {
  std::vector<PubsubSubscription> found;
  auto rows = database_.query(
      "SELECT jid, subid, state, options FROM pubsub_subscriptions WHERE owner = ? AND node = ? ORDER BY jid, subid",
      owner.text(), node);
  while (rows.next()) {
    found.push_back({.jid = rows.text(0), .subid = rows.text(1), .state = rows.text(2), .options = rows.text(3)});
  }
  if (auto status = rows.status(); !status) return std::unexpected(status.error());
  return found;
}

Status Pubsub::set_subscription(const xmpp::Jid& owner, std::string_view node, const PubsubSubscription& value) {
  if (value.state == "none") {
    return database_.run("DELETE FROM pubsub_subscriptions WHERE owner = ? AND node = ? AND jid = ? AND subid = ?",
                         owner.text(), node, value.jid, value.subid);
  }
  return database_.run(
      "INSERT INTO pubsub_subscriptions (owner, node, jid, subid, state, options) VALUES (?, ?, ?, ?, ?, ?)"
      " ON CONFLICT DO UPDATE SET state = excluded.state, options = excluded.options",
      owner.text(), node, value.jid, value.subid, value.state, value.options);
}

Result<std::vector<std::string>> Pubsub::item_ids(const xmpp::Jid& owner, std::string_view node) {
  std::vector<std::string> found;
  auto rows = database_.query("SELECT id FROM pubsub_items WHERE owner = ? AND node = ? ORDER BY place DESC",
                              owner.text(), node);
  while (rows.next()) found.push_back(rows.text(0));
  if (auto status = rows.status(); !status) return std::unexpected(status.error());
  return found;
}

Result<size_t> Pubsub::expire(const xmpp::Jid& owner, std::string_view node, TimePoint then) {
  const auto gone = sum_of(database_.query(
      std::string("DELETE FROM pubsub_items WHERE owner = ? AND node = ? AND published < ?").append(returning_size),
      owner.text(), node, then.time_since_epoch().count()));
  if (!gone) return std::unexpected(gone.error());
  if (auto status = add_bytes(owner, node, -gone->bytes); !status) return std::unexpected(status.error());
  return static_cast<size_t>(gone->count);
}

Result<std::vector<PubsubAffiliationAt>> Pubsub::affiliations_of(const xmpp::Jid& owner, const xmpp::Jid& entity) {
  std::vector<PubsubAffiliationAt> found;
  auto rows = database_.query(
      "SELECT node, jid, affiliation FROM pubsub_affiliations WHERE owner = ? AND jid = ? ORDER BY node", owner.text(),
      entity.bare_text());
  while (rows.next())
    found.push_back({.node = rows.text(0), .affiliation = {.jid = rows.text(1), .affiliation = rows.text(2)}});
  if (auto status = rows.status(); !status) return std::unexpected(status.error());
  return found;
}

Result<std::vector<PubsubSubscriptionAt>> Pubsub::subscriptions_of(const xmpp::Jid& owner, const xmpp::Jid& entity) {
  std::vector<PubsubSubscriptionAt> found;
  // '0' is the character after '/': between the two lie all resources, found through the index. The statement refers to
  // these texts, so they outlive it.
  const std::string bare(entity.bare_text()), first = bare + "/", last = bare + "0";
  auto rows = database_.query(
      "SELECT node, jid, subid, state, options FROM pubsub_subscriptions"
      " WHERE owner = ?1 AND (jid = ?2 OR (jid > ?3 AND jid < ?4)) ORDER BY node, jid, subid",
      owner.text(), bare, first, last);
  while (rows.next()) {
    found.push_back(
        {.node = rows.text(0),
         .subscription = {.jid = rows.text(1), .subid = rows.text(2), .state = rows.text(3), .options = rows.text(4)}});
  }
  if (auto status = rows.status(); !status) return std::unexpected(status.error());
  return found;
}

}  // namespace rookery::storage::sqlite
