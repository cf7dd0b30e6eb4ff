#include "server/backends.h"

#include <unistd.h>

#include <algorithm>
#include <array>

#include "storage/embedded.h"

namespace rookery::server {

namespace {

constexpr size_t most_store_connections = 8;

Result<Backends> open_embedded(const Config& config, bool with_log) {
  Backends opened;
  // First: it is locked for one process, so a second one is refused before it migrates the stores under the first.
  if (with_log) {
    auto log = storage::open_rocksdb(config.data_dir / "log");
    if (!log) return std::unexpected<Error>(log.error());
    opened.log = std::move(*log);
  }
  auto stores = storage::open_sqlite(config.data_dir / "rookery.sqlite");
  if (!stores) return std::unexpected<Error>(stores.error());
  opened.stores.push_back(std::move(*stores));
  return opened;
}

Result<Backends> open_postgres(const Config& config, size_t loops, bool with_log) {
  const storage::PostgresOptions options = postgres_options(config);
  if (auto migrated = storage::migrate_postgres(options); !migrated) return std::unexpected<Error>(migrated.error());
  Backends opened;
  for (size_t i = 0; i < std::clamp<size_t>(loops, 1, most_store_connections); ++i) {
    auto stores = storage::open_postgres_stores(options);
    if (!stores) return std::unexpected<Error>(stores.error());
    opened.stores.push_back(std::move(*stores));
  }
  if (!with_log) return opened;
  auto log = storage::open_postgres_log(options);
  if (!log) return std::unexpected<Error>(log.error());
  opened.log = std::move(*log);
  return opened;
}

}  // namespace

Result<Backends> open_backends(const Config& config, size_t loops, bool with_log) {
  return config.storage_kind == "postgres" ? open_postgres(config, loops, with_log) : open_embedded(config, with_log);
}

Result<std::unique_ptr<storage::BlobStore>> open_blobs(const Config& config) {
  if (config.upload_store == "local") return storage::open_blob_folder(config.upload_folder);
  return storage::open_blob_bucket({.endpoint = config.s3_endpoint,
                                    .public_endpoint = config.s3_public_endpoint,
                                    .region = config.s3_region,
                                    .bucket = config.s3_bucket,
                                    .path_style = config.s3_path_style,
                                    .access_key_file = config.s3_access_key_file,
                                    .secret_key_file = config.s3_secret_key_file,
                                    .ca_file = config.s3_ca_file,
                                    .folder = config.upload_folder});
}

storage::PostgresOptions postgres_options(const Config& config) {
  storage::PostgresOptions options{.connection = config.storage_postgres, .node = config.cluster_node};
  if (!config.cluster_nats.empty() && options.node.empty()) {
    std::array<char, 256> name{};
    if (gethostname(name.data(), name.size() - 1) == 0) options.node = name.data();
  }
  return options;
}

}  // namespace rookery::server
