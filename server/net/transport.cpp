#include "server/net/transport.h"

#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "crypto/result.h"
#include "server/net/send_batch.h"
#include "server/net/send_ring.h"

namespace rookery::server {

namespace {

constexpr size_t read_bytes = 16 * 1024;
constexpr int reads_per_turn = 4;  // so that one busy peer does not starve the others
constexpr auto finish_timeout = std::chrono::seconds(5);

std::string tls_failure() {
  const unsigned long code = ERR_get_error();
  std::string text =
      code != 0 ? ERR_reason_error_string(code) != nullptr ? ERR_reason_error_string(code) : "TLS error" : "closed";
  ERR_clear_error();
  return text;
}

}  // namespace

Transport::Transport(Loop& loop, int fd, Owner& owner) : loop_(&loop), owner_(&owner), outlet_{.fd = fd, .bytes = {}} {}

Transport::~Transport() {
  *alive_ = false;
  close();
}

void Transport::start() { attach(*loop_); }

void Transport::begin_handshake(SSL* ssl) {
  ssl_ = ssl;
  BIO* bio = make_socket_bio(outlet_);
  ensure(ssl_ != nullptr && bio != nullptr);
  SSL_set_bio(ssl_, bio, bio);
  handshaking_ = true;
}

void Transport::start_tls(SSL_CTX* context) {
  begin_handshake(SSL_new(context));
  SSL_set_accept_state(ssl_);
}

void Transport::start_tls_as_client(crypto::SslPtr ssl) {
  begin_handshake(ssl.release());
  // A client speaks first: as soon as the socket takes it.
  want_write_ = true;
  update_interest();
}

void Transport::attach(Loop& loop) {
  loop_ = &loop;
  attached_ = true;
  interest_ = wanted_events();
  loop_->watch(outlet_.fd, interest_, this);
  if (outbox_bytes() > 0 || has_taken_) schedule_flush();
  // Bytes that OpenSSL has read already raise no event.
  if (ssl_ != nullptr && !handshaking_ && SSL_has_pending(ssl_) == 1) read_some();
}

void Transport::detach() {
  if (!attached_) return;
  loop_->unwatch(outlet_.fd, this);
  attached_ = false;
  unlink();
  *alive_ = false;  // cancels what is scheduled on the old loop
  alive_ = std::make_shared<bool>(true);
}

uint32_t Transport::wanted_events() const {
  return (paused_ ? 0u : uint32_t{EPOLLIN}) | (want_write_ ? uint32_t{EPOLLOUT} : 0u);
}

void Transport::update_interest() {
  if (!attached_) return;
  const uint32_t wanted = wanted_events();
  if (wanted == interest_) return;
  interest_ = wanted;
  loop_->change(outlet_.fd, wanted, this);
}

void Transport::pause_reading() {
  paused_ = true;
  update_interest();
}

void Transport::resume_reading() {
  if (!paused_) return;
  paused_ = false;
  update_interest();
  if (!attached_ || ssl_ == nullptr || handshaking_ || SSL_has_pending(ssl_) != 1) return;
  loop_->at_turn_end([this, alive = alive_] {
    if (*alive) read_some();
  });
}

void Transport::on_events(uint32_t events) {
  if (is_lingering_) return discard_input() ? fail("finished") : void();
  const auto alive = alive_;
  if ((events & EPOLLOUT) != 0) {
    want_write_ = false;
    flush();
    if (!*alive || outlet_.fd < 0) return;
    update_interest();
  }
  if (handshaking_ && !handshake()) return;
  if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) == 0) return;
  // epoll tells of an end even to who does not want to read now, and again and again: so it is the end now.
  if (paused_ && (events & (EPOLLHUP | EPOLLERR)) != 0) return fail("reset by peer");
  read_some();
}

bool Transport::handshake() {
  const int result = SSL_do_handshake(ssl_);
  const int error = result == 1 ? SSL_ERROR_NONE : SSL_get_error(ssl_, result);
  if (error != SSL_ERROR_NONE && error != SSL_ERROR_WANT_READ) {
    fail(tls_failure());
    return false;
  }
  const auto alive = alive_;
  if (!outlet_.bytes.empty()) flush();
  if (result != 1 || !*alive || outlet_.fd < 0) return false;
  handshaking_ = false;
  owner_->on_tls_established();
  return *alive && outlet_.fd >= 0;
}

