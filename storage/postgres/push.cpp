#include "storage/postgres/stores.h"

namespace rookery::storage::postgres {

Result<std::vector<PushTarget>> Push::list(const xmpp::Jid& account) {
  std::vector<PushTarget> found;
  auto rows = database_.query(
      "SELECT service, node, options, device FROM push_targets WHERE account = $1 ORDER BY service, node",
      account.text());
  while (rows.next()) {
    auto service = xmpp::Jid::parse(rows.view(0));
    if (!service) return fail(Failure::io, "the table push_targets has a malformed JID: " + service.error().message);
    found.push_back({std::move(*service), rows.text(1), rows.text(2), rows.text(3)});
  }
  if (auto status = rows.status(); !status) return std::unexpected(status.error());
  return found;
}

Status Push::put(const xmpp::Jid& account, const PushTarget& target) {
  return database_.run(
      "INSERT INTO push_targets (account, service, node, options, device) VALUES ($1, $2, $3, $4, $5)"
      " ON CONFLICT (account, service, node) DO UPDATE SET options = excluded.options, device = excluded.device",
      account.text(), target.service.text(), target.node, target.options, target.device);
}

Status Push::remove(const xmpp::Jid& account, const xmpp::Jid& service, std::optional<std::string_view> node) {
  if (!node)
    return database_.run("DELETE FROM push_targets WHERE account = $1 AND service = $2", account.text(),
                         service.text());
  return database_.run("DELETE FROM push_targets WHERE account = $1 AND service = $2 AND node = $3", account.text(),
                       service.text(), *node);
}

}  // namespace rookery::storage::postgres
