#include "server/metrics/metrics.h"

#include <algorithm>
#include <atomic>
#include <fstream>
#include <iterator>

#include "crypto/hash.h"
#include "server/cluster/cluster.h"
#include "server/home/homes.h"
#include "server/node.h"

namespace rookery::server {

namespace {

constexpr size_t least_token_size = 16;

Result<std::string> read_token(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::string token{std::istreambuf_iterator<char>(file), {}};
  while (!token.empty() && (token.back() == '\n' || token.back() == '\r' || token.back() == ' ')) token.pop_back();
  if (!file || token.size() < least_token_size) {
    return fail(Failure::invalid, "metrics.token_file: " + path.string() + " holds no token of at least " +
                                      std::to_string(least_token_size) + " characters");
  }
  return token;
}

HttpResponse plain(int status, std::string body) {
  HttpResponse response{.status = status,
                        .headers = {{"Content-Type", "text/plain; charset=utf-8"}, {"Cache-Control", "no-store"}},
                        .body = std::move(body)};
  return response;
}

}  // namespace

Metrics::Metrics(Node& node) : node_(node), http_(node) {
  const auto serve = [this](std::string path, void (Metrics::*handler)(const Connection&)) {
    http_.serve(std::move(path), [this, handler](const Connection& connection) {
      const auto& method = connection->request().method;
      if (method != "GET" && method != "HEAD")
        return connection->respond(plain(405, "GET or HEAD\n").with("Allow", "GET, HEAD"));
      (this->*handler)(connection);
    });
  };
  serve("/metrics", &Metrics::serve_metrics);
  serve("/healthz", &Metrics::serve_health);
  serve("/readyz", &Metrics::serve_readiness);
}

Status Metrics::open() {
  const Config& config = node_.config();
  if (config.metrics.empty()) return {};
  if (!config.metrics_token_file.empty()) {
    auto token = read_token(config.metrics_token_file);
    if (!token) return std::unexpected<Error>(token.error());
    token_ = std::move(*token);
  }
  return http_.listen(config.metrics, config.metrics_tls);
}

bool Metrics::may_read(const HttpRequest& request) const {
  // RFC 6750 §2.1; the scheme's name is compared in any case (RFC 9110 §11.1).
  constexpr std::string_view scheme = "bearer ";
  const std::string_view given = request.header("authorization");
  const bool is_bearer =
      given.size() > scheme.size() && std::ranges::equal(given.substr(0, scheme.size()), scheme, {}, [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
      });
  return token_.empty() || (is_bearer && crypto::equal_in_constant_time(given.substr(scheme.size()), token_));
}

void Metrics::gather(std::function<void(std::shared_ptr<const std::vector<LoopFigures>>)> then) {
  struct Round {
    std::vector<LoopFigures> figures;
    std::atomic<size_t> open;
  };
  const auto round = std::make_shared<Round>();
  round->figures.resize(node_.loops().size());
  round->open = round->figures.size();
  const auto done = std::make_shared<Job>([round, then = std::move(then)] { then({round, &round->figures}); });
  Loop& asking = *Loop::current();
  for (auto& loop : node_.loops()) {
    loop->post([this, round, done, &asking, &loop = *loop] {
      Homes& homes = node_.homes(loop);
      round->figures[loop.index()] = {
          .counters = loop.counters(),
          .mailbox = loop.mailbox_size(),
          .commits_in_flight = homes.commits_in_flight(),
          .homes = homes.count(),
          .to_others = node_.cluster() == nullptr ? cluster::Backlog() : node_.cluster()->port(loop).backlog()};
      if (--round->open == 0) asking.post([done] { (*done)(); });
    });
  }
}

void Metrics::serve_metrics(const Connection& connection) {
  if (!may_read(connection->request())) {
    return connection->respond(
        plain(401, "a bearer token is needed\n").with("WWW-Authenticate", "Bearer realm=\"metrics\""));
  }
  connection->trust();
  gather([this, connection](const std::shared_ptr<const std::vector<LoopFigures>>& loops) {
    renderer_.try_run([this, loops]() -> Result<std::string> { return render_metrics(node_, *loops); },
                      [connection](Result<std::string> text) {
                        if (!text) return connection->respond(plain(503, text.error().message + "\n"));
                        HttpResponse response{.status = 200,
                                              .headers = {{"Content-Type", "text/plain; version=0.0.4; charset=utf-8"}},
                                              .body = std::move(*text)};
                        connection->respond(std::move(response));
                      });
  });
}

// A loop that stands still does not answer, and so neither do we: whoever asks gives up.
void Metrics::serve_health(const Connection& connection) {
  gather([connection](const std::shared_ptr<const std::vector<LoopFigures>>&) {
    connection->respond(plain(200, "ok\n"));
  });
}

void Metrics::serve_readiness(const Connection& connection) {
  const std::string reason = node_.not_ready();
  if (!reason.empty()) return connection->respond(plain(503, reason + "\n"));
  // Without its files a server still carries messages: no reason to send clients away, but one to say it.
  const std::string uploads = node_.uploads_problem();
  connection->respond(plain(200, uploads.empty() ? "ready\n" : "ready, but uploads fail: " + uploads + "\n"));
}

}  // namespace rookery::server
