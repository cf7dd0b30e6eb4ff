// The messages of one account on their way into the log: those of its archive, and those that nobody has read yet.
#pragma once

#include <map>
#include <set>

#include "server/portability/person.h"

namespace rookery::server::portability {

class ArchiveWriter {
 public:
  ArchiveWriter(storage::MessageLog& log, xmpp::Jid owner, const ImportOptions& options, Counts& counts);

  /// A `<result/>`; they come in chronological order. A sentence says what is wrong with it.
  Result<std::optional<std::string>> add(const xmpp::Element& result);
  /// Everything has been added; the waiting messages find their places among them.
  Status finish(std::vector<WaitingMessage> waiting);

 private:
  struct Pending {
    storage::LogEntry entry;
    bool is_ours = false;  ///< its id is one that we gave
  };
  Status load();
  Status flush();
  Result<std::map<storage::LogId, std::string>> present(storage::LogId first, storage::LogId last) const;
  Result<std::optional<storage::LogEntry>> archived_copy(const WaitingMessage& waiting) const;
  storage::LogEntry make_entry(const xmpp::Element& message, storage::LogId id, uint8_t flags) const;
  Status commit(storage::LogBatch batch);

  storage::MessageLog& log_;
  const xmpp::Jid owner_;
  const ImportOptions& options_;
  Counts& counts_;
  std::optional<storage::InboxState> before_;  ///< the account's log as it was
  std::vector<Pending> pending_;
  storage::LogId last_ = 0;
  std::set<storage::LogId> added_;  ///< by this import
};

}  // namespace rookery::server::portability
