// The pubsub requests that an account answers. Each answers its IQ exactly once; they are started with spawn().
#pragma once

#include "server/feature.h"
#include "server/features/pep/pep_node.h"
#include "server/task.h"
#include "xmpp/payloads/pubsub/request.h"

namespace rookery::server::pep {

/// An outcome in a peer's terms within one in the world's.
template <typename T>
using Outcome = Result<xmpp::Parsed<T>>;

/// Answers the error if there is one; true: there was.
template <typename T>
bool failed(IqRequest& request, const Outcome<T>& outcome) {
  if (!outcome) request.fail(outcome.error());
  else if (!*outcome) request.fail((*outcome).error());
  return !outcome || !*outcome;
}

// publish.cpp
Task<void> publish(IqRequest request, xmpp::pubsub::Publish wanted);
Task<void> retract(IqRequest request, xmpp::pubsub::Retract wanted);
Task<void> get_items(IqRequest request, xmpp::pubsub::GetItems wanted);

// owner.cpp: the caller has made sure that the owner asks.
Task<void> create_node(IqRequest request, xmpp::pubsub::Create wanted);
Task<void> get_config(IqRequest request, xmpp::pubsub::GetConfig wanted);
Task<void> set_config(IqRequest request, xmpp::pubsub::SetConfig wanted);
Task<void> delete_node(IqRequest request, xmpp::pubsub::Delete wanted);
Task<void> purge(IqRequest request, xmpp::pubsub::Purge wanted);
Task<void> get_affiliations(IqRequest request, xmpp::pubsub::GetNodeAffiliations wanted);
Task<void> set_affiliations(IqRequest request, xmpp::pubsub::SetNodeAffiliations wanted);

}  // namespace rookery::server::pep
