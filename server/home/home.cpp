#include "server/home/home.h"

#include <algorithm>

#include "crypto/random.h"
#include "server/home/homes.h"
#include "server/home/message_rules.h"
#include "server/node.h"
#include "xmpp/namespaces.h"

namespace rookery::server {

Home::Home(Homes& homes, xmpp::Jid bare, HomeData data)
    : strangers(std::move(data.strangers)),
      archive_prefs(std::move(data.archive)),
      quarantine(data.quarantine),
      homes_(homes),
      jid_(std::move(bare)),
      blocked_(data.blocked.begin(), data.blocked.end()),
      avatar_(std::move(data.avatar)),
      last_id_(std::max(data.inbox.last_id, data.inbox.cursor)),
      cursor_(data.inbox.cursor),
      scanned_to_(data.inbox.cursor),
      backlog_(data.inbox.last_id > data.inbox.cursor) {
  if (!data.push.empty()) push = std::make_unique<PushDevices>(std::move(data.push));
  set_roster(data.roster);
}

Home::~Home() = default;

Node& Home::node() { return homes_.node(); }

Session& Home::bind(std::string_view resource, ClientLink& link) {
  auto full = jid_.with_resource(resource);
  if (resource.empty() || !full) full = jid_.with_resource(crypto::random_token());
  ensure(full.has_value());
  // RFC 6120 §7.7.2.2: the newer connection is the one that works; the older one learns why it ends.
  if (Session* old = find(full->resource())) {
    old->end({.condition = xmpp::StreamCondition::conflict, .text = "Replaced by a new connection"});
  }
  static std::atomic<uint64_t> serials{0};
  sessions_.push_back(std::make_unique<Session>(*this, std::move(*full), ++serials, &link));
  if (push) push->came_back(*sessions_.back());
  return *sessions_.back();
}

bool Home::has_room_for(std::string_view resource) {
  if (sessions_.size() < node().config().sessions_per_account) return true;
  const auto full = jid_.with_resource(resource);
  return full && !resource.empty() && find(full->resource()) != nullptr;
}

Session* Home::find(std::string_view resource) {
  for (const auto& session : sessions_) {
    if (session->jid().resource() == resource) return session.get();
  }
  return nullptr;
}

Session* Home::find_serial(uint64_t serial) {
  for (const auto& session : sessions_) {
    if (session->serial() == serial) return session.get();
  }
  return nullptr;
}

Session* Home::find_resumable(std::string_view id) {
  for (const auto& session : sessions_) {
    if (!id.empty() && session->resumption_id() == id && !session->is_ending()) return session.get();
  }
  return nullptr;
}

std::vector<Session*> Home::sessions() {
  std::vector<Session*> result;
  result.reserve(sessions_.size());
  for (const auto& session : sessions_) result.push_back(session.get());
  return result;
}

void Home::session_ended(Session& session) {
  std::erase_if(sessions_, [&](const auto& other) { return other.get() == &session; });
  advance_cursor();  // it may have waited for what was owed to this one
  last_used = homes_.loop().now();
}

void Home::check_paths() {
  for (const auto& session : sessions_) session->check_path();
}

void Home::tell_of(const xmpp::Element& message) {
  for (const auto& hook : node().features().message_arrived) hook(*this, message);
}

bool Home::is_idle() const { return sessions_.empty() && is_settled() && !cursor_dirty_; }

bool Home::is_settled() const {
  return commits_pending_ == 0 && loads_pending_ == 0 && uncommitted_.empty() && unconfirmed_.empty() &&
         !roster_writing_;
}

void Home::abandon() {
  abandoned_ = true;
  for (const auto& session : sessions_) session->abandon();
  // What waits for a commit that may never be reported finds out that the home has gone.
  if (awaiting_commit_.empty()) return;
  ++loads_pending_;
  homes_.loop().post([this, waiting = std::exchange(awaiting_commit_, {})]() mutable {
    --loads_pending_;
    for (auto& [id, job] : waiting) run_guarded(job);
  });
}

void Home::account_deleted() {
  abandoned_ = true;
  for (Session* session : sessions()) {
    session->end({.condition = xmpp::StreamCondition::not_authorized, .text = "The account was deleted"});
  }
}

bool Home::is_blocked(const xmpp::Jid& jid) const {
  if (blocked_.empty()) return false;
  // XEP-0191 §3.1 refers to RFC 3921: full, bare, domain/resource, domain.
  return blocked_.contains(jid.text()) || blocked_.contains(std::string(jid.bare_text())) ||
         blocked_.contains(std::string(jid.domain()) + "/" + std::string(jid.resource())) ||
         blocked_.contains(std::string(jid.domain()));
}

bool Home::archives(const xmpp::Jid& peer) const {
  if (!homes_.node().config().archive) return false;
  const auto listed = [&](const std::set<std::string>& list) {
    return list.contains(peer.text()) || list.contains(std::string(peer.bare_text()));
  };
  if (listed(archive_prefs.always)) return true;
  if (listed(archive_prefs.never)) return false;
  if (archive_prefs.by_default == "roster") {
    const auto item = contact(peer.bare_text());
    return item && item->in_roster;
  }
  return archive_prefs.by_default != "never";
}

void Home::in_order(Job job) {
  if (commits_pending_ == 0) return job();
  ++commits_pending_;
  homes_.after_commit([this, job = std::move(job)]() mutable {
    --commits_pending_;
    job();
  });
}

}  // namespace rookery::server
