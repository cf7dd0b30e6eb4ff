#include "server/home/attach.h"

#include "server/cluster/cluster.h"
#include "server/home/bind2.h"
#include "server/home/homes.h"
#include "server/node.h"

namespace rookery::server {

namespace {

// A home moves in a second or two. Beyond, the client is told to come again.
constexpr auto ask_again_after = std::chrono::milliseconds(200);
constexpr int most_attempts = 25;

template <typename Request, typename Outcome>
void until_not_moved(std::function<void(Request, std::function<void(Outcome)>)> ask, Request request, ClientLink& link,
                     std::function<void(Outcome)> then, int attempts) {
  auto answered = [ask, request, &link, then = std::move(then), attempts](Outcome outcome) {
    if (!outcome.moved || attempts <= 1) return then(std::move(outcome));
    Loop::current()->after(ask_again_after, [=, &link] {
      if (link.is_open()) until_not_moved<Request, Outcome>(ask, request, link, then, attempts - 1);
    });
  };
  ask(std::move(request), std::move(answered));
}

bool is_here(Node& node, const xmpp::Jid& account) {
  return node.cluster() == nullptr || node.homes().owns(account.bare_text());
}

void bind_at(Homes& homes, const xmpp::Jid& account, Home* home, const BindRequest& request, ClientLink& link,
             const std::function<void(BindOutcome)>& then) {
  if (!link.is_open()) return;
  if (!homes.takes_sessions(account.bare_text())) return then({.moved = true});
  if (home == nullptr) return then({});
  if (!home->has_room_for(request.resource)) {
    return then({.refused = xmpp::StanzaError{.condition = xmpp::Condition::resource_constraint}});
  }
  then({.session = &home->bind(request.resource, link)});
}

void resume_at(Homes& homes, Home* home, const xmpp::Jid& account, const ResumeRequest& request, ClientLink& link,
               std::function<void(ResumeOutcome)> then) {
  if (!link.is_open()) return;
  if (!homes.takes_sessions(account.bare_text())) return then({.moved = true});
  if (home == nullptr) return then({.known_account = false});
  Session* session = home->find_resumable(request.previous);
  if (session == nullptr) {
    // The session died with its home: what was durable is known all the same (REQUIREMENTS 23).
    auto ask = [owner = account.text(), id = request.previous](storage::MessageLog& log) {
      return log.counter(owner, id);
    };
    return home->node().read_log(std::move(ask),
                                 [&link, then = std::move(then)](Result<std::optional<uint32_t>> counter) {
                                   if (!link.is_open()) return;
                                   // Without the count the client could only guess what arrived: it comes back when the
                                   // database answers.
                                   if (!counter) return then({.moved = true});
                                   then({.handled = *counter});
                                 });
  }
  if (!session->is_settled()) {
    // h is exact only when nothing is on its way to the disk; a commit takes milliseconds.
    session->settle();
    homes.loop().after(std::chrono::milliseconds(2),
                       [&homes, account, request, &link, then = std::move(then)]() mutable {
                         if (link.is_open()) resume_here(homes, account, request, link, std::move(then));
                       });
    return;
  }
  if (!session->is_plausible(request.handled)) return then({.error = session->acknowledged_too_much(request.handled)});
  std::string resumed = session->resume(link, request.handled);
  then({.session = session, .resumed = std::move(resumed)});
}

}  // namespace

void bind_here(Homes& homes, const xmpp::Jid& account, BindRequest request, ClientLink& link,
               std::function<void(BindOutcome)> then) {
  if (!request.options.empty()) return bind2(homes, account, std::move(request), link, std::move(then));
  homes.with_home(account, [&homes, account, request = std::move(request), &link, then = std::move(then)](Home* home) {
    bind_at(homes, account, home, request, link, then);
  });
}

void resume_here(Homes& homes, const xmpp::Jid& account, ResumeRequest request, ClientLink& link,
                 std::function<void(ResumeOutcome)> then) {
  homes.with_home(account, [&homes, account, request = std::move(request), &link, then = std::move(then)](Home* home) {
    resume_at(homes, home, account, request, link, then);
  });
}

void bind_session(Node& node, const xmpp::Jid& account, BindRequest request, ClientLink& link,
                  std::function<void(BindOutcome)> then) {
  const auto ask = [&node, account, &link](BindRequest again, std::function<void(BindOutcome)> answer) {
    if (is_here(node, account)) return bind_here(node.homes(), account, std::move(again), link, std::move(answer));
    node.cluster()->links().bind(account, std::move(again), link, std::move(answer));
  };
  until_not_moved<BindRequest, BindOutcome>(ask, std::move(request), link, std::move(then), most_attempts);
}

void resume_session(Node& node, const xmpp::Jid& account, ResumeRequest request, ClientLink& link,
                    std::function<void(ResumeOutcome)> then) {
  const auto ask = [&node, account, &link](ResumeRequest again, std::function<void(ResumeOutcome)> answer) {
    if (is_here(node, account)) return resume_here(node.homes(), account, std::move(again), link, std::move(answer));
    node.cluster()->links().resume(account, std::move(again), link, std::move(answer));
  };
  until_not_moved<ResumeRequest, ResumeOutcome>(ask, std::move(request), link, std::move(then), most_attempts);
}

}  // namespace rookery::server
