// Keeps one account online: connects, negotiates, resumes, reconnects with backoff; sends stanzas and matches answers.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "client/core/net/negotiation.h"
#include "client/core/net/stream_management.h"
#include "client/core/net/transport.h"

namespace rookery::client {

class ConnectionObserver {
 public:
  virtual ~ConnectionObserver() = default;
  virtual void on_online(bool resumed) = 0;
  virtual void on_offline(const Error& error, std::optional<std::chrono::milliseconds> retry_in) = 0;
  /// Everything but answers to our IQs. It is acknowledged to the server once this returns: what has to be kept is
  /// committed by then (REQUIREMENTS 32).
  virtual void on_stanza(const xmpp::Element& stanza) = 0;
  /// The server has this message of ours.
  virtual void on_acknowledged(int64_t message) = 0;
};

class Connection : private TransportObserver {
 public:
  using Clock = std::chrono::steady_clock;
  /// The answer, result or error; nullptr when none will come. Called once.
  using Answer = std::function<void(const xmpp::Element* iq)>;

  Connection(Negotiation::Options options, const Endpoint& endpoint, ConnectionObserver& observer);

  /// Before the first connect().
  void set_agent_id(std::string id) { options_.agent_id = std::move(id); }
  void connect();
  /// Says goodbye properly; ends in on_offline without a retry.
  void disconnect();
  /// Drops the TCP connection as a dead network would; it is then resumed.
  void interrupt();
  bool online() const { return online_; }
  bool stopped() const { return phase_ == Phase::stopped; }
  const xmpp::Jid& account() const { return options_.account; }
  const xmpp::Jid& jid() const { return negotiation_.bound(); }
  const Negotiation& negotiation() const { return negotiation_; }
  bool has_stream_management() const { return sm_.enabled(); }

  /// `message`: its id in the local history, to hear on_acknowledged() about it. Without XEP-0198 that comes at once.
  void send(const xmpp::Element& stanza, int64_t message = 0);
  void send_xml(std::string xml, int64_t message);
  /// Gives the IQ its id. No answer within 30 s counts as none.
  void send_iq(xmpp::ElementPtr iq, Answer answer);

  /// Nothing that we sent waits for an answer or an acknowledgement.
  bool idle() const { return pending_.empty() && sm_.unacknowledged().empty(); }

  // For the owner's poll loop.
  int fd() const { return transport_.fd(); }
  bool wants_write() const { return transport_.wants_write(); }
  Clock::time_point next_deadline() const;
  void process();

 private:
  enum class Phase : uint8_t { stopped, waiting, connecting, negotiating, online, closing };
  struct Pending {
    xmpp::Jid to;
    Answer answer;
    Clock::time_point deadline;
  };

  void on_connected() override;
  void on_stream_opened() override {}
  void on_element(const xmpp::Element& element) override;
  void on_closed(Error error) override;

  void negotiate(const Negotiation::Step& step);
  void secure_and_open();
  void go_online(bool resumed);
  void handle_sm(const xmpp::Element& element);
  void acknowledge(uint32_t h);
  bool take_answer(const xmpp::Element& iq);
  void fail_pending();
  void expire_pending(Clock::time_point now);
  void keep_alive(Clock::time_point now);
  void give_up(Error error, bool is_final);

  Negotiation::Options options_;
  ConnectionObserver& observer_;
  Transport transport_;
  Negotiation negotiation_;
  StreamManagement sm_;
  Phase phase_ = Phase::stopped;
  bool online_ = false;
  bool retry_ = true;
  bool request_open_ = false;  ///< an <r/> waits for its <a/>
  std::optional<Error> reason_;
  int failures_ = 0;
  Clock::time_point deadline_ = Clock::time_point::max();  ///< of the phase
  Clock::time_point last_heard_{};
  bool probed_ = false;
  std::map<std::string, Pending> pending_;
};

}  // namespace rookery::client