void Transport::read_some() {
  static thread_local std::array<char, read_bytes> buffer;
  const auto alive = alive_;
  for (int i = 0; i < reads_per_turn; ++i) {
    if (paused_ || !attached_) return;
    ssize_t count = 0;
    if (ssl_ != nullptr) {
      const int got = SSL_read(ssl_, buffer.data(), buffer.size());
      if (got <= 0) {
        const int error = SSL_get_error(ssl_, got);
        if (!outlet_.bytes.empty()) schedule_flush();  // the answer to a KeyUpdate (RFC 8446 §4.6.3)
        if (error == SSL_ERROR_WANT_READ) return;
        return fail(error == SSL_ERROR_ZERO_RETURN ? "closed" : tls_failure());
      }
      count = got;
    } else {
      count = recv(outlet_.fd, buffer.data(), buffer.size(), 0);
      if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
      if (count <= 0) return fail(count == 0 ? "closed" : std::strerror(errno));
    }
    loop_->counters().bytes_in += static_cast<uint64_t>(count);
    const bool was_encrypted = ssl_ != nullptr;
    owner_->on_bytes({buffer.data(), static_cast<size_t>(count)});
    if (!*alive || outlet_.fd < 0 || handshaking_) return;
    // Level-triggered: what is left in the socket raises the next event; what is left in OpenSSL does not.
    const bool more = was_encrypted ? SSL_has_pending(ssl_) == 1 : static_cast<size_t>(count) == buffer.size();
    if (!more) return;
  }
  if (ssl_ == nullptr || SSL_has_pending(ssl_) != 1) return;
  loop_->at_turn_end([this, alive = alive_] {
    if (*alive && outlet_.fd >= 0) read_some();
  });
}

void Transport::send(std::string_view bytes) {
  if (outlet_.fd < 0 || finishing_) return;
  outbox_ += bytes;
  count_outbox();
  schedule_flush();
}

void Transport::send_now(std::string_view bytes) {
  outbox_ += bytes;
  // The socket's buffer is empty at this stage of a stream; a peer that fills it gets no TLS.
  if (seal()) push();
}

void Transport::count_outbox() {
  const size_t now = outbox_bytes();
  loop_->counters().outbox_bytes += static_cast<int64_t>(now) - static_cast<int64_t>(std::exchange(counted_, now));
}

void Transport::schedule_flush() {
  if (attached_ && !want_write_) loop_->at_turn_end(*this);
}

bool Transport::seal() {
  if (outbox_.empty() || !outlet_.bytes.empty() || handshaking_) return true;
  if (ssl_ == nullptr) {
    outlet_.bytes.swap(outbox_);
    loop_->counters().bytes_out += outlet_.bytes.size();
    return true;
  }
  for (std::string_view left = outbox_; !left.empty();) {
    const int wrote = SSL_write(ssl_, left.data(), static_cast<int>(std::min<size_t>(left.size(), 1 << 20)));
    if (wrote <= 0) {
      fail(tls_failure());
      return false;
    }
    left.remove_prefix(static_cast<size_t>(wrote));
  }
  loop_->counters().bytes_out += outbox_.size();
  std::string().swap(outbox_);  // an idle connection keeps nothing
  return true;
}

void Transport::on_turn_end() {
  if (has_taken_) return after_sending();
  if (!seal()) return;
  if (outlet_.bytes.empty()) return after_sending();
  SendBatch::here().add(*this);
}

void Transport::flush() {
  if (outlet_.fd < 0 || !seal()) return;
  if (!outlet_.bytes.empty()) push();
  after_sending();
}

void Transport::push() {
  SendRing::Send send{.fd = outlet_.fd, .bytes = unsent()};
  send.send();
  took(send.result);
}

