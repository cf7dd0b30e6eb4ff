#include "server/net/send_batch.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>

#include "server/net/send_ring.h"
#include "server/net/transport.h"

namespace rookery::server {

namespace {
constexpr size_t least_for_ring = 4;  // fewer cost less one by one
}

SendBatch::SendBatch() : ring_(SendRing::open()) {}
SendBatch::~SendBatch() = default;

SendBatch& SendBatch::here() {
  static thread_local SendBatch batch;
  return batch;
}

void SendBatch::add(Transport& transport) {
  if (members_.empty()) transport.loop_->at_turn_end([this] { run(); });
  members_.push_back(transport);
  if (++added_ == SendRing::places) run();
}

void SendBatch::run() {
  added_ = 0;
  std::array<Transport*, SendRing::places> senders;
  std::array<SendRing::Send, SendRing::places> sends;
  size_t count = 0;
  while (!members_.empty()) {
    auto* sender = static_cast<Transport*>(&members_.front());
    members_.pop_front();
    senders[count] = sender;
    sends[count++] = {.fd = sender->outlet_.fd, .bytes = sender->unsent()};
  }
  if (ring_ == nullptr || count < least_for_ring || !ring_->run(std::span(sends).first(count))) {
    for (auto& send : std::span(sends).first(count)) send.send();
  }
  for (size_t i = 0; i < count; ++i) {
    senders[i]->took(sends[i].result);
    senders[i]->has_taken_ = true;
    senders[i]->loop_->at_turn_end(*senders[i]);
  }
}

}  // namespace rookery::server
