// A client's stream over HTTP requests (XEP-0124, XEP-0206): the server always holds a request to answer when it has
// something.
#pragma once

#include <atomic>
#include <deque>
#include <map>
#include <mutex>
#include <unordered_map>

#include "server/edge/stream_wire.h"

namespace rookery::server {

class HttpConnection;
class Node;

/// One request of a BOSH client: XML in, XML out. Its answer may be given on any loop.
class BoshRequest {
 public:
  BoshRequest(std::shared_ptr<HttpConnection> connection, std::string xml);
  const std::string& xml() const { return xml_; }
  void answer(std::string body);

 private:
  const std::shared_ptr<HttpConnection> connection_;
  Loop& loop_;
  std::string xml_;
};
using BoshRequestPtr = std::shared_ptr<BoshRequest>;

class BoshSessions;

class BoshWire final : public StreamWire, public std::enable_shared_from_this<BoshWire> {
 public:
  BoshWire(BoshSessions& sessions, Loop& loop, bool is_encrypted);
  const std::string& sid() const { return sid_; }
  Loop& loop() const { return *loop_; }
  /// Has its client authenticated? Any thread.
  bool is_authenticated() const { return is_authenticated_; }

  /// The session creation request, once, before start(): false when it is none, then it has been answered.
  bool create(const BoshRequestPtr& request);
  /// On whatever loop: goes to the wire's.
  void take(BoshRequestPtr request);
  void lose(std::string reason);  ///< ends it at once

  void start(StreamWire::Owner& owner) override;
  std::optional<xmpp::StreamEvent> next() override;
  void restart(const xmpp::ParserLimits& limits) override;
  void set_limits(const xmpp::ParserLimits& limits) override { limits_ = limits; }
  void on_authenticated() override { is_authenticated_ = true; }
  bool has_pending() const override { return !events_.empty(); }
  void pause_reading() override { paused_ = true; }
  void resume_reading() override;
  void open(const xmpp::StreamHeader& header) override;
  void send(std::string_view xml) override;
  size_t outbox_bytes() const override { return outbox_.size(); }
  void finish() override;
  void close() override;
  bool is_encrypted() const override { return is_encrypted_; }
  void move_to(Loop& loop, Job then) override;

 private:
  struct Held {
    uint64_t rid = 0;
    BoshRequestPtr request;
    Loop::TimerId timer;
  };
  struct Body {
    uint64_t rid = 0;
    xmpp::ElementPtr element;
    BoshRequestPtr request;
  };
  void on_request(BoshRequestPtr request);
  std::optional<Body> parse(const BoshRequestPtr& request) const;
  void on_body(Body body);
  void accept(Body body);
  void repeat(const Body& body);
  void take_waiting();
  void hold(uint64_t rid, BoshRequestPtr request);
  void flush();
  void flush_later();
  void answer_oldest();
  void watch_inactivity();

  BoshSessions& sessions_;
  const std::string sid_;
  const bool is_encrypted_;
  std::atomic<Loop*> loop_;  ///< changed by its own thread only
  std::atomic<bool> is_authenticated_ = false;
  StreamWire::Owner* owner_ = nullptr;
  xmpp::ParserLimits limits_ = xmpp::ParserLimits::unauthenticated();

  // What was agreed on when the session was made.
  size_t hold_ = 1;
  std::chrono::seconds wait_{60};
  xmpp::StreamHeader first_header_;

  uint64_t next_rid_ = 0;
  std::map<uint64_t, Body> waiting_;          ///< came before their turn, or while reading is paused
  std::deque<Held> held_;                     ///< oldest first
  std::map<uint64_t, std::string> answered_;  ///< the last answers, for who asks again (XEP-0124 §14.3)
  std::deque<xmpp::StreamEvent> events_;
  std::string outbox_;
  std::string opening_;  ///< attributes of the next answer: those that make the session
  bool paused_ = false, ending_ = false, ended_ = false, flushing_ = false, has_error_ = false;
  std::optional<Loop::TimerId> inactivity_;
};

/// The BOSH sessions of this process by their sid: requests come on any connection of any loop.
class BoshSessions {
 public:
  explicit BoshSessions(Node& node) : node_(node) {}
  /// POST /http-bind.
  void serve(const std::shared_ptr<HttpConnection>& connection);

  void add(const std::shared_ptr<BoshWire>& wire);
  void remove(const std::string& sid);
  void lose_all_here();  ///< those of the calling loop, whose clients may not ask again for a minute

 private:
  std::shared_ptr<BoshWire> find(const std::string& sid);
  void create(const std::shared_ptr<HttpConnection>& connection, const BoshRequestPtr& request);

  Node& node_;
  std::mutex mutex_;
  std::unordered_map<std::string, std::weak_ptr<BoshWire>> wires_;
};

}  // namespace rookery::server
