#include "server/http/http_connection.h"

#include "crypto/tls_context.h"
#include "server/http/http_server.h"
#include "server/net/tls_holder.h"
#include "server/node.h"

namespace rookery::server {

namespace {

constexpr size_t most_head_bytes = 16 * 1024;
constexpr size_t most_pending_bytes = 256 * 1024;  // what may wait while a handler is not ready for it
constexpr size_t most_unsent_bytes =
    64 * 1024;  // answers that the client has not taken, before its next request is read
constexpr std::chrono::seconds drain_time{5};

class WholeBody final : public BodySink {
 public:
  explicit WholeBody(std::function<void(std::string)> then) : then_(std::move(then)) {}
  void on_body(std::string bytes) override { body_ += bytes; }
  void on_body_end() override { then_(std::move(body_)); }
  void on_body_lost() override {}

 private:
  std::function<void(std::string)> then_;
  std::string body_;
};

}  // namespace

HttpConnection::HttpConnection(HttpServer& server, Loop& loop, int fd, std::string peer_ip)
    : server_(server),
      loop_(loop),
      peer_ip_(std::move(peer_ip)),
      client_ip_(peer_ip_),
      transport_(std::make_unique<Transport>(loop, fd, *this)),
      reader_(most_head_bytes) {}

void HttpConnection::accept(HttpServer& server, Loop& loop, int fd, std::string peer_ip, bool tls,
                            const std::string& listener) {
  std::shared_ptr<HttpConnection> connection(new HttpConnection(server, loop, fd, std::move(peer_ip)));
  connection->self_ = connection;
  ++loop.counters().accepted[static_cast<size_t>(ConnectionKind::http)];
  ++loop.counters().connections[static_cast<size_t>(ConnectionKind::http)];
  // A proxy's connections are many people's: it keeps its own limits, and what logs in over them is counted by itself.
  if (!server.is_trusted_proxy(connection->peer_ip_)) {
    ++server.node().connections;
    connection->counted_ = true;
    connection->place_ = server.node().limits().enter(connection->peer_ip_, listener, loop,
                                                      [&connection = *connection] { connection.end(true); });
  }
  if (tls) connection->transport_->start_tls(server.node().tls().https());
  connection->set_deadline(tls ? server.node().config().tls_timeout : server.node().config().http_idle_timeout);
  connection->transport_->start();
}

void HttpConnection::set_deadline(std::chrono::seconds timeout) {
  clear_deadline();
  outbox_then_ = transport_->outbox_bytes();
  deadline_ = loop_.after(timeout, [this, timeout] {
    deadline_.reset();
    // A slow client that takes what we send is no idle one.
    if (transport_->outbox_bytes() < outbox_then_) return set_deadline(timeout);
    if (state_ == State::head && reader_.has_begun()) return refuse(408);
    end(true);
  });
}

void HttpConnection::clear_deadline() {
  if (deadline_) loop_.cancel(*deadline_);
  deadline_.reset();
}

void HttpConnection::trust() {
  place_.leave();
  if (std::exchange(counted_, false)) --server_.node().connections;
}

void HttpConnection::on_tls_established() {
  if (const Status good = crypto::acceptable(transport_->ssl()); !good) return end(true);
  set_deadline(server_.node().config().http_idle_timeout);
}

void HttpConnection::on_bytes(std::string_view bytes) {
  if (state_ == State::gone) return;
  pending_ += bytes;
  process();
}

void HttpConnection::process() {
  if (processing_) return;
  const auto keep = shared_from_this();
  processing_ = true;
  bool goes_on = true;
  while (goes_on) {
    switch (state_) {
      case State::head:
        goes_on = takes_requests() && read_head();
        break;
      case State::body:
        goes_on = read_some_body();
        break;
      case State::ending:
        body_left_ -= std::min<uint64_t>(body_left_, pending_.size());
        pending_.clear();
        if (body_left_ == 0 && transport_->outbox_bytes() == 0) transport_->finish();
        goes_on = false;
        break;
      case State::answering:
      case State::gone:
        goes_on = false;
        break;
    }
  }
  processing_ = false;
  if (!transport_ || state_ == State::gone) return;
  if (pending_.size() > most_pending_bytes || body_paused_ || !takes_requests()) {
    transport_->pause_reading();
  } else {
    transport_->resume_reading();
  }
}

bool HttpConnection::takes_requests() const {
  return state_ != State::head || transport_->outbox_bytes() <= most_unsent_bytes;
}

bool HttpConnection::read_head() {
  const size_t used = reader_.feed(pending_);
  pending_.erase(0, used);
  auto got = reader_.next();
  if (!got) return false;
  if (!*got) {
    refuse(got->error());
    return false;
  }
  request_ = std::move(**got);
  body_left_ = request_.content_length.value_or(0);
  keep_alive_ = request_.keep_alive;
  head_sent_ = false;
  client_ip_ = server_.client_ip(peer_ip_, request_);
  state_ = State::body;
  clear_deadline();
  dispatch();
  return true;
}

void HttpConnection::dispatch() {
  const HttpHandler* handler = server_.find(request_.path);
  if (handler == nullptr) return respond(HttpResponse::text(404, "There is nothing here."));
  (*handler)(shared_from_this());
}

bool HttpConnection::read_some_body() {
  if (body_left_ == 0) {
    state_ = State::answering;
    clear_deadline();
    if (const auto sink = std::exchange(sink_, nullptr)) sink->on_body_end();
    return state_ != State::answering;
  }
  if (!sink_ || body_paused_ || pending_.empty()) return false;
  std::string bytes = std::exchange(pending_, {});
  if (bytes.size() > body_left_) {
    pending_ = bytes.substr(body_left_);
    bytes.resize(body_left_);
  }
  body_left_ -= bytes.size();
  set_deadline(server_.node().config().http_idle_timeout);
  const auto sink = sink_;
  sink->on_body(std::move(bytes));
  return true;
}

void HttpConnection::read_body(size_t most_bytes, std::function<void(std::string)> then) {
  if (body_left_ > most_bytes) return respond(HttpResponse::text(413, "The request is too long."));
  stream_body(std::make_shared<WholeBody>(std::move(then)));
}

void HttpConnection::stream_body(std::shared_ptr<BodySink> sink) {
  if (state_ == State::gone) return sink->on_body_lost();
  // A body of zero bytes may have ended before the handler was ready for it.
  if (state_ == State::answering) return sink->on_body_end();
  sink_ = std::move(sink);
  if (request_.expects_continue && body_left_ > 0 && pending_.empty())
    transport_->send("HTTP/1.1 100 Continue\r\n\r\n");
  set_deadline(server_.node().config().http_idle_timeout);
  process();
}

void HttpConnection::pause_body() { body_paused_ = true; }

void HttpConnection::resume_body() {
  body_paused_ = false;
  if (state_ != State::gone) process();
}

void HttpConnection::refuse(int status) {
  keep_alive_ = false;
  body_left_ = 0;
  request_ = {};
  state_ = State::answering;
  respond(HttpResponse::text(status, "This request was not understood."));
}

void HttpConnection::respond(HttpResponse response) {
  const uint64_t length = response.body.size();
  start(response, length, nullptr);
  if (length > 0) write(response.body);
}

void HttpConnection::start(const HttpResponse& head, uint64_t length, std::function<void()> more) {
  if (state_ == State::gone || std::exchange(head_sent_, true)) return;
  if (body_left_ > 0) keep_alive_ = false;
  transport_->send(head.head(length, keep_alive_));
  lost_ = nullptr;
  answer_left_ = request_.method == "HEAD" || head.status == 204 ? 0 : length;
  if (answer_left_ == 0) return answered();
  more_ = std::move(more);
  set_deadline(server_.node().config().http_idle_timeout);
}

void HttpConnection::write(std::string_view bytes) {
  if (state_ == State::gone || answer_left_ == 0) return;
  bytes = bytes.substr(0, answer_left_);
  answer_left_ -= bytes.size();
  transport_->send(bytes);
  if (answer_left_ == 0) answered();
}

void HttpConnection::answered() {
  more_ = nullptr;
  if (const auto sink = std::exchange(sink_, nullptr)) sink->on_body_lost();
  body_paused_ = false;
  if (keep_alive_) {
    state_ = State::head;
    set_deadline(server_.node().config().http_idle_timeout);
    return process();
  }
  // What the client is still sending is read for a while: a socket closed with unread bytes would lose our answer.
  state_ = State::ending;
  set_deadline(drain_time);
  process();
}

void HttpConnection::abort() { end(false); }

HttpConnection::TakenOver HttpConnection::take_over(const HttpResponse& switching) {
  transport_->send(switching.head(0, true));
  TakenOver taken{std::move(transport_), std::exchange(pending_, {})};
  end(false);
  return taken;
}

void HttpConnection::on_drained() {
  if (state_ == State::ending || state_ == State::head) return process();
  if (state_ == State::gone || answer_left_ == 0 || !more_) return;
  set_deadline(server_.node().config().http_idle_timeout);
  const auto more = more_;
  more();
}

void HttpConnection::on_closed(std::string_view) { end(true); }

void HttpConnection::end(bool tell_lost) {
  if (state_ == State::gone) return;
  const auto keep = shared_from_this();
  state_ = State::gone;
  --loop_.counters().connections[static_cast<size_t>(ConnectionKind::http)];
  clear_deadline();
  trust();
  if (transport_) transport_->close();
  more_ = nullptr;
  if (const auto sink = std::exchange(sink_, nullptr)) sink->on_body_lost();
  if (const auto lost = std::exchange(lost_, nullptr); lost && tell_lost) lost();
  // Not at once: the transport may be calling us.
  loop_.at_turn_end([self = std::move(self_)] {});
}

}  // namespace rookery::server
