// One event loop: sockets, timers, a mailbox. State that belongs to a loop is touched by its thread only, so the rules
// of XMPP need no lock. Level-triggered epoll straight from the kernel: see docs/adr/0001-own-epoll-loop.md.
#pragma once

#include <atomic>
#include <boost/intrusive/list.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "server/counters.h"

struct epoll_event;

namespace rookery::server {

using Job = std::move_only_function<void()>;

/// Runs it. An exception (a bug of ours) ends here and is logged: the loop and every other session go on.
void run_guarded(Job& job);
using Clock = std::chrono::steady_clock;

/// What a file descriptor's owner is told. Events are EPOLLIN, EPOLLOUT, EPOLLERR, EPOLLHUP. It is on the list of those
/// who wait for the end of the turn without any memory of its own, since a room's message puts a thousand there; and
/// goes from there when it is destroyed.
class Watcher : public boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 public:
  virtual void on_events(uint32_t events) = 0;
  virtual void on_turn_end() {}

 protected:
  ~Watcher() = default;
};

class Loop {
 public:
  using TimerId = std::pair<Clock::time_point, uint64_t>;

  explicit Loop(size_t index);
  ~Loop();
  Loop(const Loop&) = delete;

  void start();  ///< runs in a thread of its own until stop()
  void stop();   ///< any thread; returns after the loop's thread has ended
  size_t index() const { return index_; }

  /// Any thread: runs `job` on this loop, in the order of posting.
  void post(Job job);
  size_t mailbox_size() const;  ///< any thread

  // The rest only from the loop's own thread (or before start()).

  /// Runs `job` once everything that is ready now has been handled: where output is flushed and commits are handed
  /// over.
  void at_turn_end(Job job) { turn_end_.push_back(std::move(job)); }
  /// The same with Watcher::on_turn_end(), once however often it is said.
  void at_turn_end(Watcher& watcher) {
    if (!watcher.is_linked()) waiting_.push_back(watcher);
  }
  TimerId after(Clock::duration delay, Job job);
  void cancel(TimerId timer) { timers_.erase(timer); }
  void watch(int fd, uint32_t events, Watcher* watcher);
  void change(int fd, uint32_t events, Watcher* watcher);
  void unwatch(int fd, Watcher* watcher);
  /// The time at the start of this turn.
  Clock::time_point now() const { return now_; }
  LoopCounters& counters() { return counters_; }

  static Loop* current();  ///< the loop of the calling thread, null elsewhere

 private:
  void run();
  void drain_mailbox();
  int timeout_ms() const;
  void run_timers();
  void run_turn_end();

  const size_t index_;
  int epoll_ = -1;
  int wake_ = -1;
  std::thread thread_;
  std::atomic<bool> stopping_ = false;
  mutable std::mutex mailbox_mutex_;
  std::vector<Job> mailbox_;
  std::vector<Job> turn_end_;
  boost::intrusive::list<Watcher, boost::intrusive::constant_time_size<false>> waiting_;  ///< for the turn's end
  std::map<TimerId, Job> timers_;
  uint64_t next_timer_ = 0;
  Clock::time_point now_;
  LoopCounters counters_;
  epoll_event* batch_ = nullptr;  ///< events of this turn not handled yet
  int batch_size_ = 0;
};

}  // namespace rookery::server
