#include "server/net/proxy_protocol.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <future>

namespace rookery::server {
namespace {

using namespace std::string_literals;

// Addresses of RFC 5737 and RFC 3849.
const std::string signature = "\r\n\r\n\0\r\nQUIT\n"s;
const std::string ipv4 = "\xc0\x00\x02\x07\x0a\x00\x00\x01\x9c\x40\x14\x66"s;  // 192.0.2.7:40000 to 10.0.0.1:5222
const std::string ipv6 =
    "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\x9c\x40\x14\x66"s;

std::string header(char command, char family, const std::string& body) {
  return signature + command + family + static_cast<char>(body.size() >> 8) + static_cast<char>(body.size() & 0xff) +
         body;
}

std::string client_of(const std::string& bytes) {
  const auto parsed = parse_proxy_header(bytes);
  return parsed ? parsed->client_ip : "refused: " + std::string(parsed.error());
}

TEST(ProxyHeader, SaysWhoseAConnectionIs) {
  EXPECT_EQ(client_of(header('\x21', '\x11', ipv4)), "192.0.2.7");
  EXPECT_EQ(client_of(header('\x21', '\x21', ipv6)), "2001:db8::7");
}

TEST(ProxyHeader, OfAHealthCheckNamesNobody) {
  EXPECT_EQ(client_of(header('\x20', '\0', "")), "");
  EXPECT_EQ(client_of(header('\x20', '\x11', ipv4)), "") << "§2.2: the addresses of LOCAL are to be ignored";
}

TEST(ProxyHeader, TakesTlvsThatItDoesNotKnow) {
  EXPECT_EQ(client_of(header('\x21', '\x11', ipv4 + "\x02\x00\x03"s + "abc" + "\x04\x00\x00"s)), "192.0.2.7");
}

TEST(ProxyHeader, RefusesTlvsThatAreCutOff) {
  EXPECT_EQ(client_of(header('\x21', '\x11', ipv4 + "\x02\x00"s)), "refused: a TLV is cut off");
  EXPECT_EQ(client_of(header('\x21', '\x11', ipv4 + "\x02\x00\x04"s + "abc")),
            "refused: a TLV is longer than the header");
}

TEST(ProxyHeader, HoldsAChecksumToItsWord) {
  // CRC-32c of the header with four zeros in its place, calculated by another program.
  const std::string right = header('\x21', '\x11', ipv4 + "\x03\x00\x04\x31\xff\xac\x26"s);
  EXPECT_EQ(client_of(right), "192.0.2.7");
  for (const size_t at : {17u, 34u}) {
    std::string wrong = right;
    wrong[at] = static_cast<char>(wrong[at] ^ 1);
    EXPECT_EQ(client_of(wrong), "refused: the checksum is wrong") << at;
  }
}

TEST(ProxyHeader, RefusesWhatIsNotTcpOverIp) {
  for (const char family : {'\0', '\x10', '\x12', '\x22', '\x31', '\x41'}) {
    EXPECT_EQ(client_of(header('\x21', family, ipv6)), "refused: it is not about TCP over IPv4 or IPv6") << int{family};
  }
}

TEST(ProxyHeader, RefusesOtherVersionsCommandsAndLengths) {
  EXPECT_EQ(client_of(header('\x11', '\x11', ipv4)), "refused: unknown version or command");
  EXPECT_EQ(client_of(header('\x22', '\x11', ipv4)), "refused: unknown version or command");
  EXPECT_EQ(client_of(header('\x21', '\x11', ipv4.substr(1))), "refused: its addresses are cut off");
  EXPECT_EQ(client_of(header('\x21', '\x21', ipv4)), "refused: its addresses are cut off");
  EXPECT_EQ(client_of(header('\x21', '\x11', ipv4) + "x"), "refused: its length is wrong");
  EXPECT_EQ(client_of(header('\x21', '\x11', std::string(5000, '\0'))), "refused: it is too long");
  EXPECT_EQ(client_of("PROXY TCP4 192.0.2.7 10.0.0.1 40000 5222\r\n"),
            "refused: it does not begin with PROXY protocol 2");
  EXPECT_EQ(client_of(signature), "refused: it is cut off");
}

TEST(Networks, HoldAddressesOfBothFamilies) {
  const auto networks = Networks::parse({"10.1.0.0/16", "192.0.2.7", "2001:db8::/33", "172.16.0.0/12"});
  ASSERT_TRUE(networks);
  for (const auto* ip : {"10.1.255.3", "192.0.2.7", "2001:db8:7fff::1", "172.31.0.1", "::ffff:10.1.0.1"})
    EXPECT_TRUE(networks->contains(ip)) << ip;
  for (const auto* ip : {"10.2.0.0", "192.0.2.8", "2001:db8:8000::1", "172.32.0.1", "::1", "", "nonsense"})
    EXPECT_FALSE(networks->contains(ip)) << ip;
}

TEST(Networks, RefuseWhatIsNone) {
  for (const auto* text : {"10.0.0.0/33", "10.0.0.0/", "10.0.0.0/8x", "example.org", "::/129", "10.0.0.0/-1", ""})
    EXPECT_FALSE(Networks::parse({text})) << text;
}

class Gate : public ::testing::Test {
 protected:
  Gate() {
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sockets_), 0);
    loop_.start();
  }
  ~Gate() {
    loop_.stop();
    gate_.reset();
    close(sockets_[0]);
  }
  void take(const std::string& peer) {
    loop_.post([this, peer] {
      gate_ =
          std::make_unique<ProxyGate>(loop_, *Networks::parse({"10.0.0.0/8"}), [this](int fd, const std::string& ip) {
            char byte = 0;
            const bool more = recv(fd, &byte, 1, 0) == 1;
            close(fd);
            accepted_.set_value(ip + (more ? std::string(" and ") + byte : ""));
          });
      gate_->take(sockets_[1], peer);
    });
  }
  void send(const std::string& bytes) {
    ASSERT_EQ(::send(sockets_[0], bytes.data(), bytes.size(), MSG_NOSIGNAL), static_cast<ssize_t>(bytes.size()));
  }
  /// Waits for the other end to close.
  bool is_closed() {
    fd_set set;
    FD_ZERO(&set);
    FD_SET(sockets_[0], &set);
    timeval patience{10, 0};
    char byte = 0;
    return select(sockets_[0] + 1, &set, nullptr, nullptr, &patience) == 1 && recv(sockets_[0], &byte, 1, 0) <= 0;
  }

