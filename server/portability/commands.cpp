#include "server/portability/commands.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "server/backends.h"

namespace rookery::server::portability {

namespace {

constexpr size_t write_at_once = 1024 * 1024;
constexpr size_t most_accounts = 10'000'000;  // of a domain, in one folder

bool is_running(const std::filesystem::path& socket_path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = socket_path.string();
  if (path.size() >= sizeof(address.sun_path)) return false;
  std::memcpy(address.sun_path, path.data(), path.size());
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const bool answered = fd >= 0 && connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  if (fd >= 0) close(fd);
  return answered;
}

/// A running node's homes hold what would be changed beneath them.
Result<Backends> open_stopped(const Config& config) {
  if (is_running(config.admin_socket.empty() ? config.data_dir / "rookery.sock" : config.admin_socket)) {
    return fail(Failure::conflict, "rookeryd is running: stop it first");
  }
  if (!config.cluster_nats.empty()) {
    return fail(Failure::conflict,
                "this node is part of a cluster: stop all its nodes and use a configuration without cluster.nats");
  }
  std::error_code error;
  std::filesystem::create_directories(config.data_dir, error);
  if (error) return fail(Failure::io, "cannot create " + config.data_dir.string() + ": " + error.message());
  chmod(config.data_dir.c_str(), 0700);
  return open_backends(config, 1, true);
}

/// XEP-0227 §6: what is in it is nobody else's business.
class PrivateFile {
 public:
  static Result<PrivateFile> create(const std::filesystem::path& path) {
    const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0) return PrivateFile(fd, path);
    return fail(errno == EEXIST ? Failure::conflict : Failure::io,
                "cannot create " + path.string() + ": " + std::strerror(errno));
  }
  PrivateFile(PrivateFile&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)), path_(std::move(other.path_)), buffer_(std::move(other.buffer_)) {}
  ~PrivateFile() {
    if (fd_ >= 0) close(fd_);
  }

  Status append(std::string_view text) {
    buffer_ += text;
    return buffer_.size() < write_at_once ? Status() : flush();
  }
  Status finish() {
    if (auto flushed = flush(); !flushed) return flushed;
    return fsync(fd_) == 0 ? Status() : failed();
  }
  void discard() const { unlink(path_.c_str()); }

 private:
  PrivateFile(int fd, std::filesystem::path path) : fd_(fd), path_(std::move(path)) {}
  Status failed() const {
    return fail(errno == ENOSPC ? Failure::full : Failure::io,
                "cannot write " + path_.string() + ": " + std::strerror(errno));
  }
  Status flush() {
    for (std::string_view rest = buffer_; !rest.empty();) {
      const ssize_t written = write(fd_, rest.data(), rest.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return failed();
      rest.remove_prefix(static_cast<size_t>(written));
    }
    buffer_.clear();
    return {};
  }

  int fd_;
  std::filesystem::path path_;
  std::string buffer_;
};

Status write_file(Backends& backends, const std::vector<std::string>& domains, const std::optional<xmpp::Jid>& only,
                  const std::filesystem::path& path, Counts& counts) {
  auto output = PrivateFile::create(path);
  if (!output) return std::unexpected<Error>(output.error());
  const Sink sink = [&output](std::string_view text) { return output->append(text); };
  Status done = export_accounts(*backends.stores.front(), *backends.log, domains, only, sink, counts);
  if (done) done = output->finish();
  if (!done) output->discard();
  return done;
}

/// One file for each account, named after it: what Prosody reads.
Status write_files(Backends& backends, const Config& config, const std::optional<xmpp::Jid>& only,
                   const std::filesystem::path& folder, Counts& counts) {
  for (const auto& domain : config.domains) {
    auto accounts = only ? Result<std::vector<xmpp::Jid>>(std::vector<xmpp::Jid>{*only})
                         : backends.stores.front()->accounts().list(domain, "", most_accounts);
    if (!accounts) return std::unexpected<Error>(accounts.error());
    for (const auto& account : *accounts) {
      if (account.domain() != domain) continue;
      if (auto done = write_file(backends, {domain}, account, folder / (account.text() + ".xml"), counts); !done)
        return done;
    }
  }
  return {};
}

}  // namespace

Result<Counts> export_to(const Config& config, const std::optional<xmpp::Jid>& only,
                         const std::filesystem::path& path) {
  auto backends = open_stopped(config);
  if (!backends) return std::unexpected<Error>(backends.error());
  Counts counts;
  std::error_code error;
  const bool is_folder = std::filesystem::is_directory(path, error);
  const Status done = is_folder ? write_files(*backends, config, only, path, counts)
                                : write_file(*backends, config.domains, only, path, counts);
  if (!done) return std::unexpected<Error>(done.error());
  return counts;
}

Result<Counts> import_from(const Config& config, const std::filesystem::path& path, bool dry_run,
                           std::function<void(const std::string&)> warn) {
  auto backends = open_stopped(config);
  if (!backends) return std::unexpected<Error>(backends.error());
  const ImportOptions options{.domains = config.domains,
                              .scram_iterations = config.scram_iterations,
                              .dry_run = dry_run,
                              .warn = std::move(warn)};
  return import_accounts(*backends->stores.front(), *backends->log, path, options);
}

}  // namespace rookery::server::portability
