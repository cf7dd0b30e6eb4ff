#include "server/admin/admin_socket.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <stdexcept>

namespace rookery::server {
namespace {

using Words = std::vector<std::string>;

class AdminSocketTest : public ::testing::Test {
 protected:
  AdminSocketTest() {
    std::string name = (std::filesystem::temp_directory_path() / "rookery-admin-XXXXXX").string();
    folder_ = mkdtemp(name.data());
    path_ = folder_ / "rookery.sock";
  }
  ~AdminSocketTest() override { std::filesystem::remove_all(folder_); }

  /// Sends `request`, ends its side and returns all that comes back.
  std::string ask(std::string_view request) const {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path_.c_str(), sizeof(address.sun_path) - 1);
    const int server = socket(AF_UNIX, SOCK_STREAM, 0);
    EXPECT_EQ(connect(server, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    EXPECT_EQ(send(server, request.data(), request.size(), MSG_NOSIGNAL), static_cast<ssize_t>(request.size()));
    shutdown(server, SHUT_WR);
    std::string answer;
    char buffer[256];
    for (ssize_t got; (got = recv(server, buffer, sizeof(buffer), 0)) > 0;) answer.append(buffer, size_t(got));
    close(server);
    return answer;
  }

  std::filesystem::path folder_, path_;
};

TEST_F(AdminSocketTest, SplitsTheFirstLineAndTakesTheSecondAsPassword) {
  Words words;
  std::string password;
  AdminSocket socket([&](const Words& got, const std::string& secret) {
    words = got;
    password = secret;
    return std::string("one\ntwo\nok\n");
  });
  ASSERT_TRUE(socket.start(path_));
  EXPECT_EQ(ask("account  add juliet@localhost\n  two words \n"), "one\ntwo\nok\n");
  EXPECT_EQ(words, (Words{"account", "add", "juliet@localhost"}));
  EXPECT_EQ(password, "  two words ");
}

TEST_F(AdminSocketTest, ACommandWithoutAPasswordLineHasAnEmptyPassword) {
  std::string password = "unset";
  AdminSocket socket([&](const Words&, const std::string& secret) {
    password = secret;
    return std::string("ok");
  });
  ASSERT_TRUE(socket.start(path_));
  EXPECT_EQ(ask("stats\n"), "ok\n");
  EXPECT_EQ(password, "");
}

// REQ 27
TEST_F(AdminSocketTest, OnlyTheOwnerMayConnect) {
  AdminSocket socket([](const Words&, const std::string&) { return std::string("ok"); });
  ASSERT_TRUE(socket.start(path_));
  struct stat found{};
  ASSERT_EQ(lstat(path_.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0600u);
}

TEST_F(AdminSocketTest, AHandlerThatThrowsIsAnErrorForTheClientAndTheNextOneIsServed) {
  AdminSocket socket([](const Words& words, const std::string&) -> std::string {
    if (words.front() == "throw") throw std::runtime_error("a bug");
    return "ok";
  });
  ASSERT_TRUE(socket.start(path_));
  EXPECT_EQ(ask("throw\n\n"), "error: internal error, see the log\n");
  EXPECT_EQ(ask("go on\n\n"), "ok\n");
}

TEST_F(AdminSocketTest, AnEmptyLineAndARequestWithoutEndAreErrors) {
  AdminSocket socket([](const Words&, const std::string&) { return std::string("ok"); });
  ASSERT_TRUE(socket.start(path_));
  EXPECT_EQ(ask("\n\n"), "error: no command\n");
  EXPECT_EQ(ask(std::string(20'000, 'x')).substr(0, 7), "error: ");
}

TEST_F(AdminSocketTest, RefusesASocketThatAnotherServerUses) {
  AdminSocket first([](const Words&, const std::string&) { return std::string("ok"); });
  AdminSocket second([](const Words&, const std::string&) { return std::string("ok"); });
  ASSERT_TRUE(first.start(path_));
  const auto status = second.start(path_);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().failure, Failure::conflict);
  EXPECT_EQ(ask("stats\n\n"), "ok\n");
}

TEST_F(AdminSocketTest, ReplacesTheSocketOfADeadServerButNoFile) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path_.c_str(), sizeof(address.sun_path) - 1);
  const int dead = ::socket(AF_UNIX, SOCK_STREAM, 0);
  ASSERT_EQ(bind(dead, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  close(dead);
  AdminSocket socket([](const Words&, const std::string&) { return std::string("ok"); });
  ASSERT_TRUE(socket.start(path_));
  socket.stop();
  EXPECT_FALSE(std::filesystem::exists(path_));

  std::ofstream(path_) << "precious";
  EXPECT_FALSE(socket.start(path_));
  EXPECT_TRUE(std::filesystem::is_regular_file(path_));
}

TEST_F(AdminSocketTest, StopsWhileAClientStalls) {
  AdminSocket socket([](const Words&, const std::string&) { return std::string("ok"); });
  ASSERT_TRUE(socket.start(path_));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path_.c_str(), sizeof(address.sun_path) - 1);
  const int stalled = ::socket(AF_UNIX, SOCK_STREAM, 0);
  ASSERT_EQ(connect(stalled, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  const auto begin = std::chrono::steady_clock::now();
  socket.stop();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));
  close(stalled);
}

}  // namespace
}  // namespace rookery::server
