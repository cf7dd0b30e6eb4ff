// io_uring, as far as sending needs it: many sends in one system call, done when that returns.
#pragma once

#include <memory>
#include <span>
#include <string_view>

struct io_uring_sqe;
struct io_uring_cqe;

namespace rookery::server {

class SendRing {
 public:
  static constexpr size_t places = 64;

  struct Send {
    int fd = -1;
    std::string_view bytes;
    int result = 0;  ///< as send(2) returns it, but -errno for an error
    void send();     ///< without the ring
  };

  /// Null where the kernel is too old, or does not allow it (a container, kernel.io_uring_disabled).
  static std::unique_ptr<SendRing> open();
  ~SendRing();
  SendRing(const SendRing&) = delete;

  /// At most `places`; never blocks. False: nothing was sent, and the ring is of no use.
  bool run(std::span<Send> sends);

 private:
  SendRing() = default;
  bool map();

  int fd_ = -1;
  void* rings_ = nullptr;
  size_t rings_size_ = 0;
  io_uring_sqe* entries_ = nullptr;
  size_t entries_size_ = 0;
  unsigned* tail_ = nullptr;  ///< of the submissions; the kernel reads it
  unsigned mask_ = 0;
  unsigned* done_head_ = nullptr;
  const unsigned* done_tail_ = nullptr;  ///< of the completions; the kernel writes it
  unsigned done_mask_ = 0;
  const io_uring_cqe* done_ = nullptr;
};

}  // namespace rookery::server
