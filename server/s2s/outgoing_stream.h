// One stream to another server: found, opened, authenticated; then stanzas one way, and acknowledgements back.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "server/edge/tcp_wire.h"
#include "server/net/byte_allowance.h"
#include "server/s2s/dialer.h"
#include "xmpp/s2s_initiator.h"

namespace rookery::server::s2s {

class OutgoingStream final : public StreamWire::Owner, public std::enable_shared_from_this<OutgoingStream> {
 public:
  class Owner {
   public:
    virtual void on_open() {}
    /// So many more of the stanzas sent, the oldest first, have arrived.
    virtual void on_acknowledged(uint32_t) {}
    /// There is room in the outbox again.
    virtual void on_room() {}
    virtual void on_answer(bool /*is_valid*/) {}
    /// The end, unless close() made it. Failure::not_found: there is no such domain; invalid: the peer has ended an
    /// open stream because of something that we sent.
    virtual void on_ended(const Error& reason) = 0;

   protected:
    ~Owner() = default;
  };

  /// With a question it only asks (XEP-0220 §2.1.2). Lives until it has ended; the owner until then, or until close().
  static std::shared_ptr<OutgoingStream> open(RemoteServers& servers, xmpp::Jid from, xmpp::Jid to,
                                              std::optional<xmpp::S2sInitiator::Question> question, Owner& owner);
  ~OutgoingStream();

  /// Once it is open. A stanza as it stands in a stream, whatever the stream's namespace.
  void send(std::string_view xml);
  size_t outbox_bytes() const { return wire_ ? wire_->outbox_bytes() : 0; }
  void request_ack();  ///< once more, unless an answer is due
  void close();        ///< ends the stream in peace; the owner hears nothing any more
  bool is_open() const { return state_ == State::open; }
  /// Once it is open: the longest stanza that the peer says it takes; 0: it does not say.
  size_t most_stanza_bytes() const { return initiator_->most_stanza_bytes(); }
  std::string describe() const;

  // StreamWire::Owner
  void on_input(size_t bytes) override;
  void on_tls_established() override;
  void on_drained() override;
  void on_closed(std::string_view reason) override;

 private:
  enum class State { dialing, opening, open, closed };
  /// How we learn that stanzas have arrived: XEP-0198, or that the peer's system has taken the bytes.
  enum class Acks { asked, managed, by_transport };

  OutgoingStream(RemoteServers& servers, xmpp::Jid from, xmpp::Jid to,
                 std::optional<xmpp::S2sInitiator::Question> question, Owner& owner);
  void dial();
  void connected(const Dialer::Connected& connection);
  void open_stream();
  void process();
  void on_element(const xmpp::Element& element);
  void on_management(const xmpp::Element& element);
  void take(xmpp::S2sInitiator::Step step);
  void opened(const std::string& xml);
  void acknowledged(uint32_t total);
  void check_transport();
  void set_deadline(std::chrono::seconds time, std::string reason);
  void attempt_failed(std::string reason, Failure failure = Failure::unavailable);
  void pause(std::chrono::milliseconds time);
  void end(const Error& reason);
  void drop_wire(bool in_peace);

  RemoteServers& servers_;
  const xmpp::Jid from_, to_;
  const std::optional<xmpp::S2sInitiator::Question> question_;
  Owner* owner_;
  std::shared_ptr<Dialer> dialer_;
  std::optional<xmpp::S2sInitiator> initiator_;
  std::shared_ptr<TcpWire> wire_;
  ByteAllowance allowance_;
  State state_ = State::dialing;
  Acks acks_ = Acks::by_transport;
  std::string address_;
  bool processing_ = false, ack_requested_ = false, checks_transport_ = false;
  uint32_t sent_ = 0, acknowledged_ = 0;  ///< XEP-0198 §4: modulo 2^32
  std::optional<Loop::TimerId> deadline_;
  std::string deadline_reason_;
  std::shared_ptr<OutgoingStream> self_;  ///< until it has ended
};

}  // namespace rookery::server::s2s
