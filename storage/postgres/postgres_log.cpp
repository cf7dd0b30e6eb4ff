// MessageLog in PostgreSQL: a writer thread and readers, each on connections of their own.
#include "storage/postgres.h"
#include "storage/postgres/log_reader.h"
#include "storage/postgres/log_writer.h"

namespace rookery::storage {

namespace {

class PostgresLog final : public MessageLog {
 public:
  PostgresLog(const PostgresOptions& options, std::unique_ptr<postgres::Connection> connection)
      : reader_(options), writer_(options, std::move(connection)) {}

  void commit(LogBatch batch, std::function<void(Status)> done) override {
    writer_.commit(std::move(batch), std::move(done));
  }
  bool healthy() const override { return writer_.healthy(); }
  Result<ArchivePage> query(const ArchiveQuery& query) const override { return reader_.query(query); }
  Result<InboxState> load(std::string_view owner) const override { return reader_.load(owner); }
  Result<std::vector<LogEntry>> inbox(std::string_view owner, LogId after, size_t limit) const override {
    return reader_.inbox(owner, after, limit);
  }
  Result<OldEntries> old_entries(std::string_view owner, LogId after, LogId before, size_t limit) const override {
    return reader_.old_entries(owner, after, before, limit);
  }
  Result<std::vector<std::string>> with_older(const std::vector<std::string>& owners, LogId before) const override {
    return reader_.with_older(owners, before);
  }
  Result<std::optional<LogId>> cursor(std::string_view owner, std::string_view device) const override {
    return reader_.cursor(owner, device);
  }
  Result<bool> has_seen(std::string_view owner, std::string_view key) const override {
    return reader_.has_seen(owner, key);
  }
  Result<std::optional<uint32_t>> counter(std::string_view owner, std::string_view session) const override {
    return reader_.counter(owner, session);
  }

 private:
  mutable postgres::LogReader reader_;
  postgres::LogWriter writer_;
};

}  // namespace

Result<std::unique_ptr<MessageLog>> open_postgres_log(const PostgresOptions& options) {
  postgres::Database probe(options, std::string(postgres::LogWriter::purpose));
  if (auto status = probe.connect(); !status) return std::unexpected(status.error());
  return std::unique_ptr<MessageLog>(std::make_unique<PostgresLog>(options, probe.take_connection()));
}

}  // namespace rookery::storage
