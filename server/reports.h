// Reports of spam and abuse (XEP-0377): stored with the block that they come with, shown to operators.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "storage/reports.h"
#include "storage/stores.h"
#include "xmpp/payloads/blocking.h"

namespace rookery::server {

class Node;

/// What an account may report and how long it is kept ([reports]).
struct ReportLimits {
  size_t per_day = 0;
  std::chrono::seconds keep{};
};

/// Stores what came with a block; gives what was stored: beyond the account's limit nothing is, the block counts all
/// the same.
Result<std::vector<storage::Report>> store_reports(storage::Stores& stores, const xmpp::Jid& reporter,
                                                   const xmpp::Blocking& change, const ReportLimits& limits);

/// A message from `domain` to each account of [reports] notify.
void announce_reports(Node& node, const xmpp::Jid& domain, const std::vector<storage::Report>& reports);

/// One line for `rookeryctl reports`, or one JSON object. What users wrote cannot break the line or command a terminal.
std::string report_line(const storage::Report& report);
std::string report_json(const storage::Report& report);

/// `rookeryctl reports`: words are "reports", since (XEP-0082 date or date and time; "-": all) and "text" or "json".
std::string admin_reports(Node& node, const std::vector<std::string>& words);

}  // namespace rookery::server
