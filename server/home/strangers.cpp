// First contact: whom we know, what is held for us, and its release.
#include "server/home/strangers.h"

#include <algorithm>
#include <charconv>

#include "server/home/home.h"
#include "server/home/homes.h"
#include "server/home/message_rules.h"
#include "server/log.h"
#include "server/node.h"
#include "xmpp/namespaces.h"

namespace rookery::server {

namespace {

constexpr size_t most_findings = 1024;
constexpr size_t page_entries = 50;
constexpr auto store_again_after = std::chrono::milliseconds(250);

/// REQUIREMENTS 21: what the store refuses now it takes later.
bool is_passing(const Error& error) {
  return error.failure == Failure::full || error.failure == Failure::io || error.failure == Failure::unavailable;
}

bool can_take(const Session* session) { return session->available && session->priority >= 0; }

Acquaintances::Time now() {
  return std::chrono::time_point_cast<std::chrono::seconds>(std::chrono::system_clock::now());
}

}  // namespace

Strangers::Strangers(const std::vector<std::pair<std::string, std::string>>& stored) {
  for (const auto& [key, value] : stored) {
    if (key == policy_key) policy = value;
    if (key.starts_with(written)) {
      int64_t seconds = 0;
      std::from_chars(value.data(), value.data() + value.size(), seconds);
      acquaintances.add(key.substr(written.size()), Acquaintances::Time(std::chrono::seconds(seconds)));
    }
    if (key.starts_with(released_key)) read_released(key.substr(released_key.size()), value);
    // Which one was the last is not stored: whatever is there up to the newest belongs to it.
    if (!key.starts_with(held_since)) continue;
    if (const auto id = storage::parse_stanza_id(value))
      held[key.substr(held_since.size())] = {.first = *id, .last = *id};
  }
}

void Strangers::read_released(const std::string& peer, std::string_view value) {
  const auto first = storage::parse_stanza_id(value.substr(0, value.find(' ')));
  const auto last = storage::parse_stanza_id(value.substr(value.find(' ') + 1));
  if (first && last) released[peer] = {.first = *first, .last = *last, .is_known = false, .unacknowledged = {}};
}

void Strangers::note(std::string_view bare_jid, Finding finding) {
  if (findings_.size() >= most_findings && !findings_.contains(bare_jid)) findings_.clear();
  findings_[std::string(bare_jid)] |= finding;
}

void Strangers::forget(std::string_view bare_jid) {
  const auto known = findings_.find(bare_jid);
  if (known != findings_.end()) known->second &= has_written;
}

bool Home::knows(const xmpp::Jid& peer) const {
  if (peer.same_bare(jid_) || strangers.acquaintances.contains(peer.bare_text())) return true;
  const auto item = contact(peer.bare_text());
  return item && item->in_roster;
}

bool Home::may_turn_to(const xmpp::Jid& peer) {
  const auto item = contact(peer.bare_text());
  // That the account has put somebody in its roster does not mean that he wants to hear of it; a subscription does.
  const bool agreed = item && item->subscription != storage::RosterItem::Subscription::none;
  if (agreed || peer.same_bare(jid_) || strangers.acquaintances.contains(peer.bare_text())) return true;
  const bool is_answer = strangers.found(peer.bare_text(), Strangers::has_written) ||
                         (item && !item->request.empty()) || strangers.held.contains(peer.bare_text());
  if (!is_answer) {
    const Config& config = node().config();
    const auto& known = strangers.acquaintances;
    const auto is_spent = [&](size_t most, std::chrono::seconds period) {
      return most > 0 && known.added_after(now() - period) >= most;
    };
    if (is_spent(config.strangers_per_hour, std::chrono::hours(1)) ||
        is_spent(config.strangers_per_day, std::chrono::hours(24)))
      return false;
  }
  remember_acquaintance(peer.bare(), is_answer ? Acquaintances::Time{} : now());
  return true;
}

void Home::remember_acquaintance(const xmpp::Jid& peer, Acquaintances::Time when) {
  const auto forgotten = strangers.acquaintances.add(peer.text(), when);
  if (forgotten) strangers.forget(*forgotten);
  node().stores().run(
      [owner = jid_, peer, forgotten,
       since = std::to_string(when.time_since_epoch().count())](storage::Stores& stores) -> Status {
        if (forgotten) {
          const Status removed =
              stores.values().remove(owner, Strangers::kind, std::string(Strangers::written) + *forgotten);
          if (!removed) return removed;
        }
        return stores.values().put(owner, Strangers::kind, std::string(Strangers::written) + peer.text(), since);
      },
      [jid = jid_](const Status& stored) {
        if (!stored) log::error("acquaintance_not_stored", {{"jid", jid.text()}, {"error", stored.error().message}});
      });
  release_held(peer.text());
}

void Home::accept_stranger(const xmpp::Jid& peer) {
  if (knows(peer)) return release_held(peer.text());
  remember_acquaintance(peer, {});
}

void Home::forget_held(const std::string& peer) {
  if (strangers.held.erase(peer) + strangers.released.erase(peer) != 0) store_marks(peer);
}

void Home::hold_message(Envelope envelope) {
  const xmpp::Element& stanza = *envelope.stanza;
  const std::string peer(envelope.from.bare_text());
  const auto known = strangers.held.find(peer);
  const bool fits = known != strangers.held.end() || strangers.held.size() < Strangers::most_held;
  const bool is_held = fits && is_storable(stanza) && !forbids_archive(stanza) && archives(envelope.from);
  if (is_held && (known == strangers.held.end() || !known->second.is_marked))
    return mark_held(peer, std::move(envelope));
  storage::LogId id = 0;
  if (is_held) {
    id = next_log_id();
    // Not of the inbox: nothing delivers it until the account wants it.
    homes_.batch().entries.push_back(
        {jid_.text(), id, storage::LogEntry::archived, envelope.from.text(), stanza.to_xml(xmpp::ns::client)});
    uncommitted_.insert(id);
    if (!backlog_) scanned_to_ = id;
    known->second.last = id;
  }
  homes_.write_for_sender(envelope);
  ++commits_pending_;
  homes_.after_commit([this, id, peer, envelope = std::move(envelope)] {
    --commits_pending_;
    if (id != 0) committed(id);
    node().router().confirm(envelope.sender);
    if (id != 0) return tell_of_held(peer);
    // Typing and the like is not answered; what was meant to be read is, as by nobody (REQUIREMENTS 16).
    if (is_storable(*envelope.stanza))
      node().router().bounce(envelope, {.condition = xmpp::Condition::service_unavailable});
  });
}

// Before the first message is written and confirmed: a restart has to know that somebody still waits to see it.
void Home::mark_held(const std::string& peer, Envelope envelope) {
  auto& waiting = marking_[peer];
  waiting.push_back(std::move(envelope));
  if (waiting.size() > 1) return;
  const storage::LogId before = next_log_id();
  strangers.held[peer] = {.first = before, .last = before, .is_marked = false, .is_told = false};
  write_mark(peer);
}

void Home::write_mark(const std::string& peer) {
  const auto held = strangers.held.find(peer);
  if (held == strangers.held.end()) return marked_held(peer, Status());  // blocked meanwhile
  ++loads_pending_;
  node().stores_of(jid_).run(
      [owner = jid_, key = std::string(Strangers::held_since) + peer,
       first = held->second.first](storage::Stores& stores) {
        return stores.values().put(owner, Strangers::kind, key, storage::to_stanza_id(first));
      },
      [this, peer](const Status& stored) {
        --loads_pending_;
        const auto again = [this, peer] { abandoned_ ? marked_held(peer, Status()) : write_mark(peer); };
        if (stored || !tries_again(stored.error(), again)) marked_held(peer, stored);
      });
}

void Home::marked_held(const std::string& peer, const Status& stored) {
  auto waiting = marking_.extract(peer);
  if (waiting.empty()) return;
  if (!stored) strangers.held.erase(peer);
  const auto held = strangers.held.find(peer);
  const bool is_held = held != strangers.held.end();  // else it was blocked meanwhile, or refused
  if (is_held) held->second.is_marked = true;
  for (Envelope& envelope : waiting.mapped()) {
    if (abandoned_) {
      node().router().route_anew(std::move(envelope));
      continue;
    }
    const FromAnotherNode scope(homes_, envelope);
    if (stored) {
      receive_message(std::move(envelope));  // by now it may be blocked, or known
      continue;
    }
    node().router().refuse(std::move(envelope), {.condition = xmpp::Condition::service_unavailable});
  }
  if (abandoned_) return;
  if (!is_held) return store_marks(peer);
  const auto jid = xmpp::Jid::parse(peer);
  if (jid && knows(*jid)) release_held(peer);
}

/// As memory has them; tried again until the store takes it.
void Home::store_marks(const std::string& peer) {
  std::optional<std::string> held_mark, released_mark;
  const auto held = strangers.held.find(peer);
  const auto released = strangers.released.find(peer);
  const bool is_releasing = held != strangers.held.end() && held->second.releasing;
  if (held != strangers.held.end()) held_mark = storage::to_stanza_id(held->second.first);
  if (released != strangers.released.end() && !is_releasing)
    released_mark = storage::to_stanza_id(released->second.first) + " " + storage::to_stanza_id(released->second.last);
  ++loads_pending_;
  node().stores_of(jid_).run(
      [owner = jid_, peer, held_mark, released_mark](storage::Stores& stores) -> Status {
        const auto write = [&](std::string_view key, const std::optional<std::string>& mark) {
          return mark ? stores.values().put(owner, Strangers::kind, std::string(key) + peer, *mark)
                      : stores.values().remove(owner, Strangers::kind, std::string(key) + peer);
        };
        const Status written = write(Strangers::released_key, released_mark);
        return written ? write(Strangers::held_since, held_mark) : written;
      },
      [this, peer](const Status& stored) {
        --loads_pending_;
        const auto again = [this, peer] {
          if (!abandoned_) store_marks(peer);
        };
        if (!stored) tries_again(stored.error(), again);
      });
}

/// True where the store may take it later: `again` runs in a while.
bool Home::tries_again(const Error& error, std::function<void()> again) {
  log::error("held_not_stored", {{"jid", jid_.text()}, {"error", error.message}});
  if (abandoned_ || !is_passing(error)) return false;
  ++loads_pending_;
  homes_.loop().after(store_again_after, [this, again = std::move(again)] {
    --loads_pending_;
    again();
  });
  return true;
}

void Home::tell_of_held(const std::string& peer) {
  const auto held = strangers.held.find(peer);
  if (held == strangers.held.end() || std::exchange(held->second.is_told, true)) return;
  for (Session* session : sessions()) {
    if (session->available) announce_held(*session, peer);
  }
}

void Home::announce_held(Session& session, const std::string& peer) {
  auto notice = xmpp::Element::make("message", xmpp::ns::client);
  notice->set_attr("from", jid_.domain()).set_attr("to", session.jid().text()).set_attr("type", "headline");
  notice->add_text_child("subject", "Message request");
  notice->add_text_child("body", peer +
                                     ", who is not among your contacts, has written to you. Answer or add them to get "
                                     "the messages, or block them.");
  notice->add("request", xmpp::ns::strangers).set_attr("jid", peer);
  session.send(*notice);
}

void Home::stranger_news(Session& session) {
  constexpr size_t most_announced = 20;
  size_t announced = 0;
  std::vector<std::string> wanted;
  for (const auto& [peer, held] : strangers.held) {
    const auto jid = xmpp::Jid::parse(peer);
    if (jid && knows(*jid))
      wanted.push_back(peer);  // accepted while nobody was there to take them
    else if (announced++ < most_announced)
      announce_held(session, peer);
  }
  for (const auto& peer : wanted) release_held(peer);
  wanted.clear();
  for (const auto& [peer, released] : strangers.released) wanted.push_back(peer);
  for (const auto& peer : wanted) release_again(peer);
}

// The messages of one who is no stranger any more, in order; what he sends meanwhile is held behind them.
void Home::release_held(const std::string& peer) {
  const auto held = strangers.held.find(peer);
  if (held == strangers.held.end() || held->second.releasing || !held->second.is_marked) return;
  if (std::ranges::none_of(sessions(), can_take)) return;  // stranger_news() comes back to it
  held->second.releasing = true;
  // Nothing is committed beyond what a query sees then.
  when_committed([this, peer, after = held->second.first - 1] { read_held(peer, after); });
}

/// A page of what is in the archive of this peer; null: it cannot be read now. `then` runs while the home lives.
void Home::read_messages_of(const std::string& peer, storage::LogId after,
                            std::function<void(const storage::ArchivePage*)> then) {
  if (abandoned_) return;
  storage::ArchiveQuery query;
  query.owner = jid_.text();
  query.with = peer;
  query.after = after;
  query.limit = page_entries;
  ++loads_pending_;
  node().read_log([query](const storage::MessageLog& log) { return log.query(query); },
                  [this, then = std::move(then)](Result<storage::ArchivePage> page) {
                    --loads_pending_;
                    if (abandoned_) return;
                    if (!page) log::error("held_not_read", {{"jid", jid_.text()}, {"error", page.error().message}});
                    then(page ? &*page : nullptr);
                  });
}

void Home::read_held(const std::string& peer, storage::LogId after) {
  read_messages_of(peer, after, [this, peer](const storage::ArchivePage* page) {
    const auto held = strangers.held.find(peer);
    if (held == strangers.held.end()) return;
    if (page != nullptr) return send_held(peer, *page);
    held->second.releasing = false;
  });
}

void Home::send_held(const std::string& peer, const storage::ArchivePage& page) {
  auto& released = strangers.released[peer];
  released.reading = true;
  for (const auto& entry : page.entries) {
    if ((entry.flags & storage::LogEntry::outgoing) != 0) continue;
    released.unacknowledged.insert(entry.id);
    give(released, entry);
  }
  const HeldMessages& held = strangers.held[peer];
  const storage::LogId read_to = page.entries.empty() ? held.last : page.entries.back().id;
  if (!page.complete || read_to < held.last) return when_committed([this, peer, read_to] { read_held(peer, read_to); });
  released.first = released.first == 0 ? held.first : std::min(released.first, held.first);
  released.last = read_to;
  released.reading = false;
  strangers.held.erase(peer);
  if (released.unacknowledged.empty()) strangers.released.erase(peer);
  store_marks(peer);
  release_again(peer);
}

/// To everybody who is here. It stays of the inbox until one of them has acknowledged it (REQUIREMENTS 19).
void Home::give(ReleasedMessages& released, const storage::LogEntry& entry) {
  if (!released.unacknowledged.contains(entry.id) || in_flight_.contains(entry.id)) return;
  for (Session* session : sessions()) {
    if (!can_take(session)) continue;
    ++in_flight_[entry.id];
    session->send(late_copy(entry), entry.id);
  }
}

bool Home::acknowledged_held(storage::LogId id) {
  for (auto& [peer, released] : strangers.released) {
    if (released.unacknowledged.erase(id) == 0) continue;
    if (!released.unacknowledged.empty() || released.reading || !released.is_known) return true;
    const std::string done = peer;
    strangers.released.erase(done);
    store_marks(done);
    return true;
  }
  return false;
}

/// A session that had it ended without acknowledging: another one may have it.
bool Home::lost_held(storage::LogId id) {
  for (const auto& [peer, released] : strangers.released) {
    if (!released.unacknowledged.contains(id)) continue;
    release_again(std::string(peer));
    return true;
  }
  return false;
}

void Home::release_again(const std::string& peer) {
  const auto released = strangers.released.find(peer);
  if (released == strangers.released.end() || released->second.reading) return;
  const auto is_given = [&](storage::LogId id) { return in_flight_.contains(id); };
  if (released->second.is_known && std::ranges::all_of(released->second.unacknowledged, is_given)) return;
  if (std::ranges::none_of(sessions(), can_take)) return;
  released->second.reading = true;
  read_released(peer, released->second.first - 1);
}

void Home::read_released(const std::string& peer, storage::LogId after) {
  read_messages_of(peer, after, [this, peer, after](const storage::ArchivePage* page) {
    const auto released = strangers.released.find(peer);
    if (released == strangers.released.end()) return;
    if (page != nullptr) return send_released(peer, after, *page);
    released->second.reading = false;
  });
}

void Home::send_released(const std::string& peer, storage::LogId after, const storage::ArchivePage& page) {
  auto& released = strangers.released[peer];
  if (std::ranges::none_of(sessions(), can_take)) {  // any more
    released.reading = false;
    return;
  }
  storage::LogId read_to = released.last;
  if (!page.complete && !page.entries.empty()) read_to = page.entries.back().id;
  for (const auto& entry : page.entries) {
    if ((entry.flags & storage::LogEntry::outgoing) != 0 || entry.id > released.last) continue;
    if (!released.is_known) released.unacknowledged.insert(entry.id);
    give(released, entry);
  }
  // What has gone from the archive meanwhile nobody gets.
  std::erase_if(released.unacknowledged, [&](storage::LogId id) {
    return id > after && id <= read_to && !std::ranges::binary_search(page.entries, id, {}, &storage::LogEntry::id);
  });
  if (read_to < released.last) return read_released(peer, read_to);
  released.is_known = true;
  released.reading = false;
  if (!released.unacknowledged.empty()) return release_again(peer);
  strangers.released.erase(peer);
  store_marks(peer);
}

}  // namespace rookery::server
