#include "server/admin/online_users.h"

#include <algorithm>
#include <iterator>

#include "server/admin/session_line.h"
#include "server/cluster/cluster.h"
#include "server/node.h"
#include "server/on_loop.h"
#include "xmpp/namespaces.h"

namespace rookery::server {

namespace {

/// What is in `<show/>` of a presence that the server has serialised.
bool is_away(const std::string& presence) {
  return presence.find("<show>away</show>") != std::string::npos ||
         presence.find("<show>xa</show>") != std::string::npos;
}

enum class State { offline, active, idle };

State state_of(Home& home) {
  State state = State::offline;
  for (const Session* session : home.sessions()) {
    if (!session->available) continue;
    if (!is_away(session->presence)) return State::active;
    state = State::idle;
  }
  return state;
}

bool is_of(OnlineQuery::Group group, State state) {
  return group == OnlineQuery::Group::all || (state == State::idle) == (group == OnlineQuery::Group::idle);
}

std::vector<Home*> asked_for(Homes& homes, const OnlineQuery& query) {
  if (query.account.empty()) return homes.loaded();
  Home* home = homes.find_loaded(query.account);
  return home == nullptr ? std::vector<Home*>() : std::vector<Home*>{home};
}

void add_sessions(OnlineUsers& users, Home& home) {
  for (Session* session : home.sessions()) {
    users.resources.emplace_back(session->jid().resource());
    users.addresses.push_back(session->link() != nullptr ? session->link()->peer_address() : "");
  }
}

OnlineUsers online_on(Homes& homes, const OnlineQuery& query) {
  OnlineUsers found;
  std::vector<const xmpp::Jid*> group;
  for (Home* home : asked_for(homes, query)) {
    if (home->jid().domain() != query.domain) continue;
    if (query.is_described) {
      for (Session* session : home->sessions()) found.lines.push_back(session_line(*session));
    }
    const State state = state_of(*home);
    if (state == State::offline) continue;
    ++found.count;
    if (state == State::idle) ++found.idle;
    if (query.named > 0 && is_of(query.group, state)) group.push_back(&home->jid());
    if (!query.account.empty()) add_sessions(found, *home);
  }
  const auto end = group.begin() + static_cast<ptrdiff_t>(std::min(query.named, group.size()));
  std::ranges::partial_sort(group, end, {}, [](const xmpp::Jid* jid) -> const std::string& { return jid->text(); });
  std::ranges::transform(group.begin(), end, std::back_inserter(found.accounts), [](const auto* jid) { return *jid; });
  return found;
}

/// Of two loops or nodes. Each account has one home, so nobody is in both.
void add(OnlineUsers& all, OnlineUsers some, const OnlineQuery& query) {
  all.count += some.count;
  all.idle += some.idle;
  std::ranges::move(some.accounts, std::back_inserter(all.accounts));
  std::ranges::sort(all.accounts);
  if (all.accounts.size() > query.named) all.accounts.resize(query.named);
  std::ranges::move(some.resources, std::back_inserter(all.resources));
  std::ranges::move(some.addresses, std::back_inserter(all.addresses));
  std::ranges::move(some.lines, std::back_inserter(all.lines));
}

size_t announce_on(Homes& homes, const Announcement& announcement) {
  size_t reached = 0;
  const auto message = announcement.to_headline();
  for (Home* home : homes.loaded()) {
    if (home->jid().domain() != announcement.domain) continue;
    for (Session* session : home->sessions()) {
      if (!session->available) continue;  // only to those who are here now: it is no headline that waits
      message->set_attr("to", session->jid().text());
      session->send(*message);
      ++reached;
    }
  }
  return reached;
}

}  // namespace

std::string Answered::note() const {
  if (is_all()) return {};
  return std::to_string(answered) + " of " + std::to_string(asked) + " nodes have answered";
}

size_t OnlineUsers::count_of(OnlineQuery::Group group) const {
  if (group == OnlineQuery::Group::idle) return idle;
  return group == OnlineQuery::Group::active ? count - idle : count;
}

Task<OnlineUsers> online_here(Node& node, OnlineQuery query) {
  OnlineUsers all;
  for (auto& loop : node.loops()) {
    auto asking = on_loop(*loop, [&homes = node.homes(*loop), &query] { return online_on(homes, query); });
    auto some = co_await asking;
    add(all, std::move(some), query);
  }
  co_return all;
}

Task<OnlineUsers> online_users(Node& node, OnlineQuery query) {
  auto looking = online_here(node, query);
  if (node.cluster() == nullptr) {
    auto here = co_await looking;
    co_return here;
  }
  auto question = node.cluster()->surveys().ask(query);
  auto all = co_await looking;
  auto answers = co_await question;
  all.answered = {.asked = question.asked() + 1, .answered = answers.size() + 1};
  for (auto& answer : answers) add(all, std::move(answer.users), query);
  co_return all;
}

xmpp::ElementPtr Announcement::to_headline() const {
  auto message = xmpp::Element::make("message", xmpp::ns::client);
  message->set_attr("type", "headline").set_attr("from", domain);
  if (!subject.empty()) message->add_text_child("subject", subject);
  message->add_text_child("body", text);
  return message;
}

Task<size_t> announce_here(Node& node, Announcement announcement) {
  size_t reached = 0;
  for (auto& loop : node.loops()) {
    auto asking =
        on_loop(*loop, [&homes = node.homes(*loop), &announcement] { return announce_on(homes, announcement); });
    reached += co_await asking;
  }
  co_return reached;
}

Task<Announced> announce_to_all(Node& node, Announcement announcement) {
  auto announcing = announce_here(node, announcement);
  if (node.cluster() == nullptr) {
    const size_t reached = co_await announcing;
    co_return Announced{.sessions = reached, .answered = {}};
  }
  auto question = node.cluster()->surveys().ask(announcement);
  Announced all;
  all.sessions = co_await announcing;
  const auto answers = co_await question;
  all.answered = {.asked = question.asked() + 1, .answered = answers.size() + 1};
  for (const auto& answer : answers) all.sessions += answer.reached;
  co_return all;
}

}  // namespace rookery::server
