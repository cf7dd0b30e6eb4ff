#include "server/blob_watch.h"

#include "server/log.h"

namespace rookery::server {

namespace {
constexpr auto pause = std::chrono::seconds(15);
constexpr auto pause_while_it_fails = std::chrono::seconds(5);
}  // namespace

void BlobWatch::look() {
  workers_.run([this] { return blobs_.check(); },
               [this](const Status& status) {
                 note(status);
                 Loop::current()->after(status ? pause : pause_while_it_fails, [this] { look(); });
               });
}

void BlobWatch::note(const Status& status) {
  const std::lock_guard lock(mutex_);
  const std::string before = std::exchange(problem_, status ? std::string() : status.error().message);
  if (before == problem_) return;
  if (status) return log::info("upload_store_usable", {});
  log::error("upload_store_unusable", {{"error", problem_}});
}

std::string BlobWatch::problem() const {
  const std::lock_guard lock(mutex_);
  return problem_;
}

}  // namespace rookery::server