  Loop loop_{0};
  int sockets_[2] = {-1, -1};
  std::unique_ptr<ProxyGate> gate_;
  std::promise<std::string> accepted_;
};

TEST_F(Gate, HandsTheConnectionOnWithTheByteAfterTheHeaderUnread) {
  const std::string bytes = header('\x21', '\x11', ipv4) + "<";
  for (const char c : bytes) send({c});
  take("10.0.0.1");
  EXPECT_EQ(accepted_.get_future().get(), "192.0.2.7 and <");
}

TEST_F(Gate, ReadsAHeaderThatComesInPieces) {
  take("10.0.0.1");
  const std::string bytes = header('\x21', '\x21', ipv6);
  send(bytes.substr(0, 20));
  send(bytes.substr(20));
  EXPECT_EQ(accepted_.get_future().get(), "2001:db8::7");
}

TEST_F(Gate, AHealthCheckIsTheProxysOwn) {
  send(header('\x20', '\0', ""));
  take("10.0.0.1");
  EXPECT_EQ(accepted_.get_future().get(), "10.0.0.1");
}

TEST_F(Gate, ClosesWhoIsNoProxyWithoutReading) {
  take("192.0.2.9");
  EXPECT_TRUE(is_closed());
}

TEST_F(Gate, ClosesWhatDoesNotBeginWithAHeader) {
  send("<?xml version='1.0'?><stream:stream>");
  take("10.0.0.1");
  EXPECT_TRUE(is_closed());
}

}  // namespace
}  // namespace rookery::server
