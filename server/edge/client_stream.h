// One client's stream: negotiation and authentication over whatever carries it (stream_wire.h). It knows nothing of
// rosters; after binding it only passes elements between the wire and its session.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "server/edge/connection_limits.h"
#include "server/edge/sasl2.h"
#include "server/edge/stream_wire.h"
#include "server/home/attach.h"
#include "server/net/byte_allowance.h"
#include "xmpp/sasl/sasl_server.h"

namespace rookery::server {

class Node;
struct Stranger;

enum class Security {
  starttls,
  direct_tls,
  plaintext,
  web,  ///< over HTTP: its listener has settled what TLS there is
};
/// Where a connection came in.
struct Door {
  Security security;
  std::string address;
  ConnectionKind kind = ConnectionKind::starttls;
};

class ClientStream final : public StreamWire::Owner,
                           public ClientLink,
                           public std::enable_shared_from_this<ClientStream> {
 public:
  /// Lives until the wire ends.
  static void accept(Node& node, Loop& loop, std::shared_ptr<StreamWire> wire, std::string peer_ip, const Door& door);
  ~ClientStream();

  // ClientLink
  void send(std::string_view xml) override;
  void close(const xmpp::StreamError& error) override;
  std::string peer_address() const override { return peer_ip_; }
  bool is_encrypted() const override { return wire_->is_encrypted(); }
  LinkHealth health() const override { return wire_->health(); }
  bool is_open() const override { return state_ != State::closed; }
  void on_input_wanted() override;

  // StreamWire::Owner
  void on_input(size_t bytes) override;
  void on_tls_established() override;
  void on_drained() override;
  void on_closed(std::string_view reason) override;

 private:
  friend class Sasl2;
  enum class State { opening, features_sent, authenticating, authenticated, bound, closed };

  ClientStream(Node& node, Loop& loop, std::shared_ptr<StreamWire> wire, std::string peer_ip, const Door& door);
  void process();  ///< parsed events, until one has to wait
  void open_stream(std::string to);
  void on_header(const xmpp::StreamHeader& header);
  void on_element(xmpp::ElementPtr element);
  void send_features();
  std::string early_features() const;
  std::string late_features() const;
  std::string config_version() const;
  void on_starttls();
  void on_sasl(const xmpp::Element& element);
  void on_sasl_step(xmpp::SaslStep step);
  /// The one place where an attempt ends in failure, whatever profile it was of: counts it, and answers when the
  /// backoff allows (REQUIREMENTS 14).
  void attempt_failed(xmpp::SaslError error, std::string answer);
  void refuse_attempt(xmpp::SaslError error, bool is_guess, const std::string& answer);
  void account_is_disabled(const std::function<std::string(xmpp::SaslError)>& words);
  void look_up_credentials();
  /// Credentials of `account` are about to be looked at: waits as the backoff wants, then goes on.
  void begin_guess(xmpp::Jid account, std::function<void()> then);
  void check_credentials();
  void on_credentials(xmpp::SaslStep step);
  void authenticated();
  void enter_account(xmpp::Jid account,
                     std::function<void()> then);  ///< authenticated: `then` runs on the loop that owns it
  void move_to_owner(std::function<void()> then);
  void arrive(ConnectionLimits::Origin origin);  ///< on the loop that it stays on, with a session still to be bound
  void bound(ClientSession& session);
  void end_sasl2();
  /// What was waited for has come: `use` it, and read on unless there is more to wait for.
  template <typename Use>
  void answered(Use use) {
    if (state_ == State::closed) return;
    waiting_ = false;
    use();
    if (!waiting_) go_on();
  }
  void on_bind(xmpp::ElementPtr iq);
  void on_resume(const xmpp::Element& resume);
  void resumed(ResumeOutcome outcome);
  void resume_failed(std::optional<uint32_t> handled);
  void fail(const xmpp::StreamError& error);
  void fail(xmpp::StreamCondition condition, std::string text = {}) {
    fail(xmpp::StreamError{.condition = condition, .text = std::move(text), .application = {}});
  }
  void wait();  ///< an answer from elsewhere is needed before the next element
  void go_on();
  void start_deadline(Clock::time_point end);
  void end_deadline();
  void evict();  ///< its place is given to a newer connection
  void charge(size_t bytes);
  xmpp::SaslOptions sasl_options() const;
  bool may_register(const xmpp::Element& iq) const;
  bool may_authenticate() const {
    return wire_->is_encrypted() || security_ == Security::plaintext || security_ == Security::web;
  }

  Node& node_;
  Loop* loop_;
  const std::string peer_ip_;
  const Security security_;
  const ConnectionKind kind_;
  const std::shared_ptr<StreamWire> wire_;
  State state_ = State::opening;
  bool waiting_ = false;
  bool waits_for_session_ = false;  ///< then waiting_ too
  bool processing_ = false;
  bool header_sent_ = false;
  bool is_managed_ = false;        ///< XEP-0198 was enabled while binding (XEP-0386)
  ConnectionLimits::Place place_;  ///< until a session is bound
  int sasl_failures_ = 0, false_starts_ = 0;
  bool credentials_asked_ = false;
  bool answer_held_ = false;  ///< the answer to a failed attempt waits
  xmpp::Jid attempted_;       ///< the account that credentials were asked for
  size_t unauthenticated_bytes_ = 0;
  std::string domain_;  ///< frozen at the first header (REQUIREMENTS 5)
  std::string from_;    ///< the first header's, a hint only
  std::unique_ptr<xmpp::SaslServer> sasl_;
  std::unique_ptr<Sasl2> sasl2_;
  std::shared_ptr<Stranger> stranger_;  ///< when it has asked for an account
  bool is_disabled_ = false;            ///< the account that credentials were read for
  xmpp::Jid account_;                   ///< after authentication
  ClientSession* session_ = nullptr;
  std::optional<Loop::TimerId> deadline_;
  const Clock::time_point accepted_at_ = Clock::now();
  ByteAllowance allowance_;
  bool is_in_debt_ = false;             ///< more came than may: reading pauses until that is made good
  std::shared_ptr<ClientStream> self_;  ///< until the connection has ended
};

}  // namespace rookery::server
