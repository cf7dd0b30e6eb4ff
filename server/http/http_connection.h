// One HTTP/1.1 connection: requests one after the other, bodies read and answers written in pieces. All on one loop.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "server/edge/connection_limits.h"
#include "server/http/request.h"
#include "server/http/response.h"
#include "server/net/transport.h"

namespace rookery::server {

class HttpServer;

/// Takes the body of one request as it comes.
class BodySink {
 public:
  virtual ~BodySink() = default;
  virtual void on_body(std::string bytes) = 0;
  virtual void on_body_end() = 0;
  /// The connection ended before the body did; nothing follows.
  virtual void on_body_lost() = 0;
};

class HttpConnection final : public Transport::Owner, public std::enable_shared_from_this<HttpConnection> {
 public:
  /// Takes over the socket, counted among those that have not authenticated (by `listener`); lives until the connection
  /// ends.
  static void accept(HttpServer& server, Loop& loop, int fd, std::string peer_ip, bool tls,
                     const std::string& listener);

  // What a handler sees of its request. A connection that has gone meanwhile takes everything silently.

  const HttpRequest& request() const { return request_; }
  /// The client's address: the peer's, or what a proxy named in http.trusted_proxies says.
  const std::string& client_ip() const { return client_ip_; }
  bool is_encrypted() const { return transport_ && transport_->is_encrypted(); }
  Loop& loop() const { return loop_; }

  /// Its client has shown that it is no stranger: the connection gives its place to newcomers no more.
  void trust();

  /// The whole body, at most that long: a longer one is answered with 413 and `then` is not called.
  void read_body(size_t most_bytes, std::function<void(std::string)> then);
  void stream_body(std::shared_ptr<BodySink> sink);
  void pause_body();
  void resume_body();

  /// Answers, once for each request. What is left of the body is not read: the connection ends then.
  void respond(HttpResponse response);
  /// The head of an answer whose body follows by write(); `more` is called whenever all that was written has been sent.
  void start(const HttpResponse& head, uint64_t length, std::function<void()> more);
  void write(std::string_view bytes);
  /// Ends at once: an answer that has begun cannot be completed.
  void abort();
  /// `lost` is called when the connection ends before the answer.
  void when_lost(std::function<void()> lost) { lost_ = std::move(lost); }

  struct TakenOver {
    std::unique_ptr<Transport> transport;
    std::string read_already;
  };
  /// Answers 101 with these headers and gives the socket away (RFC 9110 §7.8); set_owner() it.
  TakenOver take_over(const HttpResponse& switching);

  // Transport::Owner
  void on_bytes(std::string_view bytes) override;
  void on_tls_established() override;
  void on_drained() override;
  void on_closed(std::string_view reason) override;

 private:
  enum class State {
    head,       ///< waiting for a request
    body,       ///< the handler has the request; its body is still coming
    answering,  ///< the body is complete, the answer is not
    ending,     ///< answered; the rest of the body is thrown away
    gone,
  };
  HttpConnection(HttpServer& server, Loop& loop, int fd, std::string peer_ip);
  void process();
  bool takes_requests() const;  ///< or the client has to take answers first
  bool read_head();             ///< false: more bytes are needed, or nothing follows
  bool read_some_body();
  void dispatch();
  void refuse(int status);
  void answered();
  void set_deadline(std::chrono::seconds timeout);
  void clear_deadline();
  void end(bool tell_lost);

  HttpServer& server_;
  Loop& loop_;
  const std::string peer_ip_;
  std::string client_ip_;
  std::unique_ptr<Transport> transport_;
  RequestReader reader_;
  std::string pending_;  ///< read, not looked at
  HttpRequest request_;
  State state_ = State::head;
  uint64_t body_left_ = 0;
  uint64_t answer_left_ = 0;
  bool head_sent_ = false;
  bool keep_alive_ = true;
  bool body_paused_ = false;
  bool processing_ = false;
  ConnectionLimits::Place place_;
  bool counted_ = false;  ///< has a place, and is one of Node::connections
  std::shared_ptr<BodySink> sink_;
  std::function<void()> more_, lost_;
  std::optional<Loop::TimerId> deadline_;
  size_t outbox_then_ = 0;                ///< the transport's outbox when the deadline was set
  std::shared_ptr<HttpConnection> self_;  ///< until the connection has ended
};

}  // namespace rookery::server
