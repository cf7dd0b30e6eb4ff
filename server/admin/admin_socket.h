// The Unix socket behind rookeryctl. Protocol: the client sends one line, `COMMAND ARGUMENT...\n`, and a second one
// with the password, which is empty where the command takes none; the server answers lines, of which the last is `ok`
// or `error: SENTENCE`, and closes.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "crypto/result.h"

namespace rookery::server {

/// The answer to a command; it ends with the line `ok` or `error: SENTENCE`. Called on the socket's own thread.
using AdminHandler = std::function<std::string(const std::vector<std::string>& words, const std::string& password)>;

/// Splits a command line at spaces; the last argument of `kick JID REASON...` may hold spaces and stays several words.
std::vector<std::string> split_words(std::string_view line);

/// Listens on a thread of its own and serves one connection after another: commands are rare, and order is worth
/// having.
class AdminSocket {
 public:
  explicit AdminSocket(AdminHandler handler) : handler_(std::move(handler)) {}
  ~AdminSocket() { stop(); }
  AdminSocket(const AdminSocket&) = delete;

  /// Creates the socket with mode 0600. Failure::conflict when another process answers on it; a dead one is replaced.
  Status start(const std::filesystem::path& path);
  /// Any thread but the handler's: ends the thread and removes the socket. A command that runs is finished first.
  void stop();

 private:
  Status listen_on(const std::filesystem::path& path);
  void run();
  void serve(int client);

  const AdminHandler handler_;
  std::filesystem::path path_;
  int listener_ = -1;
  int stop_ = -1;  ///< an eventfd that ends every wait
  std::thread thread_;
};

}  // namespace rookery::server
