// The monitoring listener: /metrics for Prometheus, /healthz and /readyz for whoever starts processes and spreads
// clients.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "server/http/http_server.h"
#include "server/metrics/snapshot.h"
#include "server/worker_pool.h"

namespace rookery::server {

class Metrics {
 public:
  explicit Metrics(Node& node);
  /// Listens where [metrics] says. REQUIREMENTS 27: /metrics asks for the token as soon as there is one.
  Status open();

 private:
  using Connection = std::shared_ptr<HttpConnection>;
  void serve_metrics(const Connection& connection);
  void serve_health(const Connection& connection);
  void serve_readiness(const Connection& connection);
  bool may_read(const HttpRequest& request) const;
  /// Asks every loop for its figures; `then` runs on the calling loop when all have answered.
  void gather(std::function<void(std::shared_ptr<const std::vector<LoopFigures>>)> then);

  Node& node_;
  HttpServer http_;
  std::string token_;
  WorkerPool renderer_{1, 8};  ///< text and /proc: nothing that a loop should wait for
};

}  // namespace rookery::server
