// Blobs as objects of a bucket: the key is the object's. A blob is collected in an unnamed file until it is whole: so
// its digest can be signed, sending can be tried again, and a client that goes away costs the store nothing.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "crypto/hash.h"
#include "crypto/sha256.h"
#include "storage/s3/bucket.h"

namespace rookery::storage {

namespace {

constexpr uint64_t window_bytes = 1024 * 1024;  // what is asked for at once, however little a reader wants

std::unexpected<Error> system_error(const std::string& doing) {
  const int code = errno;
  return fail(code == ENOSPC || code == EDQUOT ? Failure::full : Failure::io, doing + ": " + std::strerror(code));
}

class ObjectWriter final : public BlobWriter {
 public:
  ObjectWriter(s3::Bucket& bucket, std::string key, int file) : bucket_(bucket), key_(std::move(key)), file_(file) {}
  ~ObjectWriter() override { ::close(file_); }

  Status append(std::string_view bytes) override {
    hash_.update(bytes);
    size_ += bytes.size();
    while (!bytes.empty()) {
      const ssize_t count = ::write(file_, bytes.data(), bytes.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return system_error("cannot write a file that waits for the object store");
      bytes.remove_prefix(static_cast<size_t>(count));
    }
    return {};
  }

  Status commit() override {
    return bucket_.put(key_, {.file = file_, .bytes = size_, .sha256 = crypto::hex_encode(hash_.finish())});
  }

 private:
  s3::Bucket& bucket_;
  const std::string key_;
  const int file_;
  crypto::Sha256 hash_;
  uint64_t size_ = 0;
};

class ObjectReader final : public BlobReader {
 public:
  ObjectReader(s3::Bucket& bucket, std::string key, uint64_t size)
      : bucket_(bucket), key_(std::move(key)), size_(size) {}
  uint64_t size() const override { return size_; }

  Result<std::string> read(uint64_t offset, size_t count) override {
    if (offset >= size_) return std::string();
    std::string bytes;
    for (const uint64_t end = offset + std::min<uint64_t>(count, size_ - offset); offset < end;) {
      if (const Status moved = move_window(offset); !moved) return std::unexpected(moved.error());
      const auto piece = std::string_view(window_).substr(static_cast<size_t>(offset - window_begin_));
      bytes += piece.substr(0, static_cast<size_t>(std::min<uint64_t>(piece.size(), end - offset)));
      offset = std::min(end, window_begin_ + window_.size());
    }
    return bytes;
  }

 private:
  /// So that it holds the byte at `offset`.
  Status move_window(uint64_t offset) {
    if (offset >= window_begin_ && offset < window_begin_ + window_.size()) return {};
    auto got = bucket_.read(key_, offset, std::min(window_bytes, size_ - offset));
    if (!got) return std::unexpected(got.error());
    window_ = std::move(*got);
    window_begin_ = offset;
    return {};
  }

  s3::Bucket& bucket_;
  const std::string key_;
  const uint64_t size_;
  std::string window_;
  uint64_t window_begin_ = 0;
};

class BlobBucket final : public BlobStore {
 public:
  BlobBucket(std::unique_ptr<s3::Bucket> bucket, std::filesystem::path folder)
      : bucket_(std::move(bucket)), folder_(std::move(folder)) {}

  Result<std::unique_ptr<BlobWriter>> create(std::string_view key) override {
    if (!is_blob_key(key)) return fail(Failure::invalid, "not the key of a blob");
    std::string name = folder_ / "waiting.XXXXXX";
    const int file = ::mkostemp(name.data(), O_CLOEXEC);
    if (file < 0) return system_error("cannot create " + name);
    ::unlink(name.c_str());  // it ends with this process, however that ends
    return std::make_unique<ObjectWriter>(*bucket_, std::string(key), file);
  }

  Result<std::unique_ptr<BlobReader>> open(std::string_view key) override {
    if (!is_blob_key(key)) return fail(Failure::invalid, "not the key of a blob");
    const auto size = bucket_->size(key);
    if (!size) return std::unexpected(size.error());
    return std::make_unique<ObjectReader>(*bucket_, std::string(key), *size);
  }

  Status remove(std::string_view key) override {
    if (!is_blob_key(key)) return fail(Failure::invalid, "not the key of a blob");
    return bucket_->remove(key);
  }

  std::string link(std::string_view key, const BlobLink& link) const override {
    return is_blob_key(key) ? bucket_->link(key, link) : std::string();
  }
  Status check() override { return bucket_->check(); }
  void stop() override { bucket_->stop(); }

 private:
  const std::unique_ptr<s3::Bucket> bucket_;
  const std::filesystem::path folder_;
};

/// The first line. REQUIREMENTS 12: keys at rest are their owner's.
Result<std::string> read_key(const std::filesystem::path& path) {
  struct stat about{};
  if (::stat(path.c_str(), &about) != 0) return system_error("cannot read " + path.string());
  if ((about.st_mode & S_IRWXO) != 0)
    return fail(Failure::invalid, path.string() + " can be read by everybody: chmod 600");
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.pop_back();
  if (line.empty()) return fail(Failure::invalid, "there is no key in " + path.string());
  return line;
}

}  // namespace

bool is_bucket_endpoint(std::string_view url) { return s3::parse_endpoint(url, "bucket", true).has_value(); }

Result<std::unique_ptr<BlobStore>> open_blob_bucket(const BucketOptions& options) {
  auto endpoint = s3::parse_endpoint(options.endpoint, options.bucket, options.path_style);
  if (!endpoint) return fail(Failure::invalid, "this is no endpoint of an object store: " + options.endpoint);
  auto public_endpoint = s3::parse_endpoint(options.public_endpoint, options.bucket, options.path_style);
  auto access_key = read_key(options.access_key_file), secret_key = read_key(options.secret_key_file);
  if (!access_key) return std::unexpected(access_key.error());
  if (!secret_key) return std::unexpected(secret_key.error());
  std::error_code error;
  std::filesystem::create_directories(options.folder, error);
  if (error) return fail(Failure::io, "cannot create " + options.folder.string() + ": " + error.message());
  ::chmod(options.folder.c_str(), 0700);
  s3::Signer signer{.access_key = std::move(*access_key),
                    .secret_key = crypto::Secret(std::move(*secret_key)),
                    .region = options.region};
  auto bucket = std::make_unique<s3::Bucket>(std::move(*endpoint), std::move(public_endpoint), std::move(signer),
                                             options.ca_file);
  return std::make_unique<BlobBucket>(std::move(bucket), options.folder);
}

}  // namespace rookery::storage
