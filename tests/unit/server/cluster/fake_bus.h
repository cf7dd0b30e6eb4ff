// Other nodes are what a test says through this bus. For one Port.
#pragma once

#include <condition_variable>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "server/cluster/bus.h"
#include "server/cluster/wire.h"

namespace rookery::server::cluster {

class FakeBus final : public Bus {
 public:
  struct Published {
    std::string subject;
    Topic topic;
    std::string body;
    std::string packet;  ///< all of it
  };

  void publish(const std::string& subject, const std::string&, std::string_view data) override {
    const auto packet = parse_packet(data);
    if (packet && packet->kind == Packet::Kind::ack) {
      const std::lock_guard lock(mutex_);
      acknowledged_ = packet->seq;
      changed_.notify_all();
    }
    if (packet && packet->kind == Packet::Kind::data)
      published.push_back({subject, static_cast<Topic>(packet->topic), std::string(packet->body), std::string(data)});
  }
  Result<std::unique_ptr<Subscription>> subscribe(const std::string& subject, Handler handler) override {
    subject_ = subject;
    handler_ = std::move(handler);
    return std::make_unique<Subscription>();
  }
  Status flush() override { return {}; }
  bool is_connected() const override { return true; }
  size_t max_payload() const override { return longest; }

  void deliver(Topic topic, const std::string& body, const std::string& stream = "elsewhere.0") {
    const std::string data = encode(Packet{.kind = Packet::Kind::data,
                                           .stream = stream,
                                           .seq = ++seq_[stream],
                                           .base = 1,
                                           .topic = static_cast<uint32_t>(topic),
                                           .body = body});
    deliver_packet(data);
  }
  void deliver_packet(const std::string& data) {
    handler_({.subject = subject_.substr(0, subject_.size() - 1) + "d",
              .reply = "reply",
              .data = data,
              .no_responders = false});
  }
  /// false: not in ten seconds.
  bool acknowledges(uint64_t seq) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(10), [&] { return acknowledged_ == seq; });
  }
  std::vector<Published> published;  ///< data packets; touched on the loop only
  size_t longest = 1 << 20;          ///< max_payload()

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  uint64_t acknowledged_ = 0;
  std::string subject_;
  Handler handler_;
  std::map<std::string, uint64_t> seq_;  ///< by stream
};

}  // namespace rookery::server::cluster
