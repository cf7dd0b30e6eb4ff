#include "client/core/archive_sync.h"

#include "crypto/random.h"
#include "xmpp/namespaces.h"
#include "xmpp/payloads/mam.h"

namespace rookery::client {

namespace ns = xmpp::ns;

namespace {

constexpr std::string_view cursor_kind = "mam-cursor";
constexpr uint32_t page_size = 50;

bool is_item_not_found(const xmpp::Element* answer) {
  const auto error = answer ? xmpp::StanzaError::parse(*answer) : std::nullopt;
  return error && error->condition == xmpp::Condition::item_not_found;
}

}  // namespace

void ArchiveSync::start(std::function<void(Result<size_t>)> done) {
  auto cursor = store_.get(cursor_kind, connection_.account().text());
  if (!cursor) return done(std::unexpected(cursor.error()));
  done_ = std::move(done);
  after_ = cursor->value_or("");
  last_page_only_ = after_.empty();
  complete_ = false;
  results_ = 0;
  ask();
}

void ArchiveSync::ask() {
  query_id_ = crypto::random_token();
  xmpp::MamQuery query;
  query.query_id = query_id_;
  query.page.max = page_size;
  if (last_page_only_)
    query.page.before = "";
  else
    query.page.after = after_;
  auto iq = xmpp::Element::make("iq", ns::client);
  iq->set_attr("type", "set");
  query.add_to(*iq);
  connection_.send_iq(std::move(iq), [this, id = query_id_](const xmpp::Element* answer) {
    if (id == query_id_) on_page(answer);
  });
}

void ArchiveSync::on_page(const xmpp::Element* answer) {
  if (!last_page_only_ && is_item_not_found(answer)) {
    // XEP-0313 §4.4 (RSM §2.2): the archive no longer has our last message. Take what is newest.
    last_page_only_ = true;
    return ask();
  }
  if (!answer || answer->attr("type") != "result")
    return finish(fail(Failure::unavailable, "the server gives no archive"));
  const auto fin = xmpp::MamFin::parse(*answer);
  if (!fin) return finish(fail(Failure::invalid, "the server's archive answers what we do not understand"));
  const auto& last = fin->page.last;
  const bool has_more = last && !last_page_only_ && !fin->complete;
  if (last) {
    // The page's messages are committed: each was handled before this answer.
    if (auto status = set_cursor(*last); !status) return finish(std::unexpected(status.error()));
    after_ = *last;
  }
  if (has_more) return ask();
  complete_ = true;
  finish(results_);
}

void ArchiveSync::finish(Result<size_t> result) {
  query_id_.clear();
  auto done = std::exchange(done_, nullptr);
  if (done) done(std::move(result));
}

void ArchiveSync::on_live(std::string_view stanza_id) {
  // A cursor that cannot be written costs a few messages fetched twice, which are then recognised.
  if (complete_ && !stanza_id.empty()) (void)set_cursor(stanza_id);
}

Status ArchiveSync::set_cursor(std::string_view id) {
  return store_.put(cursor_kind, connection_.account().text(), id);
}

}  // namespace rookery::client
