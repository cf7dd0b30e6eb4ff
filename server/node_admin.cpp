// What rookeryctl asks. Runs on the admin socket's thread: it waits for the loops and the store, they never for it.
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <future>

#include "server/accounts.h"
#include "server/admin/account_tasks.h"
#include "server/admin/backup.h"
#include "server/admin/online_users.h"
#include "server/admin/session_line.h"
#include "server/cluster/cluster.h"
#include "server/edge/connection_limits.h"
#include "server/home/homes.h"
#include "server/node.h"
#include "server/reports.h"
#include "server/s2s/federation.h"
#include "server/task.h"
#include "xmpp/namespaces.h"

namespace rookery::server {

namespace {

std::string no_answer(const std::string& account) {
  return "error: the node that serves " + account + " does not answer\n";
}

std::string answer(const Status& status) { return status ? "ok\n" : "error: " + status.error().message + "\n"; }

/// Runs on a loop, waits for the answer.
template <typename Function>
auto ask(Loop& loop, Function function) {
  std::promise<decltype(function())> promise;
  auto future = promise.get_future();
  loop.post([&promise, &function] { promise.set_value(function()); });
  return future.get();
}

/// Of an account that is no more.
void end_subscription(Node& node, const std::string& type, const xmpp::Jid& from, const xmpp::Jid& to) {
  auto presence = xmpp::Element::make("presence", xmpp::ns::client);
  presence->set_attr("type", type).set_attr("from", from.text()).set_attr("to", to.text());
  node.router().route(
      {.from = from, .to = to, .stanza = std::move(presence), .sent_copy = {}, .seen = {}, .sender = {}});
}

template <typename Value>
Task<void> fulfil(Task<Value> task, std::promise<Value>& promise) {
  auto value = co_await task;
  promise.set_value(std::move(value));
}

/// Does a task on a loop, waits for its value.
template <typename Value>
Value wait_for(Loop& loop, Task<Value> task) {
  std::promise<Value> promise;
  auto future = promise.get_future();
  loop.post([&promise, &task] { spawn(fulfil(std::move(task), promise), "admin"); });
  return future.get();
}

}  // namespace

std::string Node::admin(const std::vector<std::string>& words, const std::string& password) {
  if (words.empty()) return "error: no command\n";
  const auto& command = words[0];
  if (command == "account" && words.size() >= 2) return admin_account(words, password);
  if (command == "invite") return admin_invite(words);
  if (command == "sessions") return admin_sessions(words.size() > 1 ? words[1] : "");
  if (command == "kick" && words.size() >= 2) return admin_kick(words);
  if (command == "s2s") return federation_->describe();
  if (command == "cluster")
    return cluster_ ? cluster_->describe() : "error: this node is alone: cluster.nats is not set\n";
  if (command == "drain" || command == "undrain") {
    return cluster_ ? answer(cluster_->set_draining(command == "drain"))
                    : "error: this node is alone: cluster.nats is not set\n";
  }
  if (command == "backup" && words.size() == 2) {
    const Status copied = back_up(*this, words[1]);
    const std::string rest = not_backed_up(config_);
    return (copied && !rest.empty() ? rest + "\n" : "") + answer(copied);
  }
  if (command == "reports") return admin_reports(*this, words);
  if (command == "reload") return answer(reload());
  if (command == "stats") {
    uint64_t messages = 0;
    for (auto& loop : loops_) messages += ask(*loop, [&] { return loop->counters().messages; });
    const auto uptime = std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - started_at_);
    return "uptime_seconds " + std::to_string(uptime.count()) + "\nconnections " + std::to_string(connections) +
           "\nunauthenticated " + std::to_string(limits_->count()) + "\nevicted " + std::to_string(limits_->evicted()) +
           "\nreading_pauses " + std::to_string(reading_pauses) + "\nlogins " + std::to_string(logins) +
           "\nfailed_logins " + std::to_string(failed_logins) + "\nmessages " + std::to_string(messages) +
           "\nlog_healthy " + (log_->healthy() ? "yes" : "no") + "\nstore_healthy " +
           (stores_healthy() ? "yes" : "no") + "\nok\n";
  }
  if (command == "stop") {
    kill(getpid(), SIGTERM);
    return "ok\n";
  }
  return "error: unknown command \"" + command + "\"\n";
}

std::string Node::admin_account(const std::vector<std::string>& words, const std::string& password) {
  const auto& verb = words[1];
  const auto on_store = [this](auto work) {
    auto promise = std::make_shared<std::promise<StoreWorker::ResultOf<decltype(work)>>>();
    auto future = promise->get_future();
    stores().run(std::move(work), [promise](auto result) { promise->set_value(std::move(result)); });
    return future.get();
  };
  if (verb == "list") {
    const auto jids = on_store([domain = words.size() > 2 ? words[2] : config_.domains.front()](
                                   storage::Stores& stores) { return stores.accounts().list(domain, "", 1'000'000); });
    if (!jids) return "error: " + jids.error().message + "\n";
    std::string out;
    for (const auto& jid : *jids) out += jid.text() + "\n";
    return out + "ok\n";
  }
  if (words.size() < 3) return "error: which account?\n";
  const auto jid = xmpp::Jid::parse(words[2]);
  if (!jid || !jid->is_bare() || !jid->has_local()) return "error: \"" + words[2] + "\" is not an account's address\n";
  if (!router_.is_local_domain(jid->domain()))
    return "error: " + std::string(jid->domain()) + " is not one of this server's domains\n";
  if (verb == "add" || verb == "set-password") {
    const auto keys =
        derive_keys(password, config_.scram_iterations);  // here: this thread may take its time, the store's not
    if (!keys) return answer(std::unexpected<Error>(keys.error()));
    return answer(on_store([&](storage::Stores& stores) {
      return verb == "add" ? create_account(stores, *jid, *keys) : change_password(stores, *jid, *keys);
    }));
  }
  if (verb == "disable" || verb == "enable") {
    const Status done =
        on_store([&](storage::Stores& stores) { return stores.accounts().set_disabled(*jid, verb == "disable"); });
    if (done && verb == "disable") admin_kick({"kick", jid->text()});
    return answer(done);
  }
  if (verb == "delete") {
    Loop& loop = router_.owner(jid->text());
    const Status done = wait_for(loop, delete_account(*this, *jid));
    ask(loop, [] { return true; });  // the sessions have ended
    return answer(done);
  }
  return "error: unknown command \"account " + verb + "\"\n";
}

