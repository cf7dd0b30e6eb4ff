#include "client/core/net/service_records.h"

#include <gtest/gtest.h>

#include <map>

namespace rookery::client {
namespace {

std::string number16(uint16_t value) { return {static_cast<char>(value >> 8), static_cast<char>(value & 0xff)}; }

std::string name(std::string_view dotted) {
  std::string wire;
  while (!dotted.empty()) {
    const auto label = dotted.substr(0, dotted.find('.'));
    wire += static_cast<char>(label.size());
    wire += label;
    dotted.remove_prefix(std::min(label.size() + 1, dotted.size()));
  }
  return wire + '\0';
}

std::string srv(uint16_t priority, uint16_t weight, uint16_t port, std::string_view host) {
  const std::string data = number16(priority) + number16(weight) + number16(port) + name(host);
  return "\xc0\x0c" + number16(33) + number16(1) + std::string(4, '\0') + number16(static_cast<uint16_t>(data.size())) +
         data;
}

/// RFC 1035 §4: a header, the question, and these records.
std::string answer(const std::vector<std::string>& records) {
  std::string message = number16(1) + "\x81\x80" + number16(1) + number16(static_cast<uint16_t>(records.size())) +
                        std::string(4, '\0') + name("_xmpp-client._tcp.example.org") + number16(33) + number16(1);
  for (const auto& record : records) message += record;
  return message;
}

std::vector<std::string> hosts(const std::vector<ServiceTarget>& targets) {
  std::vector<std::string> names;
  for (const auto& target : targets) names.push_back(target.host);
  return names;
}

constexpr auto never = [](uint32_t) { return 0u; };

TEST(ServiceRecords, AreReadFromAnAnswer) {
  const auto found =
      parse_srv_answer(answer({srv(5, 10, 5223, "a.example.org"), srv(7, 0, 443, "b.example.org")}), true);
  EXPECT_EQ(found,
            (std::vector<ServiceTarget>{{"a.example.org", 5223, true, 5, 10}, {"b.example.org", 443, true, 7, 0}}));
}

TEST(ServiceRecords, AnythingMayStandInAnAnswer) {
  const auto whole = answer({srv(5, 10, 5223, "a.example.org")});
  for (size_t size = 0; size < whole.size(); ++size)
    EXPECT_TRUE(parse_srv_answer(whole.substr(0, size), false).empty());
  EXPECT_TRUE(parse_srv_answer(answer({srv(5, 10, 0, "a.example.org")}), false).empty());
}

// RFC 2782: "." says that there is no such service. XEP-0368 §2: then those of the other kind count.
TEST(ServiceRecords, APointIsNoHost) {
  auto direct = parse_srv_answer(answer({srv(0, 0, 0, "")}), true);
  ASSERT_EQ(direct.size(), 1u);
  EXPECT_TRUE(in_order(direct, never).empty());
  direct.push_back({"a.example.org", 5222, false, 9, 0});
  EXPECT_EQ(hosts(in_order(direct, never)), std::vector<std::string>{"a.example.org"});
}

// XEP-0368 §2: priorities of both kinds are mixed.
TEST(ServiceRecords, BothKindsAreTriedInOneOrder) {
  const std::vector<ServiceTarget> targets = {
      {"direct-last", 443, true, 30, 0}, {"direct-first", 5223, true, 5, 0}, {"starttls", 5222, false, 10, 0}};
  EXPECT_EQ(hosts(in_order(targets, never)), (std::vector<std::string>{"direct-first", "starttls", "direct-last"}));
}

// RFC 2782: in proportion to their weights.
TEST(ServiceRecords, EqualsAreDrawnByWeight) {
  std::map<std::string, int> first;
  for (uint32_t drawn = 0; drawn <= 40; ++drawn) {
    const auto ordered = in_order({{"one", 1, false, 1, 10}, {"three", 1, false, 1, 30}, {"none", 1, false, 1, 0}},
                                  [&](uint32_t most) { return std::min(drawn, most); });
    EXPECT_EQ(ordered.size(), 3u);
    ++first[ordered.front().host];
  }
  EXPECT_EQ(first["none"], 1);
  EXPECT_EQ(first["one"], 10);
  EXPECT_EQ(first["three"], 30);
}

TEST(ServiceRecords, ADomainWithoutRecordsIsTriedItself) {
  const auto found = find_service("rookery.invalid");
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found.front().host, "rookery.invalid");
  EXPECT_EQ(found.front().port, 5222);
  EXPECT_FALSE(found.front().direct_tls);
}

}  // namespace
}  // namespace rookery::client
