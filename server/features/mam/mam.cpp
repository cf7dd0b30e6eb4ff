// XEP-0313: Message Archive Management, of accounts. Preferences: mam_preferences.cpp.
#include "xmpp/payloads/mam.h"

#include <algorithm>

#include "server/access.h"
#include "server/archive/archive.h"
#include "server/archive/sweep.h"
#include "server/archive/turns.h"
#include "server/features/features.h"
#include "server/features/mam/mam_preferences.h"
#include "server/node.h"
#include "xmpp/namespaces.h"

namespace rookery::server {

namespace {

void send_page(IqRequest& request, const storage::ArchivePage& page, const xmpp::MamQuery& asked) {
  Session* session = request.session();
  if (session == nullptr) return;  // it has gone: nobody waits for the page
  const auto send = [&](const storage::LogEntry& entry) {
    session->send(archive_result(entry, request.to(), request.from(), asked.query_id));
  };
  // §4.3.4: flipping changes the order of the page, not what belongs to it nor its <set/>.
  if (asked.flip_page)
    std::for_each(page.entries.rbegin(), page.entries.rend(), send);
  else
    std::ranges::for_each(page.entries, send);
  auto result = request.make_result();
  archive_fin(page).add_to(*result);
  request.reply(std::move(result));
}

void get_form(IqRequest request) {
  if (refused_to_others(request)) return;
  auto result = request.make_result();
  xmpp::add_mam_fields(*result);
  request.reply(std::move(result));
}

void query_archive(IqRequest request, ArchiveTurns::TurnPtr turn) {
  if (request.session() == nullptr) return;  // it has gone: nobody waits for the page
  auto asked = xmpp::MamQuery::parse(request.payload());
  if (!asked) return request.fail(asked.error());
  auto search = make_archive_search(*asked, request.to(), request.home()->committed_id(),
                                    oldest_kept(request.node().config().archive_keep));
  if (!search) return request.fail(search.error());
  auto read = [search = std::move(*search)](const storage::MessageLog& log) { return read_archive(log, search); };
  request.node().read_log(std::move(read), [request = std::move(request), asked = std::move(*asked),
                                            turn = std::move(turn)](Result<storage::ArchivePage> page) mutable {
    if (!page) return request.fail(page.error());
    send_page(request, *page, asked);
  });
}

void wait_for_turn(IqRequest request) {
  if (refused_to_others(request)) return;
  const auto waiting = std::make_shared<IqRequest>(std::move(request));
  const bool is_taken = ArchiveTurns::here().ask(waiting->from(), [waiting](ArchiveTurns::TurnPtr turn) {
    // The client's own messages before this request are in its archive, even those that are being written now.
    Home* home = waiting->home();
    if (home != nullptr)
      home->when_committed([waiting, turn = std::move(turn)] { query_archive(std::move(*waiting), turn); });
  });
  if (!is_taken) waiting->fail(too_many_queries());
}

void get_metadata(IqRequest request) {
  if (refused_to_others(request)) return;
  auto read = [owner = request.to().text(), newest = request.home()->committed_id(),
               oldest = oldest_kept(request.node().config().archive_keep)](const storage::MessageLog& log) {
    return archive_metadata(log, owner, newest, oldest);
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
  // Nor does what was archived before stay for ever.
  registry.started.emplace_back([&node] { sweep_archives(node); });
  if (!node.config().archive) return;
  registry.on_iq(Scope::account, "get", "query", xmpp::ns::mam, get_form);
  registry.on_iq(Scope::account, "set", "query", xmpp::ns::mam, wait_for_turn);
  registry.on_iq(Scope::account, "get", "metadata", xmpp::ns::mam, get_metadata);
  registry.on_iq(Scope::account, "get", "prefs", xmpp::ns::mam, get_archive_preferences);
  registry.on_iq(Scope::account, "set", "prefs", xmpp::ns::mam, set_archive_preferences);
  registry.advertise(Scope::account, xmpp::ns::mam);
  registry.advertise(Scope::account, xmpp::ns::mam_extended);
  registry.implements(
      {.number = 313, .name = "Message Archive Management", .version = "1.1.3", .left_out = {}, .tests = "golden/mam"});
  registry.implements({.number = 441,
                       .name = "Message Archive Management Preferences",
                       .version = "0.2.0",
                       .left_out = {},
                       .tests = "golden/mam/preferences.scs"});
}

}  // namespace rookery::server
