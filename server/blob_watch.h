// Asks the store of uploads now and then whether it can be used: a wrong key is known at the start, not at the first
// file.
#pragma once

#include <mutex>
#include <string>

#include "server/worker_pool.h"
#include "storage/blobs.h"

namespace rookery::server {

class BlobWatch {
 public:
  BlobWatch(storage::BlobStore& blobs, WorkerPool& workers) : blobs_(blobs), workers_(workers) {}

  /// On a loop: asks, logs what has changed, and comes back.
  void look();
  /// What the store said last; empty when it can be used or has not been asked yet. Any thread.
  std::string problem() const;

 private:
  void note(const Status& status);

  storage::BlobStore& blobs_;
  WorkerPool& workers_;
  mutable std::mutex mutex_;
  std::string problem_;
};

}  // namespace rookery::server
