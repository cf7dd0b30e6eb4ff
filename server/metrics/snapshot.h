// All that is measured, at one moment, and its text.
#pragma once

#include <string>
#include <vector>

#include "server/cluster/port.h"
#include "server/counters.h"

namespace rookery::server {

class Node;

/// Of one loop, taken on it.
struct LoopFigures {
  LoopCounters counters;
  size_t mailbox = 0;
  size_t commits_in_flight = 0;
  size_t homes = 0;
  cluster::Backlog to_others;  ///< in a cluster: what other nodes have not acknowledged
};

/// Prometheus' text. Any thread while the node runs; reads files of /proc.
std::string render_metrics(Node& node, const std::vector<LoopFigures>& loops);

}  // namespace rookery::server
