#include "tests/unit/storage/s3/server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <fstream>

namespace rookery::storage::s3 {

namespace {

constexpr auto program = ROOKERY_SOURCE_DIR "/tests/support/swift_s3.py";

int free_port() {
  const int handle = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ensure(bind(handle, reinterpret_cast<sockaddr*>(&address), size) == 0);
  ensure(getsockname(handle, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  close(handle);
  return ntohs(address.sin_port);
}

}  // namespace

TestServer& TestServer::shared() {
  static TestServer server;
  return server;
}

TestServer::TestServer() : port_(free_port()) {
  std::array<int, 2> ends{};
  ensure(pipe(ends.data()) == 0);
  const std::string folder = folder_.path().string(), port = std::to_string(port_);
  pid_ = fork();
  if (pid_ == 0) {
    dup2(ends[1], STDOUT_FILENO);
    prctl(PR_SET_PDEATHSIG, SIGKILL);  // does not outlive a test program that crashes
    execl("/usr/bin/python3", "python3", program, folder.c_str(), port.c_str(), "uploads", "test:tester", "testing",
          nullptr);
    _exit(127);
  }
  close(ends[1]);
  char first = 0;
  const bool is_ready = read(ends[0], &first, 1) == 1;  // "ready", or the end
  close(ends[0]);
  ensure(is_ready);
}

TestServer::~TestServer() {
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

BucketOptions TestServer::options(const std::filesystem::path& folder) const {
  return {.endpoint = endpoint(),
          .public_endpoint = endpoint(),
          .region = "us-east-1",
          .bucket = "uploads",
          .path_style = true,
          .access_key_file = key_file(folder, "access", "test:tester"),
          .secret_key_file = key_file(folder, "secret", "testing"),
          .ca_file = {},
          .folder = folder / "waiting"};
}

std::filesystem::path key_file(const std::filesystem::path& folder, const std::string& name, const std::string& key) {
  std::filesystem::create_directories(folder);
  std::ofstream(folder / name) << key << "\n";
  std::filesystem::permissions(folder / name, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  return folder / name;
}

}  // namespace rookery::storage::s3
