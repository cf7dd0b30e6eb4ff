#include "server/home/homes.h"

#include "server/accounts.h"
#include "server/cluster/cluster.h"
#include "server/log.h"
#include "server/node.h"
#include "server/routing/fan_out.h"
#include "xmpp/namespaces.h"
#include "xmpp/payloads/payload.h"
#include "xmpp/stream_parser.h"

namespace rookery::server {

namespace {

constexpr size_t most_commits_in_flight = 64;  // more than that and reading waits for the disk
constexpr size_t most_store_jobs = 4096;       // the same for what is asked of the stores
constexpr auto commit_check = std::chrono::milliseconds(2);
constexpr auto sweep_interval = std::chrono::seconds(1);
constexpr int sweeps_between_checks = 5;
constexpr auto load_retry = std::chrono::milliseconds(200);
constexpr int most_load_attempts = 5;  // that fail although the disk is said to be well
constexpr auto idle_home_lifetime = std::chrono::seconds(60);

// <prefs default='roster'><always><jid/>…</always><never>…</never></prefs>, as XEP-0313 §7 writes it.
void read_archive_prefs(const std::string& xml, HomeData& data) {
  const auto prefs = xmpp::parse_own(xml);
  if (!prefs) return;
  data.archive.by_default = std::string((*prefs)->attr("default"));
  for (const auto& list : (*prefs)->elements()) {
    auto& target = list.name() == "always" ? data.archive.always : data.archive.never;
    for (const auto& jid : list.elements()) target.insert(jid.text());
  }
}

Result<HomeData> read_home(storage::Stores& stores, storage::MessageLog& log, const xmpp::Jid& bare) {
  const auto exists = stores.accounts().exists(bare);
  if (!exists) return std::unexpected<Error>(exists.error());
  if (!*exists) return fail(Failure::not_found, "no such account");
  HomeData data;
  const auto is_new = stores.values().get(bare, new_log_kind, "");
  if (!is_new) return std::unexpected<Error>(is_new.error());
  data.has_new_log = is_new->has_value();
  auto roster = stores.rosters().load(bare);
  if (!roster) return std::unexpected<Error>(roster.error());
  data.roster = std::move(*roster);
  auto inbox = log.load(bare.text());
  if (!inbox) return std::unexpected<Error>(inbox.error());
  data.inbox = *inbox;
  const auto blocked = stores.values().all(bare, "blocking");
  if (!blocked) return std::unexpected<Error>(blocked.error());
  for (const auto& [jid, unused] : *blocked) data.blocked.push_back(jid);
  const auto prefs = stores.values().get(bare, "mam-prefs", "");
  if (!prefs) return std::unexpected<Error>(prefs.error());
  if (*prefs) read_archive_prefs(**prefs, data);
  auto avatar = stores.values().get(bare, "avatar", "");
  if (!avatar) return std::unexpected<Error>(avatar.error());
  auto push = stores.push().list(bare);
  if (!push) return std::unexpected<Error>(push.error());
  data.push = std::move(*push);
  data.avatar = std::move(*avatar).value_or(std::string());
  const auto strangers = stores.values().all(bare, Strangers::kind);
  if (!strangers) return std::unexpected<Error>(strangers.error());
  data.strangers = Strangers(*strangers);
  const auto quarantine = stores.values().get(bare, quarantine_kind, "");
  if (!quarantine) return std::unexpected<Error>(quarantine.error());
  const auto until = *quarantine ? xmpp::parse_unsigned(**quarantine, 1ull << 40) : std::nullopt;
  if (until) data.quarantine = Quarantine(storage::TimePoint(std::chrono::seconds(*until)));
  return data;
}

}  // namespace

Homes::Homes(Node& node, Loop& loop) : node_(node), loop_(loop) {
  loop_.after(sweep_interval, [this] { sweep(); });
}
Homes::~Homes() { homes_.clear(); }  // sessions write their end into the batch: it goes after them

Home* Homes::find_loaded(const xmpp::Jid& bare) {
  const auto found = homes_.find(bare.bare_text());
  return found == homes_.end() ? nullptr : found->second.get();
}

void Homes::with_home(const xmpp::Jid& bare, std::move_only_function<void(Home*)> then) {
  if (Home* home = find_loaded(bare)) {
    home->last_used = loop_.now();
    return then(home);
  }
  if (!owns(bare.bare_text())) return then(nullptr);
  const std::string key(bare.bare_text());
  auto [loading, is_new] = loading_.try_emplace(key);
  loading->second.waiting.push_back(std::move(then));
  if (!is_new) return;
  loading->second.serial = ++last_loading_;
  load(bare.bare(), loading->second.serial);
}

void Homes::load(const xmpp::Jid& bare, uint64_t serial, int attempt) {
  const auto loading = loading_.find(bare.text());
  if (loading == loading_.end() || loading->second.serial != serial) return;  // moved away, and perhaps here again
  if (!has_all_of_dropped()) {
    loop_.after(commit_check, [this, bare, serial, attempt] { load(bare, serial, attempt); });
    return;
  }
  node_.stores().read([bare, &log = node_.log()](storage::Stores& stores) { return read_home(stores, log, bare); },
                      [this, bare, serial, attempt, generation = generation_](Result<HomeData> data) {
                        const auto still = loading_.find(bare.text());
                        if (still == loading_.end() || still->second.serial != serial) return;
                        if (generation != generation_) return load(bare, serial, attempt);
                        if (!data && data.error().failure != Failure::not_found) {
                          log::error("home_not_loaded", {{"jid", bare.text()}, {"error", data.error().message}});
                          // REQUIREMENTS 21: that the disk fails says nothing about the account: those who wait must
                          // not hear that there is none.
                          const bool is_well = node_.stores().healthy() && node_.log().healthy();
                          if (!is_well || attempt < most_load_attempts) {
                            loop_.after(load_retry, [this, bare, serial, next = is_well ? attempt + 1 : attempt] {
                              load(bare, serial, next);
                            });
                            return;
                          }
                        }
                        if (data && data->has_new_log) return empty_log(bare, serial);
                        loaded_home(bare, std::move(data));
                      });
}

void Homes::empty_log(const xmpp::Jid& bare, uint64_t serial) {
  storage::LogBatch batch;
  batch.purged.push_back(bare.text());
  if (!epochs_.empty()) add_fences(batch);
  const auto load_again = [this, bare, serial](const Status& done) {
    if (done) return load(bare, serial);
    log::error("log_not_emptied", {{"jid", bare.text()}, {"error", done.error().message}});
    loop_.after(load_retry, [this, bare, serial] { load(bare, serial); });
  };
  node_.log().commit(std::move(batch), [this, bare, load_again](Status purged) {
    loop_.post([this, bare, load_again, purged] {
      if (!purged) return load_again(purged);
      node_.stores().run([bare](storage::Stores& stores) { return stores.values().remove(bare, new_log_kind, ""); },
                         load_again);
    });
  });
}

void Homes::loaded_home(const xmpp::Jid& bare, Result<HomeData> data) {
  auto waiting = std::move(loading_[bare.text()].waiting);
  loading_.erase(bare.text());
  Home* home = nullptr;
  if (data) {
    home = (homes_[bare.text()] = std::make_unique<Home>(*this, bare, std::move(*data))).get();
    home->last_used = loop_.now();
  }
  for (auto& then : waiting) {
    Job tell = [&] { then(home); };
    run_guarded(tell);
  }
}

void Homes::receive(Envelope envelope) {
  if (Home* home = find_loaded(envelope.to)) {
    home->last_used = loop_.now();
    return deliver(home, std::move(envelope));
  }
  if (!owns(envelope.to.bare_text())) return node_.router().route_anew(std::move(envelope));
  const xmpp::Jid bare = envelope.to.bare();
  with_home(bare, [this, envelope = std::move(envelope)](Home* home) mutable {
    // That a home has moved says nothing about the account.
    if (home == nullptr && !owns(envelope.to.bare_text())) return node_.router().route_anew(std::move(envelope));
    deliver(home, std::move(envelope));
  });
}

void Homes::deliver(Home* home, Envelope envelope) {
  const FromAnotherNode scope(*this, envelope);
  if (home != nullptr) return home->receive(std::move(envelope));
  // RFC 6121 §8.5.1: no such user. What the sender's home wants written is written all the same.
  xmpp::StanzaError error{.condition = xmpp::Condition::service_unavailable};
  bool answers = envelope.stanza->name() != "presence";
  for (const auto& hook : node_.features().stanza_to_nobody) {
    if (auto refusal = hook(envelope)) {
      error = std::move(*refusal);
      answers = true;
    }
  }
  if (!answers) return node_.router().accept(envelope);
  node_.router().refuse(std::move(envelope), std::move(error));
}

void Homes::receive_shared(const SharedStanza& stanza, const xmpp::Jid& from, const std::vector<xmpp::Jid>& targets) {
  Envelope envelope{
      .from = from, .to = {}, .stanza = stanza.stanza().clone(), .sent_copy = {}, .seen = {}, .sender = {}};
  for (const auto& to : targets) {
    Home* home = find_loaded(to);
    if (home == nullptr) continue;
    envelope.to = to;
    home->receive_shared(envelope, stanza);
  }
}

std::vector<Home*> Homes::loaded() {
  std::vector<Home*> result;
  result.reserve(homes_.size());
  for (auto& [key, home] : homes_) result.push_back(home.get());
  return result;
}

void Homes::forget(const xmpp::Jid& bare) {
  if (Home* home = find_loaded(bare)) home->account_deleted();
  // Who gets the name next must find nothing here, and who writes to it until then is to hear that there is nobody.
  drop_homes([&](std::string_view jid) { return jid == bare.bare_text(); });
  // What is being read now may be from before.
  const auto loading = loading_.find(std::string(bare.bare_text()));
  if (loading == loading_.end()) return;
  loading->second.serial = ++last_loading_;
  load(bare.bare(), loading->second.serial);
}

storage::LogBatch& Homes::batch() {
  schedule_flush();
  return batch_;
}

bool Homes::write_for_sender(Envelope& envelope) {
  if (!envelope.sent_copy && !envelope.seen) return false;
  if (envelope.sent_copy) batch().entries.push_back(std::move(*envelope.sent_copy));
  if (envelope.seen) batch().seen.push_back(std::move(*envelope.seen));
  if (envelope.sender_fence) batch().fences.push_back(*envelope.sender_fence);
  envelope.sent_copy.reset();
  envelope.seen.reset();
  return true;
}

void Homes::after_commit(Job job) {
  schedule_flush();
  after_commit_.push_back(std::move(job));
}

void Homes::schedule_flush() {
  if (flush_scheduled_) return;
  flush_scheduled_ = true;
  loop_.at_turn_end([this] {
    if (flush_scheduled_) flush();  // unless what another node sent has flushed it already
  });
}

void Homes::flush() {
  flush_scheduled_ = false;
  ++commits_in_flight_;
  ++commits_begun_;
  storage::LogBatch batch = std::exchange(batch_, {});
  if (!epochs_.empty()) add_fences(batch);
  std::vector<std::string> owners;
  if (foreign_) {
    for (const auto& entry : batch.entries) owners.push_back(entry.owner);
  }
  LoopCounters& counters = loop_.counters();
  counters.stored += batch.entries.size();
  counters.commit_rows.add(batch.size());
  node_.log().commit(std::move(batch),
                     [this, foreign = foreign_, owners, generation = generation_, begun = Clock::now(),
                      jobs = std::make_shared<std::vector<Job>>(std::exchange(after_commit_, {}))](Status done) {
                       loop_.post([this, foreign, owners, generation, begun, jobs, done] {
                         loop_.counters().commit_time.add_time(loop_.now() - begun);
                         --commits_in_flight_;
                         ++commits_done_;
                         if (generation != generation_) return;
                         if (!done) return foreign ? sender_fenced(*foreign, owners) : commit_refused(done.error());
                         for (Job& job : *jobs) run_guarded(job);
                       });
                     });
}

bool Homes::accepts_input() const {
  if (node_.cluster() != nullptr && node_.cluster()->is_suspended()) return false;
  StoreWorker& stores = node_.stores();
  return commits_in_flight_ < most_commits_in_flight && node_.log().healthy() && stores.healthy() &&
         stores.waiting() < most_store_jobs;
}

void Homes::sweep() {
  // A turn that is not over yet may still hold jobs of theirs.
  if (commits_in_flight_ == 0 && !flush_scheduled_)
    std::erase_if(dropped_, [](const auto& home) { return !home->is_referenced(); });
  const bool checks_paths = ++sweeps_ % sweeps_between_checks == 0;
  for (auto it = homes_.begin(); it != homes_.end();) {
    it->second->flush_cursor();
    if (checks_paths) it->second->check_paths();
    const bool old = it->second->is_idle() && loop_.now() - it->second->last_used > idle_home_lifetime;
    it = old ? homes_.erase(it) : std::next(it);
  }
  loop_.after(sweep_interval, [this] { sweep(); });
}

}  // namespace rookery::server
