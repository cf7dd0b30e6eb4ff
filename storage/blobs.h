// Content too large for a row: uploaded files. Written once, never changed. Calls may block; usable from several
// threads.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "crypto/result.h"

namespace rookery::storage {

/// One blob that is being written. Without commit() nothing of it stays.
class BlobWriter {
 public:
  virtual ~BlobWriter() = default;
  virtual Status append(std::string_view bytes) = 0;
  /// The blob is durable and can be read when it returns; Failure::conflict when the key is taken by now.
  virtual Status commit() = 0;
};

class BlobReader {
 public:
  virtual ~BlobReader() = default;
  virtual uint64_t size() const = 0;
  /// Up to `count` bytes from `offset`; fewer only at the end.
  virtual Result<std::string> read(uint64_t offset, size_t count) = 0;
};

/// What a link makes the store answer.
struct BlobLink {
  std::string_view method = "GET";  ///< or "HEAD"
  std::string type;                 ///< of the content
  std::string disposition;          ///< RFC 6266
};

class BlobStore {
 public:
  virtual ~BlobStore() = default;
  /// Keys consist of letters, digits, '-' and '_', 1 to 128 of them: anything else is Failure::invalid.
  virtual Result<std::unique_ptr<BlobWriter>> create(std::string_view key) = 0;
  virtual Result<std::unique_ptr<BlobReader>> open(std::string_view key) = 0;  ///< Failure::not_found
  virtual Status remove(std::string_view key) = 0;                             ///< fine if absent

  /// A URL at which anyone gets the blob without us, for a while. Empty: there is none.
  virtual std::string link(std::string_view key, const BlobLink& link) const = 0;
  /// Can the store be used? Asks it, and says what it answers.
  virtual Status check() = 0;
  /// Calls under way and later ones may fail soon: the process ends. Any thread.
  virtual void stop() = 0;
};

bool is_blob_key(std::string_view key);

/// Files below `folder`, which is made when it is missing. Throws away what an earlier process left unfinished, so one
/// process at a time.
Result<std::unique_ptr<BlobStore>> open_blob_folder(const std::filesystem::path& folder);

/// A bucket of an S3-compatible store.
struct BucketOptions {
  std::string endpoint;         ///< "https://host[:port]"
  std::string public_endpoint;  ///< the same bucket as clients reach it; empty: they do not, so there are no links
  std::string region, bucket;
  bool path_style = true;  ///< "https://host/bucket/key", else "https://bucket.host/key"
  std::filesystem::path access_key_file, secret_key_file;  ///< their first lines
  std::filesystem::path ca_file;                           ///< PEM; empty: the system's authorities
  std::filesystem::path folder;  ///< where a blob waits until it is whole; made when it is missing
};

/// Is it "https://host[:port]", or the same with http?
bool is_bucket_endpoint(std::string_view url);

/// Does not ask the store yet: check() does. A blob is sent when it is whole, with its SHA-256, which the store
/// verifies.
Result<std::unique_ptr<BlobStore>> open_blob_bucket(const BucketOptions& options);

}  // namespace rookery::storage
