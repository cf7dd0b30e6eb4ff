// First contact: whom we know, what is held for us, and its release.
#include "server/home/strangers.h"

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
    // Which one was the last is not stored: whatever is there up to the newest belongs to it.
    if (!key.starts_with(held_since)) continue;
    if (const auto id = storage::parse_stanza_id(value))
      held[key.substr(held_since.size())] = {.first = *id, .last = *id};
  }
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
  if (strangers.held.erase(peer) == 0) return;
  node().stores().run([owner = jid_, key = std::string(Strangers::held_since) + peer](
                          storage::Stores& stores) { return stores.values().remove(owner, Strangers::kind, key); },
                      [](const Status&) {});
}

void Home::hold_message(Envelope envelope) {
  const xmpp::Element& stanza = *envelope.stanza;
  const std::string peer(envelope.from.bare_text());
  const bool is_new = !strangers.held.contains(peer);
  const bool fits = !is_new || strangers.held.size() < Strangers::most_held;
  storage::LogId id = 0;
  if (fits && is_storable(stanza) && !forbids_archive(stanza) && archives(envelope.from)) {
    id = next_log_id();
    // Not of the inbox: nothing delivers it until the account wants it.
    homes_.batch().entries.push_back(
        {jid_.text(), id, storage::LogEntry::archived, envelope.from.text(), stanza.to_xml(xmpp::ns::client)});
    uncommitted_.insert(id);
    if (!backlog_) scanned_to_ = id;
    auto& held = strangers.held[peer];
    if (is_new) held.first = id;
    held.last = id;
  }
  homes_.write_for_sender(envelope);
  ++commits_pending_;
  homes_.after_commit([this, id, is_new, peer, envelope = std::move(envelope)] {
    --commits_pending_;
    if (id != 0) committed(id);
    node().router().confirm(envelope.sender);
    if (id != 0) return is_new ? remember_held(peer, id) : void();
    // Typing and the like is not answered; what was meant to be read is, as by nobody (REQUIREMENTS 16).
    if (is_storable(*envelope.stanza))
      node().router().bounce(envelope, {.condition = xmpp::Condition::service_unavailable});
  });
}

void Home::remember_held(const std::string& peer, storage::LogId first) {
  node().stores().run(
      [owner = jid_, key = std::string(Strangers::held_since) + peer, first](storage::Stores& stores) {
        return stores.values().put(owner, Strangers::kind, key, storage::to_stanza_id(first));
      },
      [jid = jid_](const Status& stored) {
        if (!stored) log::error("held_not_stored", {{"jid", jid.text()}, {"error", stored.error().message}});
      });
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
}

// The messages of one who is no stranger any more, in order; what he sends meanwhile is held behind them.
void Home::release_held(const std::string& peer) {
  const auto held = strangers.held.find(peer);
  if (held == strangers.held.end() || held->second.releasing) return;
  const auto can_take = [](const Session* session) { return session->available && session->priority >= 0; };
  if (std::ranges::none_of(sessions(), can_take)) return;  // stranger_news() comes back to it
  held->second.releasing = true;
  // Nothing is committed beyond what a query sees then.
  when_committed([this, peer, after = held->second.first - 1] { read_held(peer, after); });
}

void Home::read_held(const std::string& peer, storage::LogId after) {
  if (abandoned_) return;
  storage::ArchiveQuery query;
  query.owner = jid_.text();
  query.with = peer;
  query.after = after;
  query.limit = page_entries;
  ++loads_pending_;
  node().read_log([query](const storage::MessageLog& log) { return log.query(query); },
                  [this, peer](Result<storage::ArchivePage> page) {
                    --loads_pending_;
                    const auto held = strangers.held.find(peer);
                    if (abandoned_ || held == strangers.held.end()) return;
                    if (!page) {
                      log::error("held_not_read", {{"jid", jid_.text()}, {"error", page.error().message}});
                      held->second.releasing = false;
                      return;
                    }
                    send_held(peer, *page);
                  });
}

void Home::send_held(const std::string& peer, const storage::ArchivePage& page) {
  for (const auto& entry : page.entries) {
    if ((entry.flags & storage::LogEntry::outgoing) != 0) continue;
    for (Session* session : sessions()) {
      if (session->available && session->priority >= 0) session->send(late_copy(entry));
    }
  }
  const storage::LogId read_to = page.entries.empty() ? strangers.held[peer].last : page.entries.back().id;
  if (page.complete && read_to >= strangers.held[peer].last) return forget_held(peer);
  when_committed([this, peer, read_to] { read_held(peer, read_to); });
}

}  // namespace rookery::server
