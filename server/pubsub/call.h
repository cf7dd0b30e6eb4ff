// One request to a node as the store's worker sees it, and what all handlers share.
#pragma once

#include <optional>

#include "server/pubsub/access.h"
#include "server/pubsub/effects.h"
#include "xmpp/payloads/pubsub/request.h"

namespace rookery::server::pubsub {

struct Call {
  const xmpp::Element& iq;
  const xmpp::Jid& owner;    ///< of the nodes: an account or a service
  const Viewer& viewer;      ///< who asks
  uint64_t quota_bytes = 0;  ///< of the items of one account, or of one creator at a service; 0: no limit
};

/// The answer to the iq (an error where it carries more than its condition), and what others are told.
struct Answer {
  xmpp::ElementPtr iq;
  Effects effects;
  bool is_empty = false;  ///< tells of nothing there: for a stranger no answer (REQUIREMENTS 16)
};

/// A failure of either kind on its way into another Outcome: `if (auto bad = problem(x)) return bad->as<Answer>();`
struct Problem {
  std::optional<Error> error;
  std::optional<xmpp::StanzaError> refusal;
  template <typename T>
  Outcome<T> as() const {
    if (error) return std::unexpected<Error>(*error);
    return refused<T>(*refusal);
  }
};
template <typename T>
std::optional<Problem> problem(const std::expected<T, Error>& result) {
  if (result) return std::nullopt;
  return Problem{result.error(), {}};
}
template <typename T>
std::optional<Problem> problem(const xmpp::Parsed<T>& result) {
  if (result) return std::nullopt;
  return Problem{{}, result.error()};
}
template <typename T>
std::optional<Problem> problem(const std::expected<xmpp::Parsed<T>, Error>& outcome) {
  if (!outcome) return Problem{outcome.error(), {}};
  return problem(*outcome);
}

/// A node that exists, and what the caller is to it.
struct Visit {
  Leaf leaf;
  Viewer viewer;
  Affiliation affiliation = Affiliation::none;
  bool is_subscribed = false;
  bool is_pending = false;
};
/// item-not-found when there is no such node.
Outcome<Visit> visit(storage::Stores& stores, const Call& call, std::string_view node);
/// The same for owners: forbidden for others. What is done here makes an owner answer for a node whose creator has
/// gone.
Outcome<Visit> visit_as_owner(storage::Stores& stores, const Call& call, std::string_view node);

/// XEP-0060: feature-not-implemented with `<unsupported feature='…'/>`.
xmpp::StanzaError unsupported(std::string_view feature);

namespace wire = xmpp::pubsub;

// The handlers, all on the worker. publish.cpp
Outcome<Answer> handle(storage::Stores& stores, const Call& call, const wire::Publish& wanted);
Outcome<Answer> handle(storage::Stores& stores, const Call& call, const wire::Retract& wanted);
// items.cpp
Outcome<Answer> handle(storage::Stores& stores, const Call& call, const wire::GetItems& wanted);
// subscribe.cpp
Outcome<Answer> handle(storage::Stores& stores, const Call& call, const wire::Subscribe& wanted);
Outcome<Answer> handle(storage::Stores& stores, const Call& call, const wire::Unsubscribe& wanted);
// subscriber.cpp
Outcome<Answer> handle(storage::Stores& stores, const Call& call, const wire::GetSubscriptions& wanted);
Outcome<Answer> handle(storage::Stores& stores, const Call& call, const wire::GetAffiliations& wanted);
Outcome<Answer> handle(storage::Stores& stores, const Call& call, const wire::GetOptions& wanted);
Outcome<Answer> handle(storage::Stores& stores, const Call& call, const wire::SetOptions& wanted);
Outcome<Answer> handle(storage::Stores& stores, const Call& call, const wire::GetDefaultOptions& wanted);
// owner.cpp
Outcome<Answer> handle(storage::Stores& stores, const Call& call, const wire::Create& wanted);
Outcome<Answer> handle(storage::Stores& stores, const Call& call, const wire::GetConfig& wanted);
Outcome<Answer> handle(storage::Stores& stores, const Call& call, const wire::SetConfig& wanted);
Outcome<Answer> handle(storage::Stores& stores, const Call& call, const wire::GetDefaultConfig& wanted);
Outcome<Answer> handle(storage::Stores& stores, const Call& call, const wire::Delete& wanted);
Outcome<Answer> handle(storage::Stores& stores, const Call& call, const wire::Purge& wanted);
// manage.cpp
Outcome<Answer> handle(storage::Stores& stores, const Call& call, const wire::GetNodeSubscriptions& wanted);
Outcome<Answer> handle(storage::Stores& stores, const Call& call, const wire::SetNodeSubscriptions& wanted);
Outcome<Answer> handle(storage::Stores& stores, const Call& call, const wire::GetNodeAffiliations& wanted);
Outcome<Answer> handle(storage::Stores& stores, const Call& call, const wire::SetNodeAffiliations& wanted);

}  // namespace rookery::server::pubsub
