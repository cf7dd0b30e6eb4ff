#include "server/admin/admin_socket.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <exception>
#include <optional>
#include <utility>

#include "server/log.h"

namespace rookery::server {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kRequestBytes = size_t{16} * 1024;  // a command and a password
constexpr std::chrono::seconds kPatience{10};        // for a client that stalls: the next one waits behind it

std::string last_error() { return std::strerror(errno); }

/// Waits for `events` on `fd` until `deadline`; false when it passed or `stop` was signalled.
bool wait_for(int fd, short events, int stop, std::optional<Clock::time_point> deadline) {
  while (true) {
    pollfd waits[] = {{fd, events, 0}, {stop, POLLIN, 0}};
    int timeout_ms = -1;
    if (deadline) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(*deadline - Clock::now()).count();
      if (left <= 0) return false;
      timeout_ms = static_cast<int>(left);
    }
    const int ready = poll(waits, 2, timeout_ms);
    if (ready < 0 && errno != EINTR) return false;
    if (ready <= 0) continue;
    return waits[1].revents == 0;
  }
}

bool is_complete(std::string_view request) {
  const auto first = request.find('\n');
  return first != std::string_view::npos && request.find('\n', first + 1) != std::string_view::npos;
}

/// Both lines, or what had come when the client shut its side down; nothing after a timeout or too many bytes.
std::optional<std::string> read_request(int client, int stop) {
  const auto deadline = Clock::now() + kPatience;
  std::string request;
  char buffer[4096];
  while (!is_complete(request)) {
    if (request.size() > kRequestBytes || !wait_for(client, POLLIN, stop, deadline)) return std::nullopt;
    const ssize_t got = recv(client, buffer, sizeof(buffer), MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (got < 0) return std::nullopt;
    if (got == 0) return request;
    request.append(buffer, static_cast<size_t>(got));
  }
  explicit_bzero(buffer, sizeof(buffer));
  return request;
}

void write_all(int client, std::string_view answer, int stop) {
  const auto deadline = Clock::now() + kPatience;
  while (!answer.empty()) {
    const ssize_t sent = send(client, answer.data(), answer.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent >= 0) {
      answer.remove_prefix(static_cast<size_t>(sent));
      continue;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN || !wait_for(client, POLLOUT, stop, deadline)) return;
  }
}

Result<sockaddr_un> address_of(const std::filesystem::path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string text = path.string();
  if (text.empty() || text.size() >= sizeof(address.sun_path)) {
    return fail(Failure::invalid, "the admin socket's path must have 1 to 107 bytes: " + text);
  }
  std::memcpy(address.sun_path, text.data(), text.size());
  return address;
}

bool somebody_answers(const sockaddr_un& address) {
  const int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (probe < 0) return false;
  const bool answers = connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  close(probe);
  return answers;
}

}  // namespace

std::vector<std::string> split_words(std::string_view line) {
  std::vector<std::string> words;
  size_t at = 0;
  while ((at = line.find_first_not_of(" \t\r", at)) != std::string_view::npos) {
    const size_t end = std::min(line.find_first_of(" \t\r", at), line.size());
    words.emplace_back(line.substr(at, end - at));
    at = end;
  }
  return words;
}

Status AdminSocket::start(const std::filesystem::path& path) {
  ensure(!thread_.joinable());
  if (auto status = listen_on(path); !status) {
    if (listener_ >= 0) close(std::exchange(listener_, -1));
    return status;
  }
  stop_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  ensure(stop_ >= 0);
  thread_ = std::thread([this] { run(); });
  return {};
}

Status AdminSocket::listen_on(const std::filesystem::path& path) {
  const auto address = address_of(path);
  if (!address) return std::unexpected(address.error());
  const std::string name = path.string();
  struct stat found{};
  if (lstat(name.c_str(), &found) == 0) {
    // Only a socket is ever removed, and only one that nobody listens on any more.
    if (!S_ISSOCK(found.st_mode)) return fail(Failure::conflict, name + " exists and is no socket");
    if (somebody_answers(*address)) return fail(Failure::conflict, "another server listens on " + name);
    unlink(name.c_str());
  }
  listener_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (listener_ < 0) return fail(Failure::io, "cannot make a socket: " + last_error());
  // On Linux a socket file is made with the mode of its descriptor: there is no moment in which others could connect.
  if (fchmod(listener_, 0600) != 0 ||
      bind(listener_, reinterpret_cast<const sockaddr*>(&*address), sizeof(*address)) != 0) {
    return fail(Failure::io, "cannot create " + name + ": " + last_error());
  }
  path_ = path;
  if (chmod(name.c_str(), 0600) != 0 || listen(listener_, 16) != 0) {
    return fail(Failure::io, "cannot listen on " + name + ": " + last_error());
  }
  return {};
}

void AdminSocket::stop() {
  if (!thread_.joinable()) return;
  const uint64_t one = 1;
  [[maybe_unused]] const auto written = write(stop_, &one, sizeof(one));
  thread_.join();
  close(std::exchange(listener_, -1));
  close(std::exchange(stop_, -1));
  unlink(path_.c_str());
}

void AdminSocket::run() {
  while (wait_for(listener_, POLLIN, stop_, std::nullopt)) {
    const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) {
      // Out of descriptors: the connection stays in the queue, so wait instead of spinning.
      if (errno == EMFILE || errno == ENFILE)
        wait_for(stop_, POLLIN, stop_, Clock::now() + std::chrono::milliseconds(100));
      continue;
    }
    serve(client);
    close(client);
  }
}

void AdminSocket::serve(int client) {
  auto request = read_request(client, stop_);
  if (!request) return write_all(client, "error: the request was too long or did not come in time\n", stop_);
  const auto line_end = std::min(request->find('\n'), request->size());
  const auto words = split_words(std::string_view(*request).substr(0, line_end));
  if (words.empty()) return write_all(client, "error: no command\n", stop_);

  std::string password = line_end < request->size() ? request->substr(line_end + 1) : std::string();
  password.resize(std::min(password.find('\n'), password.size()));
  explicit_bzero(request->data(), request->size());
  std::string answer;
  try {
    answer = handler_(words, password);
  } catch (const std::exception& exception) {
    log::error("admin-command-failed", {{"command", words.front()}, {"reason", exception.what()}});
    answer = "error: internal error, see the log\n";
  }
  if (!answer.ends_with('\n')) answer += '\n';
  explicit_bzero(password.data(), password.size());
  write_all(client, answer, stop_);
}

}  // namespace rookery::server
