#include "server/archive/archive.h"

#include <algorithm>

#include "storage/archive_range.h"
#include "xmpp/namespaces.h"

namespace rookery::server {

namespace {

constexpr size_t default_page = 50;
constexpr size_t largest_page = 250;
constexpr size_t most_page_bytes =
    1024 * 1024;  // of messages; one may be larger. A page has to fit into a client's outbox

xmpp::Parsed<storage::LogId> parse_id(std::string_view text) {
  const auto id = storage::parse_stanza_id(text);
  if (!id) return xmpp::refuse(xmpp::Condition::item_not_found, "there is no such message in the archive");
  return *id;
}

/// Narrows the range by one of the four ids that a query can name.
xmpp::Parsed<void> narrow(ArchiveSearch& search, const std::optional<std::string>& text, bool is_after) {
  if (!text || text->empty()) return {};
  const auto id = parse_id(*text);
  if (!id) return std::unexpected(id.error());
  search.anchors.push_back(*id);
  if (is_after)
    search.query.after = std::max(search.query.after, *id);
  else
    search.query.before = std::min(search.query.before, *id);
  return {};
}

/// XEP-0059 §2.1: fewer than were asked for, and the client goes on from there.
void cut_to_size(storage::ArchivePage& page, bool keeps_newest) {
  auto& entries = page.entries;
  size_t bytes = 0, kept = 0;
  while (kept < entries.size()) {
    bytes += entries[keeps_newest ? entries.size() - 1 - kept : kept].xml.size();
    if (bytes > most_page_bytes && kept > 0) break;
    ++kept;
  }
  if (kept == entries.size()) return;
  page.complete = false;
  if (keeps_newest)
    entries.erase(entries.begin(), entries.end() - static_cast<ptrdiff_t>(kept));
  else
    entries.resize(kept);
}

xmpp::MamMetadata::End to_end(const storage::LogEntry& entry) {
  return {.id = storage::to_stanza_id(entry.id), .timestamp = storage::time_of(entry.id)};
}

}  // namespace

storage::LogId oldest_kept(std::chrono::days keep) {
  if (keep == std::chrono::days::zero()) return 0;
  return storage::id_at(std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now()) -
                        keep);
}

xmpp::Parsed<ArchiveSearch> make_archive_search(const xmpp::MamQuery& asked, const xmpp::Jid& owner,
                                                storage::LogId newest, storage::LogId oldest) {
  if (!asked.node.empty()) return xmpp::refuse(xmpp::Condition::item_not_found, "the archive has no nodes");
  if (asked.page.index)
    return xmpp::refuse(xmpp::Condition::feature_not_implemented, "pages are found by id, not by index");
  ArchiveSearch search;
  auto& query = search.query;
  query.owner = owner.text();
  if (asked.with) query.with = asked.with->text();
  search.oldest = oldest;
  query.start =
      oldest == 0 ? asked.start : std::max(asked.start.value_or(storage::TimePoint{}), storage::time_of(oldest));
  query.end = asked.end;
  query.before = newest + 1;
  for (const auto& [text, is_after] : {std::pair(&asked.after_id, true), std::pair(&asked.before_id, false),
                                       std::pair(&asked.page.after, true), std::pair(&asked.page.before, false)}) {
    if (auto narrowed = narrow(search, *text, is_after); !narrowed) return std::unexpected(narrowed.error());
  }
  if (asked.ids.size() > largest_page) return xmpp::refuse(xmpp::Condition::policy_violation, "too many ids at once");
  for (const auto& text : asked.ids) {
    const auto id = parse_id(text);
    if (!id) return std::unexpected(id.error());
    query.ids.push_back(*id);
  }
  query.last_page = asked.page.before.has_value();
  search.count_only = asked.page.max == 0u;
  query.limit = std::clamp<size_t>(asked.page.max.value_or(default_page), 1, largest_page);
  if (!query.ids.empty() && !asked.page.max) query.limit = query.ids.size();
  // XEP-0059 §2.6 counts the whole result, not what is left after an id: only the first page can say it.
  query.want_count = search.count_only || (!asked.page.after && (!asked.page.before || asked.page.before->empty()));
  return search;
}

Result<storage::ArchivePage> read_archive(const storage::MessageLog& log, const ArchiveSearch& search) {
  const auto has_expired = [&](storage::LogId id) { return id < search.oldest; };
  if (std::ranges::any_of(search.anchors, has_expired) || std::ranges::any_of(search.query.ids, has_expired))
    return fail(Failure::not_found, "an entry that was asked for has expired");
  if (!search.anchors.empty()) {
    storage::ArchiveQuery exist;
    exist.owner = search.query.owner;
    exist.ids = search.anchors;
    exist.limit = exist.ids.size();
    if (const auto found = log.query(exist); !found) return std::unexpected<Error>(found.error());
  }
  auto page = log.query(search.query);
  if (page) cut_to_size(*page, search.query.last_page);
  if (page && search.count_only) {
    page->complete = page->entries.empty();
    page->entries.clear();
  }
  return page;
}

Result<xmpp::MamMetadata> archive_metadata(const storage::MessageLog& log, const std::string& owner,
                                           storage::LogId newest, storage::LogId oldest) {
  storage::ArchiveQuery query;
  query.owner = owner;
  query.before = newest + 1;
  if (oldest != 0) query.start = storage::time_of(oldest);
  query.limit = 1;
  const auto first = log.query(query);
  if (!first) return std::unexpected<Error>(first.error());
  query.last_page = true;
  const auto last = log.query(query);
  if (!last) return std::unexpected<Error>(last.error());
  xmpp::MamMetadata metadata;
  if (!first->entries.empty()) metadata.start = to_end(first->entries.front());
  if (!last->entries.empty()) metadata.end = to_end(last->entries.back());
  return metadata;
}

// The entry's text is a <message> of jabber:client without its xmlns: put that in, and wrap it without parsing it.
std::string archive_result(const storage::LogEntry& entry, const xmpp::Jid& owner, const xmpp::Jid& to,
                           std::string_view query_id) {
  constexpr std::string_view opening = "<message";
  ensure(entry.xml.starts_with(opening));
  std::string xml = "<message from='";
  xmpp::append_escaped(xml, owner.text());
  xml += "' to='";
  xmpp::append_escaped(xml, to.text());
  xml += "'><result xmlns='urn:xmpp:mam:2'";
  if (!query_id.empty()) {
    xml += " queryid='";
    xmpp::append_escaped(xml, query_id);
    xml += "'";
  }
  xml += " id='" + storage::to_stanza_id(entry.id) +
         "'><forwarded xmlns='urn:xmpp:forward:0'><delay xmlns='urn:xmpp:delay' stamp='";
  xml += xmpp::format_date_time(storage::time_of(entry.id));
  xml += "'/><message xmlns='jabber:client'";
  xml += std::string_view(entry.xml).substr(opening.size());
  xml += "</forwarded></result></message>";
  return xml;
}

xmpp::MamFin archive_fin(const storage::ArchivePage& page) {
  xmpp::MamFin fin;
  fin.complete = page.complete;
  if (!page.entries.empty()) {
    fin.page.first = storage::to_stanza_id(page.entries.front().id);
    fin.page.last = storage::to_stanza_id(page.entries.back().id);
  }
  if (page.count) fin.page.count = *page.count;
  return fin;
}

xmpp::StanzaError too_many_queries() {
  return {.condition = xmpp::Condition::resource_constraint,
          .text = "Too many queries wait already",
          .application_name = {},
          .application_ns = {},
          .type = xmpp::ErrorType::wait,
          .application_feature = {}};
}

}  // namespace rookery::server
