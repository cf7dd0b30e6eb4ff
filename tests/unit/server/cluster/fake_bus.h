// Other nodes are what a test says through this bus. For one Port.
#pragma once

#include <map>
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
  };

  void publish(const std::string& subject, const std::string&, std::string_view data) override {
    const auto packet = parse_packet(data);
    if (packet && packet->kind == Packet::Kind::data)
      published.push_back({subject, static_cast<Topic>(packet->topic), std::string(packet->body)});
  }
  Result<std::unique_ptr<Subscription>> subscribe(const std::string& subject, Handler handler) override {
    subject_ = subject;
    handler_ = std::move(handler);
    return std::make_unique<Subscription>();
  }
  Status flush() override { return {}; }
  bool is_connected() const override { return true; }

  void deliver(Topic topic, const std::string& body, const std::string& stream = "elsewhere.0") {
    const std::string data = encode(Packet{.kind = Packet::Kind::data,
                                           .stream = stream,
                                           .seq = ++seq_[stream],
                                           .base = 1,
                                           .topic = static_cast<uint32_t>(topic),
                                           .body = body});
    handler_({.subject = subject_.substr(0, subject_.size() - 1) + "d",
              .reply = "reply",
              .data = data,
              .no_responders = false});
  }
  std::vector<Published> published;  ///< packets with a body; touched on the loop only

 private:
  std::string subject_;
  Handler handler_;
  std::map<std::string, uint64_t> seq_;  ///< by stream
};

}  // namespace rookery::server::cluster
