// RFC 6121 §2: the roster and its pushes.
#include <algorithm>
#include <iterator>

#include "crypto/random.h"
#include "server/home/home.h"
#include "server/home/homes.h"
#include "server/log.h"
#include "server/node.h"
#include "xmpp/namespaces.h"

namespace rookery::server {

namespace {
constexpr auto roster_retry = std::chrono::milliseconds(250);
constexpr size_t most_contacts = 10'000;
}  // namespace

xmpp::RosterEntry to_entry(const storage::RosterItem& item) {
  return {.jid = item.jid,
          .name = item.name,
          .subscription = static_cast<xmpp::RosterEntry::Subscription>(item.subscription),
          .ask = item.ask,
          .approved = item.approved,
          .groups = item.groups};
}

std::optional<storage::RosterItem> Home::contact(std::string_view bare_jid) const {
  const auto found = contacts_.find(bare_jid);
  return found ? std::optional(found->item()) : std::nullopt;
}

bool Home::is_roster_full_for(const xmpp::Jid& jid) const {
  return contacts_.size() >= most_contacts && !contacts_.find(jid.text());
}

bool Home::may_see_presence(const xmpp::Jid& contact) const {
  const auto found = contacts_.find(contact.bare_text());
  return found && found->sees_us();
}

bool Home::is_contact(const xmpp::Jid& jid) const {
  const auto found = contacts_.find(jid.bare_text());
  return found && found->is_seen();
}

void Home::put_contact(storage::RosterItem item, Stored then) {
  if (item.in_roster) ++roster_version_;
  store_contact(std::move(item), true, std::move(then));
}

void Home::update_contact(storage::RosterItem item) {
  const auto known = contact(item.jid.text());
  const bool visible = item.in_roster && (!known || !known->in_roster || to_entry(*known) != to_entry(item));
  if (visible) return put_contact(std::move(item));
  store_contact(std::move(item), false, {});
}

void Home::store_contact(storage::RosterItem item, bool push, Stored then) {
  contacts_.put(item);
  change_roster({.jid = item.jid,
                 .push = push && item.in_roster,
                 .version = roster_version_,
                 .item = std::move(item),
                 .then = std::move(then)});
}

void Home::drop_contact(const xmpp::Jid& bare, Stored then) {
  const auto item = contact(bare.text());
  if (!item) return then ? then(Status()) : void();
  const bool visible = item->in_roster;
  contacts_.remove(bare.text());
  if (visible) ++roster_version_;
  change_roster({.jid = bare, .push = visible, .version = roster_version_, .item = {}, .then = std::move(then)});
}

void Home::change_roster(RosterChange change) {
  strangers.forget(change.jid.text());
  const bool wanted = change.item && change.item->in_roster && strangers.held.contains(change.jid.text());
  const std::string jid = change.jid.text();
  roster_changes_.push_back(std::move(change));
  if (!roster_writing_) write_roster();
  if (wanted) release_held(jid);
}

void Home::when_roster_stored(Job job) {
  if (roster_changes_.empty() && !roster_writing_) return job();
  roster_waiting_.push_back(std::move(job));
}

// One write at a time, in the order of the changes, which are few: so a write that is tried again overtakes no later
// one.
void Home::write_roster() {
  if (abandoned_) {
    // Another node may own the account by now. Nobody was told of the changes.
    roster_writing_ = false;
    return roster_changes_.clear();
  }
  if (roster_changes_.empty()) {
    for (Job& job : std::exchange(roster_waiting_, {})) run_guarded(job);
    return;
  }
  roster_writing_ = true;
  auto changes = std::make_shared<std::vector<RosterChange>>(std::exchange(roster_changes_, {}));
  node().stores_of(jid_).run(
      [owner = jid_, changes](storage::Stores& stores) -> Status {
        for (const auto& [jid, push, version, item, then] : *changes) {
          const Status stored =
              item ? stores.rosters().put(owner, *item, version) : stores.rosters().remove(owner, jid, version);
          if (!stored) return stored;
        }
        return {};
      },
      [this, changes](const Status& stored) {
        if (!stored) return roster_not_stored(std::move(*changes), stored.error());
        roster_writing_ = false;
        for (RosterChange& change : *changes) {
          Job tell = [&] {
            if (change.push) push_roster(change);
            if (change.then) change.then(stored);
          };
          run_guarded(tell);
        }
        if (!roster_writing_) write_roster();
      });
}

// REQUIREMENTS 21: what the disk refuses now it takes later; until then nobody is told, and memory is ahead as the
// log's is. What the store itself refuses is undone: memory never differs from the disk for longer than a write takes.
void Home::roster_not_stored(std::vector<RosterChange> changes, const Error& error) {
  log::error("roster_not_stored", {{"jid", jid_.text()}, {"error", error.message}});
  if (error.failure == Failure::full || error.failure == Failure::io || error.failure == Failure::unavailable) {
    roster_changes_.insert(roster_changes_.begin(), std::make_move_iterator(changes.begin()),
                           std::make_move_iterator(changes.end()));
    homes_.loop().after(roster_retry, [this] { write_roster(); });
    return;
  }
  // What was changed since then rests on what is undone now, and goes with it.
  std::ranges::move(std::exchange(roster_changes_, {}), std::back_inserter(changes));
  auto refused = std::make_shared<std::vector<RosterChange>>(std::move(changes));
  node().stores().read([owner = jid_](storage::Stores& stores) { return stores.rosters().load(owner); },
                       [this, refused, error](Result<storage::Roster> roster) {
                         if (roster) set_roster(*roster);
                         for (RosterChange& change : *refused) {
                           Job tell = [&] {
                             if (change.then) change.then(std::unexpected<Error>(error));
                           };
                           run_guarded(tell);
                         }
                         roster_writing_ = false;
                         write_roster();
                       });
}

void Home::set_roster(const storage::Roster& roster) {
  roster_version_ = roster.version;
  strangers.forget_all();
  contacts_.assign(roster.items);
}

void Home::push_roster(const RosterChange& change) {
  auto push = xmpp::Element::make("iq", xmpp::ns::client);
  push->set_attr("type", "set").set_attr("id", crypto::random_token());
  const xmpp::RosterEntry entry =
      change.item ? to_entry(*change.item)
                  : xmpp::RosterEntry{.jid = change.jid, .subscription = xmpp::RosterEntry::Subscription::remove};
  // RFC 6121 §2.6.3: the version that this change made: what came after it may not be durable yet.
  xmpp::RosterQuery{.version = std::to_string(change.version), .entries = {entry}}.add_to(*push);
  for (const auto& hook : node().features().roster_pushed) hook(*this, *push);
  for (Session* session : sessions()) {
    if (!session->interested) continue;
    push->set_attr("to", session->jid().text());
    session->send(*push);
  }
}

void Home::remove_contact(const xmpp::Jid& bare) {
  const auto item = contact(bare.text());
  if (!item) return;
  using Subscription = storage::RosterItem::Subscription;
  const auto subscription = item->subscription;
  // RFC 6121 §2.5.2: the contact learns that both directions have ended.
  if (subscription == Subscription::to || subscription == Subscription::both || item->ask)
    route_presence("unsubscribe", jid_, bare);
  if (subscription == Subscription::from || subscription == Subscription::both) {
    route_presence("unsubscribed", jid_, bare);
    send_unavailable_of_all(bare);
  }
  if (!item->request.empty()) route_presence("unsubscribed", jid_, bare);
}

}  // namespace rookery::server
