#include "storage/message_log.h"

namespace rookery::storage {

namespace {
constexpr size_t stanza_id_size = 16;
constexpr std::string_view hex_digits = "0123456789abcdef";
}  // namespace

std::string to_stanza_id(LogId id) {
  std::string text(stanza_id_size, '0');
  for (size_t i = stanza_id_size; i-- > 0; id >>= 4) text[i] = hex_digits[id & 15];
  return text;
}

std::optional<LogId> parse_stanza_id(std::string_view text) {
  if (text.size() != stanza_id_size) return std::nullopt;
  LogId id = 0;
  for (char c : text) {
    const size_t digit = hex_digits.find(c);
    if (digit == std::string_view::npos) return std::nullopt;
    id = id << 4 | digit;
  }
  return id;
}

bool LogBatch::empty() const { return size() == 0; }

size_t LogBatch::size() const {
  size_t rows = entries.size() + replaced.size() + seen.size() + cursors.size() + counters.size() + delivered.size() +
                ended.size() + purged.size();
  for (const auto& each : expired) rows += each.ids.size();
  return rows;
}

Result<std::vector<LogEntry>> MessageLog::find(std::string_view owner, const std::vector<LogId>& ids) const {
  std::vector<LogEntry> found;
  for (const LogId id : ids) {
    auto next = inbox(owner, id - 1, 1);
    if (!next) return std::unexpected(next.error());
    if (!next->empty() && next->front().id == id) found.push_back(std::move(next->front()));
  }
  return found;
}

Result<std::vector<std::string>> MessageLog::with_older(const std::vector<std::string>& owners, LogId before) const {
  std::vector<std::string> found;
  for (const auto& owner : owners) {
    const auto oldest = old_entries(owner, 0, before, 1);
    if (!oldest) return std::unexpected(oldest.error());
    if (!oldest->ids.empty() || oldest->go_on) found.push_back(owner);
  }
  return found;
}

std::optional<bool> MessageLog::has_seen_in_memory(std::string_view, std::string_view) const { return std::nullopt; }

Status MessageLog::copy_to(const std::filesystem::path&) const {
  return fail(Failure::invalid, "this message log is backed up by its database's own means");
}

}  // namespace rookery::storage
