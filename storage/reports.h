// Reports of spam and abuse that users attach to a block (XEP-0377), for operators and whatever learns from them.
#pragma once

#include <string>
#include <vector>

#include "crypto/result.h"
#include "storage/message_log.h"
#include "xmpp/jid.h"

namespace rookery::storage {

struct Report {
  std::string id;
  TimePoint time{};
  xmpp::Jid reporter;  ///< bare
  xmpp::Jid reported;  ///< as it was blocked: bare, full, or a domain
  std::string reason;  ///< a URN, like urn:xmpp:reporting:spam
  /// The `<report/>` as it came: text, stanza-ids (of the reporter's archive) and what it may be used for
  /// (xmpp/payloads/report.h). XEP-0377 §4: without the user's word it goes to nobody else.
  std::string xml;
};

class ReportStore {
 public:
  virtual ~ReportStore() = default;
  virtual Status add(const Report& report) = 0;  ///< Failure::conflict when the id is taken
  /// Those at `since` or later, oldest first.
  virtual Result<std::vector<Report>> list(TimePoint since, size_t limit) = 0;
  virtual Result<size_t> count_by(const xmpp::Jid& reporter, TimePoint since) = 0;
  virtual Status expire(TimePoint before) = 0;  ///< deletes what is older
};

}  // namespace rookery::storage