void Transport::took(int result) {
  if (result >= 0) {
    sent_ += static_cast<size_t>(result);
  } else if (result != -EAGAIN && result != -EINTR) {
    failure_ = -result;
  }
  want_write_ = sent_ < outlet_.bytes.size();
  if (!want_write_) {
    std::string().swap(outlet_.bytes);
    sent_ = 0;
  }
  count_outbox();
}

void Transport::after_sending() {
  has_taken_ = false;
  if (failure_ != 0) return fail(std::strerror(failure_));
  if (want_write_) return update_interest();
  if (handshaking_) return;
  if (!outbox_.empty()) return schedule_flush();
  if (finishing_) return end_sending();
  owner_->on_drained();
}

// A socket that is closed answers what still comes with a reset, and a peer that runs into that while it writes never
// reads our last words. So only our half ends.
void Transport::end_sending() {
  if (!std::exchange(is_tls_ended_, true) && ssl_ != nullptr) {
    SSL_shutdown(ssl_);
    ERR_clear_error();
    if (!outlet_.bytes.empty()) return flush();
  }
  if (std::exchange(is_lingering_, true)) return;
  shutdown(outlet_.fd, SHUT_WR);
  paused_ = false;
  update_interest();
  end_later("peer did not end the connection");
}

void Transport::end_later(const char* reason) {
  loop_->after(finish_timeout, [this, reason, alive = alive_] {
    if (*alive && outlet_.fd >= 0) fail(reason);
  });
}

LinkHealth Transport::health() const {
  LinkHealth health{.outbox_bytes = outbox_bytes()};
  tcp_info info{};
  socklen_t size = sizeof info;
  if (outlet_.fd < 0 || getsockopt(outlet_.fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return health;
  health.rtt = std::chrono::microseconds(info.tcpi_rtt);
  health.rtt_variance = std::chrono::microseconds(info.tcpi_rttvar);
  health.silence = std::chrono::milliseconds(info.tcpi_last_ack_recv);
  health.retransmits = info.tcpi_total_retrans;
  health.timeouts_in_a_row = info.tcpi_retransmits;
  int queued = 0;
  if (ioctl(outlet_.fd, SIOCOUTQ, &queued) == 0) health.unacked_bytes = static_cast<size_t>(queued);
  return health;
}

void Transport::finish_now() {
  if (outlet_.fd < 0) return;
  const auto alive = alive_;
  finishing_ = true;
  flush();
  if (*alive && outlet_.fd >= 0) fail("finished");
}

void Transport::finish() {
  if (outlet_.fd < 0 || finishing_) return;
  // REQUIREMENTS 1: a handshake that does not end would hold back the last bytes, and us with them.
  if (handshaking_) {
    loop_->at_turn_end([this, alive = alive_] {
      if (*alive) finish_now();
    });
    return;
  }
  schedule_flush();
  finishing_ = true;
  if (!attached_) return;
  end_later("peer did not take the end of the stream");
}

bool Transport::discard_input() {
  std::array<char, 16 * 1024> buffer;
  for (int rounds = 0; rounds < 16; ++rounds) {
    const auto count = recv(outlet_.fd, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (count == 0) return true;
    if (count < 0) return errno != EAGAIN && errno != EINTR;
  }
  return false;
}

void Transport::close() {
  if (outlet_.fd < 0) return;
  if (attached_) loop_->unwatch(outlet_.fd, this);
  attached_ = false;
  unlink();
  if (ssl_ != nullptr) {
    if (!handshaking_ && !is_tls_ended_) SSL_shutdown(ssl_);
    // The end of TLS, or an alert that says what was wrong with it, for a peer that takes it at once.
    if (!outlet_.bytes.empty()) push();
    SSL_free(ssl_);
    ERR_clear_error();
  }
  ssl_ = nullptr;
  if (finishing_) discard_input();
  ::close(outlet_.fd);
  outlet_.fd = -1;
  std::string().swap(outbox_);
  std::string().swap(outlet_.bytes);
  sent_ = 0;
  count_outbox();
}

void Transport::fail(std::string_view reason) {
  if (outlet_.fd < 0) return;
  const std::string kept(reason);
  close();
  *alive_ = false;
  owner_->on_closed(kept);
}

}  // namespace rookery::server
