#include <algorithm>

#include "server/cluster/cluster.h"
#include "server/features/upload/service.h"
#include "server/log.h"

namespace rookery::server {

namespace {

constexpr size_t at_once = 100;

void later(std::shared_ptr<UploadService> service, std::chrono::seconds delay) {
  Loop::current()->after(delay, [service = std::move(service)] { sweep_uploads(service); });
}

std::chrono::seconds pause(const Config& config) {
  return std::clamp(config.upload_keep / 10, std::chrono::seconds(1), std::chrono::seconds(600));
}

bool is_ours(Node& node) {
  return node.cluster() == nullptr || node.cluster()->owns(shard_of(node.config().upload_domain));
}

/// The content goes first: a row that is left is swept again, content without a row never would be.
void remove(const std::shared_ptr<UploadService>& service, std::vector<std::string> ids) {
  Node& node = service->node;
  auto delete_blobs = [&node, ids]() -> Status {
    for (const auto& id : ids) {
      if (auto removed = node.blobs().remove(id); !removed) return removed;
    }
    return {};
  };
  node.files().run(std::move(delete_blobs), [service, ids](Status removed) {
    if (!removed) {
      log::warning("upload_sweep_failed", {{"error", removed.error().message}});
      return later(service, pause(service->node.config()));
    }
    auto forget = [ids](storage::Stores& stores) -> Status {
      for (const auto& id : ids) {
        if (auto status = stores.uploads().remove(id); !status) return status;
      }
      return {};
    };
    service->node.stores().run(std::move(forget), [service, is_all = ids.size() < at_once](Status forgotten) {
      later(service, is_all || !forgotten ? pause(service->node.config()) : std::chrono::seconds(0));
    });
  });
}

}  // namespace

void sweep_uploads(std::shared_ptr<UploadService> service) {
  if (!is_ours(service->node)) return later(service, pause(service->node.config()));
  const auto now = std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
  auto read = [now](storage::Stores& stores) { return stores.uploads().expired(now, at_once); };
  service->node.stores().run(read, [service](Result<std::vector<std::string>> ids) {
    if (!ids || ids->empty()) return later(service, pause(service->node.config()));
    remove(service, std::move(*ids));
  });
}

}  // namespace rookery::server
