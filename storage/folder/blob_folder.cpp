// Blobs as files: folder/KE/KEY once complete, folder/unfinished/… while they are written.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>

#include "storage/blobs.h"

namespace rookery::storage {

namespace {

namespace fs = std::filesystem;

Error system_error(std::string_view doing, const fs::path& path) {
  const int code = errno;
  const Failure kind = code == ENOSPC || code == EDQUOT ? Failure::full
                       : code == ENOENT                 ? Failure::not_found
                       : code == EEXIST                 ? Failure::conflict
                                                        : Failure::io;
  return {kind, std::string(doing) + " " + path.string() + ": " + std::strerror(code)};
}

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  int get() const { return number_; }
  bool is_open() const { return number_ >= 0; }

 private:
  int number_;
};

Status sync_folder(const fs::path& folder) {
  const Descriptor handle(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!handle.is_open() || fsync(handle.get()) != 0) return std::unexpected(system_error("cannot sync", folder));
  return {};
}

Status make_folder(const fs::path& folder) {
  if (mkdir(folder.c_str(), 0700) == 0) return sync_folder(folder.parent_path());
  if (errno == EEXIST) return {};
  return std::unexpected(system_error("cannot create", folder));
}

class FileWriter final : public BlobWriter {
 public:
  FileWriter(Descriptor file, fs::path unfinished, fs::path target)
      : file_(std::move(file)), unfinished_(std::move(unfinished)), target_(std::move(target)) {}
  ~FileWriter() override { ::unlink(unfinished_.c_str()); }

  Status append(std::string_view bytes) override {
    while (!bytes.empty()) {
      const ssize_t count = ::write(file_.get(), bytes.data(), bytes.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return std::unexpected(system_error("cannot write", unfinished_));
      bytes.remove_prefix(static_cast<size_t>(count));
    }
    return {};
  }

  Status commit() override {
    if (fsync(file_.get()) != 0) return std::unexpected(system_error("cannot sync", unfinished_));
    if (const Status made = make_folder(target_.parent_path()); !made) return made;
    // A link, not a rename: a blob that is there is never replaced.
    if (::link(unfinished_.c_str(), target_.c_str()) != 0)
      return std::unexpected(system_error("cannot create", target_));
    return sync_folder(target_.parent_path());
  }

 private:
  Descriptor file_;
  const fs::path unfinished_, target_;
};

class FileReader final : public BlobReader {
 public:
  FileReader(Descriptor file, uint64_t size) : file_(std::move(file)), size_(size) {}
  uint64_t size() const override { return size_; }

  Result<std::string> read(uint64_t offset, size_t count) override {
    if (offset >= size_) return std::string();
    std::string bytes(static_cast<size_t>(std::min<uint64_t>(count, size_ - offset)), '\0');
    size_t got = 0;
    while (got < bytes.size()) {
      const ssize_t part = pread(file_.get(), bytes.data() + got, bytes.size() - got, static_cast<off_t>(offset + got));
      if (part < 0 && errno == EINTR) continue;
      if (part < 0) return fail(Failure::io, std::string("cannot read a blob: ") + std::strerror(errno));
      if (part == 0) return fail(Failure::io, "a blob became shorter");
      got += static_cast<size_t>(part);
    }
    return bytes;
  }

 private:
  Descriptor file_;
  const uint64_t size_;
};

class BlobFolder final : public BlobStore {
 public:
  explicit BlobFolder(fs::path folder) : folder_(std::move(folder)) {}

  Result<std::unique_ptr<BlobWriter>> create(std::string_view key) override {
    if (!is_blob_key(key)) return fail(Failure::invalid, "not the key of a blob");
    // Two writers of one key do not meet before commit(), where the second fails.
    const auto unfinished = folder_ / "unfinished" / (std::string(key) + "." + std::to_string(++serial_));
    Descriptor file(::open(unfinished.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!file.is_open()) return std::unexpected(system_error("cannot create", unfinished));
    return std::make_unique<FileWriter>(std::move(file), unfinished, path_of(key));
  }

  Result<std::unique_ptr<BlobReader>> open(std::string_view key) override {
    if (!is_blob_key(key)) return fail(Failure::invalid, "not the key of a blob");
    const auto path = path_of(key);
    Descriptor file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
    if (!file.is_open()) return std::unexpected(system_error("cannot open", path));
    struct stat about{};
    if (fstat(file.get(), &about) != 0) return std::unexpected(system_error("cannot open", path));
    return std::make_unique<FileReader>(std::move(file), static_cast<uint64_t>(about.st_size));
  }

  Status remove(std::string_view key) override {
    if (!is_blob_key(key)) return fail(Failure::invalid, "not the key of a blob");
    const auto path = path_of(key);
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) return std::unexpected(system_error("cannot delete", path));
    return {};
  }

  std::string link(std::string_view, const BlobLink&) const override { return {}; }
  Status check() override { return sync_folder(folder_); }
  void stop() override {}

 private:
  /// Two letters of the key name a folder, so that no folder holds a million files.
  fs::path path_of(std::string_view key) const {
    return folder_ / ("b_" + std::string(key.substr(0, 2))) / std::string(key);
  }

  const fs::path folder_;
  std::atomic<uint64_t> serial_ = 0;
};

}  // namespace

bool is_blob_key(std::string_view key) {
  return !key.empty() && key.size() <= 128 && std::ranges::all_of(key, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
  });
}

Result<std::unique_ptr<BlobStore>> open_blob_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) return fail(Failure::io, "cannot create " + folder.string() + ": " + error.message());
  chmod(folder.c_str(), 0700);
  const auto unfinished = folder / "unfinished";
  if (const Status made = make_folder(unfinished); !made) return std::unexpected(made.error());
  for (const auto& left : fs::directory_iterator(unfinished, error)) fs::remove(left.path(), error);
  return std::make_unique<BlobFolder>(folder);
}

}  // namespace rookery::storage
