#include "server/loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "crypto/result.h"
#include "server/log.h"

namespace rookery::server {

namespace {

thread_local Loop* current_loop = nullptr;

}  // namespace

void run_guarded(Job& job) {
  try {
    job();
  } catch (const std::exception& error) {
    log::error("job_failed", {{"error", error.what()}});
  }
}

Loop* Loop::current() { return current_loop; }

Loop::Loop(size_t index) : index_(index), now_(Clock::now()) {
  epoll_ = epoll_create1(EPOLL_CLOEXEC);
  wake_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  ensure(epoll_ >= 0 && wake_ >= 0);
  epoll_event event{.events = EPOLLIN, .data = {.ptr = nullptr}};
  ensure(epoll_ctl(epoll_, EPOLL_CTL_ADD, wake_, &event) == 0);
}

Loop::~Loop() {
  stop();
  close(wake_);
  close(epoll_);
}

void Loop::start() {
  thread_ = std::thread([this] { run(); });
}

void Loop::stop() {
  if (!thread_.joinable()) return;
  post([this] { stopping_ = true; });
  thread_.join();
}

void Loop::post(Job job) {
  bool was_empty = false;
  {
    const std::lock_guard lock(mailbox_mutex_);
    was_empty = mailbox_.empty();
    mailbox_.push_back(std::move(job));
  }
  if (!was_empty) return;
  const uint64_t one = 1;
  [[maybe_unused]] const auto written = write(wake_, &one, sizeof one);
}

size_t Loop::mailbox_size() const {
  const std::lock_guard lock(mailbox_mutex_);
  return mailbox_.size();
}

Loop::TimerId Loop::after(Clock::duration delay, Job job) {
  const TimerId id{Clock::now() + delay, next_timer_++};
  timers_.emplace(id, std::move(job));
  return id;
}

void Loop::watch(int fd, uint32_t events, Watcher* watcher) {
  epoll_event event{.events = events, .data = {.ptr = watcher}};
  ensure(epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) == 0);
}

void Loop::change(int fd, uint32_t events, Watcher* watcher) {
  epoll_event event{.events = events, .data = {.ptr = watcher}};
  ensure(epoll_ctl(epoll_, EPOLL_CTL_MOD, fd, &event) == 0);
}

void Loop::unwatch(int fd, Watcher* watcher) {
  epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr);
  for (int i = 0; i < batch_size_; ++i) {
    if (batch_[i].data.ptr == watcher) batch_[i].events = 0;
  }
}

void Loop::run() {
  current_loop = this;
  std::array<epoll_event, 256> events;
  while (!stopping_) {
    const int count = epoll_wait(epoll_, events.data(), events.size(), timeout_ms());
    ensure(count >= 0 || errno == EINTR);
    now_ = Clock::now();
    for (int i = 0; i < count; ++i) {
      if (events[i].data.ptr == nullptr) {
        drain_mailbox();
        continue;
      }
      if (events[i].events == 0) continue;
      batch_ = events.data() + i + 1;
      batch_size_ = count - i - 1;
      Job handle = [watcher = static_cast<Watcher*>(events[i].data.ptr), what = events[i].events] {
        watcher->on_events(what);
      };
      run_guarded(handle);
      batch_size_ = 0;
    }
    run_timers();
    run_turn_end();
  }
  current_loop = nullptr;
}

void Loop::drain_mailbox() {
  uint64_t count = 0;
  [[maybe_unused]] const auto got = read(wake_, &count, sizeof count);
  std::vector<Job> jobs;
  {
    const std::lock_guard lock(mailbox_mutex_);
    jobs.swap(mailbox_);
  }
  for (Job& job : jobs) run_guarded(job);
}

int Loop::timeout_ms() const {
  if (!turn_end_.empty() || !waiting_.empty()) return 0;
  if (timers_.empty()) return -1;
  const auto wait = timers_.begin()->first.first - Clock::now();
  if (wait <= Clock::duration::zero()) return 0;
  return static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(wait).count());
}

void Loop::run_timers() {
  while (!timers_.empty() && timers_.begin()->first.first <= now_) {
    auto node = timers_.extract(timers_.begin());
    run_guarded(node.mapped());
  }
}

void Loop::run_turn_end() {
  while (!turn_end_.empty() || !waiting_.empty()) {
    std::vector<Job> jobs;
    jobs.swap(turn_end_);
    for (Job& job : jobs) run_guarded(job);
    while (!waiting_.empty()) {
      Job wake = [watcher = &waiting_.front()] { watcher->on_turn_end(); };
      waiting_.pop_front();
      run_guarded(wake);
    }
  }
}

}  // namespace rookery::server
