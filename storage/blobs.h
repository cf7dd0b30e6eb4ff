// Content too large for a row: uploaded files. Written once, never changed. Calls may block; usable from several
// threads.
#pragma once

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

class BlobStore {
 public:
  virtual ~BlobStore() = default;
  /// Keys consist of letters, digits, '-' and '_', 1 to 128 of them: anything else is Failure::invalid.
  virtual Result<std::unique_ptr<BlobWriter>> create(std::string_view key) = 0;
  virtual Result<std::unique_ptr<BlobReader>> open(std::string_view key) = 0;  ///< Failure::not_found
  virtual Status remove(std::string_view key) = 0;                             ///< fine if absent
};

bool is_blob_key(std::string_view key);

/// Files below `folder`, which is made when it is missing. Throws away what an earlier process left unfinished, so one
/// process at a time.
Result<std::unique_ptr<BlobStore>> open_blob_folder(const std::filesystem::path& folder);

}  // namespace rookery::storage
