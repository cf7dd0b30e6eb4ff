#include "server/net/send_ring.h"

#include <linux/io_uring.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>

#include "crypto/result.h"

namespace rookery::server {

namespace {
constexpr int send_flags = MSG_NOSIGNAL | MSG_DONTWAIT;
constexpr size_t most_bytes = 1 << 30;  // at once: results are ints
}  // namespace

void SendRing::Send::send() {
  const ssize_t count = ::send(fd, bytes.data(), std::min(bytes.size(), most_bytes), send_flags);
  result = count < 0 ? -errno : static_cast<int>(count);
}

std::unique_ptr<SendRing> SendRing::open() {
  std::unique_ptr<SendRing> ring(new SendRing());
  return ring->map() ? std::move(ring) : nullptr;
}

bool SendRing::map() {
  io_uring_params params{};
  // Linux 6.1: one thread only, and the kernel's work for it is done while it asks for results.
  params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SUBMIT_ALL;
  fd_ = static_cast<int>(syscall(SYS_io_uring_setup, places, &params));
  if (fd_ < 0 || (params.features & IORING_FEAT_SINGLE_MMAP) == 0) return false;
  rings_size_ = std::max(params.sq_off.array + params.sq_entries * sizeof(unsigned),
                         params.cq_off.cqes + params.cq_entries * sizeof(io_uring_cqe));
  entries_size_ = params.sq_entries * sizeof(io_uring_sqe);
  void* rings = mmap(nullptr, rings_size_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd_, IORING_OFF_SQ_RING);
  if (rings == MAP_FAILED) return false;
  rings_ = rings;
  void* entries = mmap(nullptr, entries_size_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd_, IORING_OFF_SQES);
  if (entries == MAP_FAILED) return false;
  entries_ = static_cast<io_uring_sqe*>(entries);
  char* base = static_cast<char*>(rings_);
  const auto number = [base](unsigned offset) { return reinterpret_cast<unsigned*>(base + offset); };
  tail_ = number(params.sq_off.tail);
  mask_ = *number(params.sq_off.ring_mask);
  done_head_ = number(params.cq_off.head);
  done_tail_ = number(params.cq_off.tail);
  done_mask_ = *number(params.cq_off.ring_mask);
  done_ = reinterpret_cast<io_uring_cqe*>(base + params.cq_off.cqes);
  for (unsigned i = 0; i < params.sq_entries; ++i) number(params.sq_off.array)[i] = i;  // places are used in turn
  return true;
}

SendRing::~SendRing() {
  if (entries_ != nullptr) munmap(entries_, entries_size_);
  if (rings_ != nullptr) munmap(rings_, rings_size_);
  if (fd_ >= 0) close(fd_);
}

bool SendRing::run(std::span<Send> sends) {
  ensure(sends.size() <= places);
  const unsigned begin = *tail_;
  for (unsigned i = 0; i < sends.size(); ++i) {
    io_uring_sqe& entry = entries_[(begin + i) & mask_];
    entry = {};
    entry.opcode = IORING_OP_SEND;
    entry.fd = sends[i].fd;
    entry.addr = reinterpret_cast<uintptr_t>(sends[i].bytes.data());
    entry.len = static_cast<uint32_t>(std::min(sends[i].bytes.size(), most_bytes));
    entry.msg_flags = send_flags;  // so that each is done, or refused, before the call returns
    entry.user_data = i;
  }
  const auto count = static_cast<unsigned>(sends.size());
  std::atomic_ref(*tail_).store(begin + count, std::memory_order_release);
  const long taken = syscall(SYS_io_uring_enter, fd_, count, count, IORING_ENTER_GETEVENTS, nullptr, 0);
  if (taken < 0) {
    std::atomic_ref(*tail_).store(begin, std::memory_order_release);
    return false;
  }
  ensure(taken == count);
  for (unsigned left = count; left > 0;) {
    const unsigned end = std::atomic_ref(*const_cast<unsigned*>(done_tail_)).load(std::memory_order_acquire);
    unsigned head = *done_head_;
    for (; head != end; ++head, --left) sends[done_[head & done_mask_].user_data].result = done_[head & done_mask_].res;
    std::atomic_ref(*done_head_).store(head, std::memory_order_release);
    if (left > 0) syscall(SYS_io_uring_enter, fd_, 0, left, IORING_ENTER_GETEVENTS, nullptr, 0);
  }
  return true;
}

}  // namespace rookery::server
