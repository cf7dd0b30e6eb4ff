// Fetches from our own archive what happened while we were away (XEP-0313).
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "client/core/net/connection.h"
#include "client/core/store/local_store.h"

namespace rookery::client {

class ArchiveSync {
 public:
  ArchiveSync(Connection& connection, LocalStore& store) : connection_(connection), store_(store) {}

  /// From the newest message that we know to now; on the first login only the last page. `done` gets how many came.
  void start(std::function<void(Result<size_t>)> done);
  bool running() const { return !query_id_.empty(); }
  /// REQUIREMENTS 30: results count only while their query runs.
  bool is_open_query(std::string_view query_id) const { return running() && query_id == query_id_; }
  void count_result() { ++results_; }
  /// A live message has this place in the archive. Ignored during catch-up: there is a gap before it then.
  void on_live(std::string_view stanza_id);

 private:
  void ask();
  void on_page(const xmpp::Element* answer);
  void finish(Result<size_t> result);
  Status set_cursor(std::string_view id);

  Connection& connection_;
  LocalStore& store_;
  std::function<void(Result<size_t>)> done_;
  std::string query_id_;
  std::string after_;
  bool last_page_only_ = false;
  bool complete_ = false;  ///< caught up in this session: live messages leave no gap
  size_t results_ = 0;
};

}  // namespace rookery::client
