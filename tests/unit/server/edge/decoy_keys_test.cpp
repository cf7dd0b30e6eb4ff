#include <gtest/gtest.h>

#include <map>

#include "server/edge/client_auth.h"

namespace rookery::server {
namespace {

using crypto::Hash;
constexpr storage::KeyKind usual{.hash = Hash::sha1, .iterations = 100'000, .salt_bytes = 16};
constexpr storage::KeyKind imported{.hash = Hash::sha1, .iterations = 4096, .salt_bytes = 36};
constexpr storage::KeyKind other_hash{.hash = Hash::sha256, .iterations = 5000, .salt_bytes = 12};

std::map<uint32_t, int> counts(const std::vector<storage::KeyKind>& kinds) {
  std::map<uint32_t, int> found;
  for (int i = 0; i < 400; ++i) {
    const auto keys = decoy_keys(kinds, usual, "secret", "nobody" + std::to_string(i) + "@example.com");
    EXPECT_EQ(keys.hash, Hash::sha1);
    EXPECT_EQ(keys.salt.size(), keys.iterations == usual.iterations ? usual.salt_bytes : imported.salt_bytes);
    ++found[keys.iterations];
  }
  return found;
}

// REQ 11: an imported account is told by its iterations from no name that nobody has.
TEST(DecoyKeys, ShowEveryKindThatAccountsHave) {
  EXPECT_EQ(counts({}), (std::map<uint32_t, int>{{100'000, 400}}));
  EXPECT_EQ(counts({usual, other_hash}), (std::map<uint32_t, int>{{100'000, 400}}));
  auto both = counts({imported, other_hash, usual});
  EXPECT_EQ(both.size(), 2u);
  EXPECT_GT(both[4096], 100);
  EXPECT_GT(both[100'000], 100);
}

TEST(DecoyKeys, StayTheSameForAName) {
  const auto keys = [](std::string_view name) { return decoy_keys({imported}, usual, "secret", name); };
  EXPECT_EQ(keys("nobody@example.com").salt, keys("nobody@example.com").salt);
  EXPECT_NE(keys("nobody@example.com").salt, keys("nobody@example.org").salt);
}

}  // namespace
}  // namespace rookery::server
