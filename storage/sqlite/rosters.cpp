#include <array>
#include <unordered_map>

#include "storage/sqlite/stores.h"

namespace rookery::storage::sqlite {

namespace {

using Subscription = RosterItem::Subscription;
constexpr std::array<std::string_view, 4> subscriptions = {"none", "to", "from", "both"};

std::string_view name_of(Subscription subscription) { return subscriptions[static_cast<size_t>(subscription)]; }

Subscription subscription_named(std::string_view name) {
  for (size_t i = 0; i < subscriptions.size(); ++i) {
    if (subscriptions[i] == name) return static_cast<Subscription>(i);
  }
  return Subscription::none;  // the table has a CHECK
}

/// Without its groups.
Result<RosterItem> item_of(const Statement& row, const xmpp::Jid& owner) {
  auto jid = xmpp::Jid::parse(row.view(0));
  if (!jid) return fail(Failure::io, "the roster of " + owner.text() + " has a malformed JID: " + jid.error().message);
  return RosterItem{.jid = std::move(*jid),
                    .name = row.text(1),
                    .subscription = subscription_named(row.view(2)),
                    .ask = row.integer(3) != 0,
                    .approved = row.integer(4) != 0,
                    .in_roster = row.integer(5) != 0,
                    .request = row.text(6),
                    .groups = {}};
}

}  // namespace

Result<Roster> Rosters::load(const xmpp::Jid& owner) {
  Roster roster;
  {
    auto row = database_.query("SELECT version FROM rosters WHERE owner = ?", owner.text());
    if (row.next()) roster.version = static_cast<uint64_t>(row.integer(0));
    if (auto status = row.status(); !status) return std::unexpected(status.error());
  }
  auto rows = database_.query(
      "SELECT jid, name, subscription, ask, approved, in_roster, request FROM roster_items WHERE owner = ? ORDER BY "
      "jid",
      owner.text());
  while (rows.next()) {
    auto item = item_of(rows, owner);
    if (!item) return std::unexpected(item.error());
    roster.items.push_back(std::move(*item));
  }
  if (auto status = rows.status(); !status) return std::unexpected(status.error());
  if (auto status = load_groups(owner, roster); !status) return std::unexpected(status.error());
  return roster;
}

Result<std::optional<RosterItem>> Rosters::find(const xmpp::Jid& owner, std::string_view contact) {
  std::optional<RosterItem> found;
  {
    auto row = database_.query(
        "SELECT jid, name, subscription, ask, approved, in_roster, request FROM roster_items WHERE owner = ? AND jid = "
        "?",
        owner.text(), contact);
    if (row.next()) {
      auto item = item_of(row, owner);
      if (!item) return std::unexpected(item.error());
      found = std::move(*item);
    }
    if (auto status = row.status(); !status) return std::unexpected(status.error());
  }
  if (!found) return found;
  auto groups = database_.query("SELECT name FROM roster_groups WHERE owner = ? AND jid = ? ORDER BY position",
                                owner.text(), contact);
  while (groups.next()) found->groups.push_back(groups.text(0));
  if (auto status = groups.status(); !status) return std::unexpected(status.error());
  return found;
}

Status Rosters::load_groups(const xmpp::Jid& owner, Roster& roster) {
  // Both queries are in the order of JIDs, so one walk over the items is enough.
  auto item = roster.items.begin();
  auto rows =
      database_.query("SELECT jid, name FROM roster_groups WHERE owner = ? ORDER BY jid, position", owner.text());
  while (rows.next()) {
    while (item != roster.items.end() && item->jid.text() != rows.view(0)) ++item;
    if (item == roster.items.end()) break;
    item->groups.push_back(rows.text(1));
  }
  return rows.status();
}

Status Rosters::put(const xmpp::Jid& owner, const RosterItem& item, uint64_t version) {
  return database_.savepoint([&]() -> Status {
    const std::string_view jid = item.jid.text();
    auto status = database_.run(
        "INSERT INTO roster_items (owner, jid, name, subscription, ask, approved, in_roster, request)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET name = excluded.name, subscription = "
        "excluded.subscription,"
        " ask = excluded.ask, approved = excluded.approved, in_roster = excluded.in_roster, request = excluded.request",
        owner.text(), jid, item.name, name_of(item.subscription), item.ask, item.approved, item.in_roster,
        item.request);
    if (status) status = database_.run("DELETE FROM roster_groups WHERE owner = ? AND jid = ?", owner.text(), jid);
    for (size_t i = 0; status && i < item.groups.size(); ++i) {
      status = database_.run("INSERT INTO roster_groups (owner, jid, position, name) VALUES (?, ?, ?, ?)", owner.text(),
                             jid, i, item.groups[i]);
    }
    if (!status) return status;
    return set_version(owner, version);
  });
}

Status Rosters::remove(const xmpp::Jid& owner, const xmpp::Jid& contact, uint64_t version) {
  return database_.savepoint([&]() -> Status {
    auto status = database_.run("DELETE FROM roster_items WHERE owner = ? AND jid = ?", owner.text(), contact.text());
    if (!status) return status;
    return set_version(owner, version);
  });
}

Status Rosters::set_version(const xmpp::Jid& owner, uint64_t version) {
  return database_.run(
      "INSERT INTO rosters (owner, version) VALUES (?, ?) ON CONFLICT DO UPDATE SET version = excluded.version",
      owner.text(), version);
}

}  // namespace rookery::storage::sqlite
