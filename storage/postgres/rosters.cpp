#include <array>

#include "storage/postgres/stores.h"

namespace rookery::storage::postgres {

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

Status add_items(Rows rows, const xmpp::Jid& owner, std::vector<RosterItem>& items) {
  while (rows.next()) {
    if (items.empty() || items.back().jid.text() != rows.view(0)) {
      auto jid = xmpp::Jid::parse(rows.view(0));
      if (!jid)
        return fail(Failure::io, "the roster of " + owner.text() + " has a malformed JID: " + jid.error().message);
      items.push_back({.jid = std::move(*jid),
                       .name = rows.text(1),
                       .subscription = subscription_named(rows.view(2)),
                       .ask = rows.boolean(3),
                       .approved = rows.boolean(4),
                       .in_roster = rows.boolean(5),
                       .request = rows.text(6),
                       .groups = {}});
    }
    if (!rows.is_null(7)) items.back().groups.push_back(rows.text(7));
  }
  return rows.status();
}

// One row for each group of an item, or one without.
constexpr std::string_view item_rows =
    "SELECT i.jid, i.name, i.subscription, i.ask, i.approved, i.in_roster, i.request, g.name FROM roster_items i"
    " LEFT JOIN LATERAL unnest(i.groups) WITH ORDINALITY AS g(name, place) ON true WHERE i.owner = $1";

}  // namespace

Result<Roster> Rosters::load(const xmpp::Jid& owner) {
  Roster roster;
  {
    auto row = database_.query("SELECT version FROM rosters WHERE owner = $1", owner.text());
    if (row.next()) roster.version = static_cast<uint64_t>(row.integer(0));
    if (auto status = row.status(); !status) return std::unexpected(status.error());
  }
  auto rows = database_.query(std::string(item_rows) + " ORDER BY i.jid, g.place", owner.text());
  if (auto status = add_items(std::move(rows), owner, roster.items); !status) return std::unexpected(status.error());
  return roster;
}

Result<std::optional<RosterItem>> Rosters::find(const xmpp::Jid& owner, std::string_view contact) {
  std::vector<RosterItem> found;
  auto rows = database_.query(std::string(item_rows) + " AND i.jid = $2 ORDER BY g.place", owner.text(), contact);
  if (auto status = add_items(std::move(rows), owner, found); !status) return std::unexpected(status.error());
  if (found.empty()) return std::optional<RosterItem>();
  return std::optional(std::move(found.front()));
}

Status Rosters::put(const xmpp::Jid& owner, const RosterItem& item, uint64_t version) {
  Array groups = Array::of_text();
  for (const auto& group : item.groups) groups.add(group);
  return database_.savepoint([&]() -> Status {
    auto status = database_.run(
        "INSERT INTO roster_items (owner, jid, name, subscription, ask, approved, in_roster, request, groups)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (owner, jid) DO UPDATE SET name = excluded.name,"
        " subscription = excluded.subscription, ask = excluded.ask, approved = excluded.approved,"
        " in_roster = excluded.in_roster, request = excluded.request, groups = excluded.groups",
        owner.text(), item.jid.text(), item.name, name_of(item.subscription), item.ask, item.approved, item.in_roster,
        item.request, groups);
    if (!status) return status;
    return set_version(owner, version);
  });
}

Status Rosters::remove(const xmpp::Jid& owner, const xmpp::Jid& contact, uint64_t version) {
  return database_.savepoint([&]() -> Status {
    auto status = database_.run("DELETE FROM roster_items WHERE owner = $1 AND jid = $2", owner.text(), contact.text());
    if (!status) return status;
    return set_version(owner, version);
  });
}

Status Rosters::set_version(const xmpp::Jid& owner, uint64_t version) {
  return database_.run(
      "INSERT INTO rosters (owner, version) VALUES ($1, $2) ON CONFLICT (owner) DO UPDATE SET version = "
      "excluded.version",
      owner.text(), version);
}

}  // namespace rookery::storage::postgres
