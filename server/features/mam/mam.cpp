// XEP-0313: Message Archive Management, of accounts. Preferences: mam_preferences.cpp.
#include <algorithm>

#include "server/access.h"
#include "server/features/features.h"
#include "server/features/mam/mam_preferences.h"
#include "server/home/bind2.h"
#include "server/node.h"
#include "xmpp/namespaces.h"
#include "xmpp/payloads/mam.h"

namespace rookery::server {

namespace {

constexpr size_t default_page = 50;
constexpr size_t largest_page = 250;

/// What is to be read: the query, and the ids it refers to, which have to exist.
struct Search {
  storage::ArchiveQuery query;
  std::vector<storage::LogId> anchors;
  bool count_only = false;
};

xmpp::Parsed<storage::LogId> parse_id(std::string_view text) {
  const auto id = storage::parse_stanza_id(text);
  if (!id) return xmpp::refuse(xmpp::Condition::item_not_found, "there is no such message in the archive");
  return *id;
}

/// Narrows the range by one of the four ids that a query can name.
xmpp::Parsed<void> narrow(Search& search, const std::optional<std::string>& text, bool is_after) {
  if (!text || text->empty()) return {};
  const auto id = parse_id(*text);
  if (!id) return std::unexpected(id.error());
  search.anchors.push_back(*id);
  if (is_after) search.query.after = std::max(search.query.after, *id);
  else search.query.before = std::min(search.query.before, *id);
  return {};
}

xmpp::Parsed<Search> make_search(const xmpp::MamQuery& asked, const Home& home) {
  if (!asked.node.empty()) return xmpp::refuse(xmpp::Condition::item_not_found, "the archive has no nodes");
  if (asked.page.index) return xmpp::refuse(xmpp::Condition::feature_not_implemented, "pages are found by id, not by index");
  Search search;
  auto& query = search.query;
  query.owner = home.jid().text();
  if (asked.with) query.with = asked.with->text();
  query.start = asked.start;
  query.end = asked.end;
  // What is being written now belongs to no page yet: a later page would miss what is committed before it.
  query.before = home.committed_id() + 1;
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

Result<storage::ArchivePage> read_page(const storage::MessageLog& log, const Search& search) {
  if (!search.anchors.empty()) {
    storage::ArchiveQuery exist;
    exist.owner = search.query.owner;
    exist.ids = search.anchors;
    exist.limit = exist.ids.size();
    if (const auto found = log.query(exist); !found) return std::unexpected<Error>(found.error());
  }
  auto page = log.query(search.query);
  if (page && search.count_only) {
    page->complete = page->entries.empty();
    page->entries.clear();
  }
  return page;
}

/// The entry's text is a <message> of jabber:client without its xmlns: put that in, and wrap it without parsing it.
std::string result_message(const storage::LogEntry& entry, const xmpp::Jid& owner, const xmpp::Jid& to, std::string_view query_id) {
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
  xml += " id='" + storage::to_stanza_id(entry.id) + "'><forwarded xmlns='urn:xmpp:forward:0'><delay xmlns='urn:xmpp:delay' stamp='";
  xml += xmpp::format_date_time(storage::time_of(entry.id));
  xml += "'/><message xmlns='jabber:client'";
  xml += std::string_view(entry.xml).substr(opening.size());
  xml += "</forwarded></result></message>";
  return xml;
}

void send_page(IqRequest& request, const storage::ArchivePage& page, const xmpp::MamQuery& asked) {
  Session* session = request.session();
  if (session == nullptr) return;  // it has gone: nobody waits for the page
  const auto send = [&](const storage::LogEntry& entry) {
    session->send(result_message(entry, request.to(), request.from(), asked.query_id));
  };
  // §4.3.4: flipping changes the order of the page, not what belongs to it nor its <set/>.
  if (asked.flip_page) std::for_each(page.entries.rbegin(), page.entries.rend(), send);
  else std::ranges::for_each(page.entries, send);
  xmpp::MamFin fin;
  fin.complete = page.complete;
  if (!page.entries.empty()) {
    fin.page.first = storage::to_stanza_id(page.entries.front().id);
    fin.page.last = storage::to_stanza_id(page.entries.back().id);
  }
  if (page.count) fin.page.count = *page.count;
  auto result = request.make_result();
  fin.add_to(*result);
  request.reply(std::move(result));
}

void get_form(IqRequest request) {
  if (refused_to_others(request)) return;
  auto result = request.make_result();
  xmpp::add_mam_fields(*result);
  request.reply(std::move(result));
}

void query_archive(IqRequest request) {
  if (refused_to_others(request)) return;
  auto asked = xmpp::MamQuery::parse(request.payload());
  if (!asked) return request.fail(asked.error());
  auto search = make_search(*asked, *request.home());
  if (!search) return request.fail(search.error());
  auto read = [search = std::move(*search)](const storage::MessageLog& log) { return read_page(log, search); };
  request.node().read_log(std::move(read), [request = std::move(request), asked = std::move(*asked)](Result<storage::ArchivePage> page) mutable {
    if (!page) return request.fail(page.error());
    send_page(request, *page, asked);
  });
}

void get_metadata(IqRequest request) {
  if (refused_to_others(request)) return;
  auto read = [owner = request.to().text(), up_to = request.home()->committed_id()](const storage::MessageLog& log) {
    return archive_metadata(log, owner, up_to);
  };
  request.node().read_log(std::move(read), [request = std::move(request)](Result<xmpp::MamMetadata> metadata) mutable {
    if (!metadata) return request.fail(metadata.error());
    auto result = request.make_result();
    metadata->add_to(*result);
    request.reply(std::move(result));
  });
}

}  // namespace

void install_mam(Node& node, FeatureRegistry& registry) {
  // Also without an archive: forged stanza-ids are removed from every message (XEP-0359 §6).
  registry.advertise(Scope::account, xmpp::ns::sid);
  if (!node.config().archive) return;
  registry.on_iq(Scope::account, "get", "query", xmpp::ns::mam, get_form);
  registry.on_iq(Scope::account, "set", "query", xmpp::ns::mam, [](IqRequest request) {
    Home* home = request.home();
    if (home == nullptr || !request.is_own_account()) return query_archive(std::move(request));
    // The client's own messages before this request are in its archive, even those that are being written now.
    home->when_committed([request = std::move(request)]() mutable { query_archive(std::move(request)); });
  });
  registry.on_iq(Scope::account, "get", "metadata", xmpp::ns::mam, get_metadata);
  registry.on_iq(Scope::account, "get", "prefs", xmpp::ns::mam, get_archive_preferences);
  registry.on_iq(Scope::account, "set", "prefs", xmpp::ns::mam, set_archive_preferences);
  registry.advertise(Scope::account, xmpp::ns::mam);
  registry.advertise(Scope::account, xmpp::ns::mam_extended);
  registry.implements({.number = 313, .name = "Message Archive Management", .version = "1.1.3", .left_out = {}, .tests = "golden/mam"});
  registry.implements({.number = 441, .name = "Message Archive Management Preferences", .version = "0.2.0", .left_out = {}, .tests = "golden/mam/preferences.scs"});
}

}  // namespace rookery::server
