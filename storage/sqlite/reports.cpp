#include "storage/sqlite/stores.h"

namespace rookery::storage::sqlite {

namespace {
int64_t to_sql(TimePoint time) { return time.time_since_epoch().count(); }
}  // namespace

Status Reports::add(const Report& report) {
  const Status added = database_.run(
      "INSERT INTO reports (id, time, reporter, reported, reason, xml) VALUES (?, ?, ?, ?, ?, ?) "
      "ON CONFLICT (id) DO NOTHING",
      report.id, to_sql(report.time), report.reporter.text(), report.reported.text(), report.reason, report.xml);
  if (!added) return added;
  if (database_.changes() == 0) return fail(Failure::conflict, "there is a report with this id");
  return {};
}

Result<std::vector<Report>> Reports::list(TimePoint since, size_t limit) {
  std::vector<Report> found;
  auto rows = database_.query(
      "SELECT id, time, reporter, reported, reason, xml FROM reports WHERE time >= ? ORDER BY time, id LIMIT ?",
      to_sql(since), sql_limit(limit));
  while (rows.next()) {
    auto reporter = xmpp::Jid::parse(rows.view(2));
    auto reported = xmpp::Jid::parse(rows.view(3));
    if (!reporter || !reported) return fail(Failure::io, "the reports table has a malformed JID");
    found.push_back({.id = rows.text(0),
                     .time = TimePoint(TimePoint::duration(rows.integer(1))),
                     .reporter = std::move(*reporter),
                     .reported = std::move(*reported),
                     .reason = rows.text(4),
                     .xml = rows.text(5)});
  }
  if (auto status = rows.status(); !status) return std::unexpected(status.error());
  return found;
}

Result<size_t> Reports::count_by(const xmpp::Jid& reporter, TimePoint since) {
  auto row =
      database_.query("SELECT count(*) FROM reports WHERE reporter = ? AND time >= ?", reporter.text(), to_sql(since));
  const size_t count = row.next() ? static_cast<size_t>(row.integer(0)) : 0;
  if (auto status = row.status(); !status) return std::unexpected(status.error());
  return count;
}

Status Reports::expire(TimePoint before) { return database_.run("DELETE FROM reports WHERE time < ?", to_sql(before)); }

}  // namespace rookery::storage::sqlite
