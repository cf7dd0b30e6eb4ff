#include "xmpp/payloads/entity_queries.h"

#include <cstdio>
#include <cstdlib>

#include "xmpp/namespaces.h"

namespace rookery::xmpp {

void add_ping(Element& iq) { iq.add("ping", ns::ping); }

std::optional<SoftwareVersion> SoftwareVersion::parse(const Element& query) {
  if (!query.child("name", ns::version) || !query.child("version", ns::version)) return std::nullopt;
  return SoftwareVersion{query.child_text("name", ns::version), query.child_text("version", ns::version),
                         query.child_text("os", ns::version)};
}

void SoftwareVersion::add_to(Element& iq) const {
  Element& query = iq.add("query", ns::version);
  query.add_text_child("name", name).add_text_child("version", version);
  if (!os.empty()) query.add_text_child("os", os);
}

std::optional<EntityTime> EntityTime::parse(const Element& time) {
  const auto utc = parse_date_time(time.child_text("utc", ns::time));
  if (!utc) return std::nullopt;
  // The offset has the form of a time zone (XEP-0082 §2.2), so a moment written in it tells how far it is from UTC.
  const auto reference = parse_date_time("2000-01-01T00:00:00" + time.child_text("tzo", ns::time));
  if (!reference) return std::nullopt;
  const auto offset = std::chrono::sys_days(std::chrono::year(2000) / 1 / 1) - *reference;
  return EntityTime{*utc, std::chrono::duration_cast<std::chrono::minutes>(offset)};
}

void EntityTime::add_to(Element& iq) const {
  const int total = static_cast<int>(offset.count());
  ensure(std::abs(total) < 24 * 60);
  char zone[16];
  std::snprintf(zone, sizeof zone, "%c%02d:%02d", total < 0 ? '-' : '+', std::abs(total) / 60 % 24,
                std::abs(total) % 60);
  iq.add("time", ns::time).add_text_child("tzo", zone).add_text_child("utc", format_date_time(utc));
}

std::optional<LastActivity> LastActivity::parse(const Element& query) {
  const auto seconds = parse_uint32(query.attr("seconds"));
  if (!seconds) return std::nullopt;
  return LastActivity{std::chrono::seconds(*seconds), query.text()};
}

void LastActivity::add_to(Element& iq) const {
  Element& query = iq.add("query", ns::last_activity);
  query.set_attr("seconds", std::to_string(ago.count()));
  if (!status.empty()) query.add_text(status);
}

}  // namespace rookery::xmpp
