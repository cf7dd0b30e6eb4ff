#include "server/reports.h"

#include <future>

#include "crypto/random.h"
#include "server/node.h"
#include "xmpp/namespaces.h"
#include "xmpp/payloads/report.h"
#include "xmpp/stream_parser.h"
#include "xmpp/time.h"

namespace rookery::server {

namespace {

constexpr auto day = std::chrono::hours(24);
constexpr size_t most_listed = 100'000;

storage::TimePoint now() {
  return std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
}

std::string to_xml(const xmpp::AbuseReport& report) {
  auto holder = xmpp::Element::make("item", xmpp::ns::blocking);
  report.add_to(*holder);
  return holder->first_element()->to_xml();
}

/// What the user said; an empty one for what cannot be read any more.
xmpp::AbuseReport details(const storage::Report& report) {
  const auto element = xmpp::parse_own(report.xml);
  if (!element) return {};
  auto parsed = xmpp::AbuseReport::parse(**element);
  return parsed ? std::move(*parsed) : xmpp::AbuseReport{};
}

/// RFC 8259 §7; control characters of Unicode's C1 block too: a terminal takes them as commands.
std::string escaped(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    const bool is_c1 = c == 0xc2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xa0;
    char code[8];
    if (c == '"' || c == '\\') {
      out.append("\\").push_back(static_cast<char>(c));
    } else if (c < 0x20 || c == 0x7f || is_c1) {
      std::snprintf(code, sizeof code, "\\u%04x", is_c1 ? static_cast<unsigned char>(text[++i]) : c);
      out.append(code);
    } else {
      out.push_back(static_cast<char>(c));
    }
  }
  return out;
}

std::string in_quotes(std::string_view text) { return '"' + escaped(text) + '"'; }

}  // namespace

Result<std::vector<storage::Report>> store_reports(storage::Stores& stores, const xmpp::Jid& reporter,
                                                   const xmpp::Blocking& change, const ReportLimits& limits) {
  std::vector<storage::Report> stored;
  if (change.reports.empty()) return stored;
  const storage::TimePoint time = now();
  if (const Status expired = stores.reports().expire(time - limits.keep); !expired)
    return std::unexpected<Error>(expired.error());
  auto count = stores.reports().count_by(reporter, time - day);
  if (!count) return std::unexpected<Error>(count.error());
  for (const auto& [jid, report] : change.reports) {
    if ((*count)++ >= limits.per_day) break;
    storage::Report row{.id = crypto::random_token(),
                        .time = time,
                        .reporter = reporter,
                        .reported = jid,
                        .reason = report.reason,
                        .xml = to_xml(report)};
    if (const Status added = stores.reports().add(row); !added) return std::unexpected<Error>(added.error());
    stored.push_back(std::move(row));
  }
  return stored;
}

void announce_reports(Node& node, const xmpp::Jid& domain, const std::vector<storage::Report>& reports) {
  for (const auto& to : node.config().reports_notify) {
    for (const auto& report : reports) {
      auto message = xmpp::Element::make("message", xmpp::ns::client);
      message->set_attr("from", domain.text()).set_attr("to", to).set_attr("id", report.id);
      message->add_text_child("body", report.reporter.text() + " has blocked and reported " + report.reported.text() +
                                          ": " + report.reason + "\n" + details(report).text);
      node.router().send(std::move(message));
    }
  }
}

std::string report_line(const storage::Report& report) {
  const xmpp::AbuseReport said = details(report);
  return xmpp::format_date_time(report.time) + " reporter=" + escaped(report.reporter.text()) +
         " reported=" + escaped(report.reported.text()) + " reason=" + in_quotes(report.reason) +
         " messages=" + std::to_string(said.stanza_ids.size()) + " text=" + in_quotes(said.text);
}

std::string report_json(const storage::Report& report) {
  const xmpp::AbuseReport said = details(report);
  std::string out =
      R"({"id":)" + in_quotes(report.id) + R"(,"time":)" + in_quotes(xmpp::format_date_time(report.time)) +
      R"(,"reporter":)" + in_quotes(report.reporter.text()) + R"(,"reported":)" + in_quotes(report.reported.text()) +
      R"(,"reason":)" + in_quotes(report.reason) + R"(,"text":)" + in_quotes(said.text) + R"(,"stanza_ids":[)";
  for (size_t i = 0; i < said.stanza_ids.size(); ++i) {
    const auto& [by, id] = said.stanza_ids[i];
    out += std::string(i > 0 ? "," : "") + R"({"by":)" + in_quotes(by) + R"(,"id":)" + in_quotes(id) + "}";
  }
  return out + R"(],"to_origin":)" + (said.to_origin ? "true" : "false") + R"(,"to_third_parties":)" +
         (said.to_third_parties ? "true" : "false") + "}";
}

std::string admin_reports(Node& node, const std::vector<std::string>& words) {
  storage::TimePoint since{};
  if (words.size() > 1 && words[1] != "-") {
    const auto time =
        xmpp::parse_date_time(words[1].find('T') == std::string::npos ? words[1] + "T00:00:00Z" : words[1]);
    if (!time) return "error: \"" + words[1] + "\" is no date like 2026-11-24 or 2026-11-24T12:00:00Z\n";
    since = *time;
  }
  const bool is_json = words.size() > 2 && words[2] == "json";
  std::promise<Result<std::vector<storage::Report>>> promise;
  auto future = promise.get_future();
  node.stores().read([since](storage::Stores& stores) { return stores.reports().list(since, most_listed); },
                     [&promise](Result<std::vector<storage::Report>> found) { promise.set_value(std::move(found)); });
  const auto reports = future.get();
  if (!reports) return "error: " + reports.error().message + "\n";
  std::string out;
  for (const auto& report : *reports) out += (is_json ? report_json(report) : report_line(report)) + "\n";
  return out + "ok\n";
}

}  // namespace rookery::server