/// Wherever in the network they are.
OnlineUsers Node::sessions_of(const xmpp::Jid& account) {
  return wait_for(*loops_.front(), online_users(*this, {.domain = std::string(account.domain()),
                                                        .group = OnlineQuery::Group::all,
                                                        .named = 0,
                                                        .account = account.bare(),
                                                        .is_described = true}));
}

std::string Node::admin_sessions(const std::string& filter) {
  std::string out;
  if (!filter.empty()) {
    const auto jid = xmpp::Jid::parse(filter);
    if (!jid || !jid->has_local()) return "error: \"" + filter + "\" is not an account's address\n";
    const OnlineUsers users = sessions_of(*jid);
    for (const auto& line : users.lines) out += line + "\n";
    return out + (users.answered.is_all() ? "ok\n" : no_answer(filter));
  }
  for (auto& loop : loops_) {
    out += ask(*loop, [&] {
      std::string lines;
      for (Home* home : homes(*loop).loaded()) {
        for (Session* session : home->sessions()) lines += session_line(*session) + "\n";
      }
      return lines;
    });
  }
  return out + "ok\n";
}

std::string Node::admin_kick(const std::vector<std::string>& words) {
  const auto jid = xmpp::Jid::parse(words[1]);
  if (!jid || !jid->has_local()) return "error: \"" + words[1] + "\" is not an account's address\n";
  const OnlineUsers users = sessions_of(*jid);
  if (!users.answered.is_all()) return no_answer(words[1]);
  const bool is_there = std::ranges::any_of(
      users.lines, [&](const std::string& line) { return jid->is_bare() || line.starts_with(jid->text() + " "); });
  if (!is_there) return "error: nobody is connected as " + words[1] + "\n";
  std::string reason;
  for (size_t i = 2; i < words.size(); ++i) reason += (i > 2 ? " " : "") + words[i];
  if (!sent_to_owner(*jid, "kick " + jid->text() + " " + reason))
    ask(router_.owner(jid->bare_text()), [&] { return kick_here(*jid, reason); });
  return "ok\n";
}

size_t Node::kick_here(const xmpp::Jid& jid, const std::string& reason) {
  Home* home = homes().find_loaded(jid);
  if (home == nullptr) return 0;
  size_t ended = 0;
  for (Session* session : home->sessions()) {
    if (!jid.is_bare() && session->jid() != jid) continue;
    session->end({.condition = xmpp::StreamCondition::policy_violation, .text = reason, .application = {}});
    ++ended;
  }
  return ended;
}

void Node::delete_here(const xmpp::Jid& jid) {
  homes().forget(jid);
  homes().batch().purged.push_back(jid.text());
}

bool Node::sent_to_owner(const xmpp::Jid& jid, std::string command) {
  const uint32_t shard = shard_of(jid.bare_text());
  if (!cluster_ || cluster_->owns(shard)) return false;
  Loop& loop = *loops_.front();
  ask(loop,
      [&] { return cluster_->port(loop).send_to_shard(shard, cluster::Topic::command, std::move(command)), true; });
  return true;
}

void Node::tell_owner(const xmpp::Jid& jid, std::string command) {
  const uint32_t shard = shard_of(jid.bare_text());
  if (!cluster_ || cluster_->owns(shard)) {
    return router_.owner(jid.bare_text()).post([this, command = std::move(command)] { command_from_node(command); });
  }
  Loop& loop = *loops_.front();
  loop.post([this, &loop, shard, command = std::move(command)]() mutable {
    cluster_->port(loop).send_to_shard(shard, cluster::Topic::command, std::move(command));
  });
}

bool Node::is_admin(const xmpp::Jid& jid) const {
  return std::ranges::find(config_.admins, jid.bare_text()) != config_.admins.end();
}

void Node::command_from_node(const std::string& words) {
  const size_t space = words.find(' ');
  if (space == std::string::npos) return;
  const std::string verb = words.substr(0, space);
  const size_t end = words.find(' ', space + 1);
  const auto jid = xmpp::Jid::parse(words.substr(space + 1, end == std::string::npos ? end : end - space - 1));
  if (!jid) return;
  const std::string rest = end == std::string::npos ? std::string() : words.substr(end + 1);
  if (verb == "kick") kick_here(*jid, rest);
  if (verb == "delete") delete_here(*jid);
  const auto other = xmpp::Jid::parse(rest);
  if (!other) return;
  if (verb == "befriend") {
    homes().with_home(*jid, [other = *other](Home* home) {
      if (home != nullptr) home->befriend(other);
    });
  }
  // Of a deleted account; a room hears of it behind the end of the sessions.
  if (verb == "unsubscribe" || verb == "unsubscribed") end_subscription(*this, verb, *jid, *other);
  if (verb == "leave") tell_owner(*other, "left " + other->text() + " " + jid->text());
  if (verb == "left") {
    for (const auto& hook : features_.member_deleted) hook(*jid, *other);
  }
}

}  // namespace rookery::server
