#include "server/xeps.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "server/node.h"

namespace rookery::server {
namespace {

FeatureRegistry& registry() {
  static Node node{Config{}};
  static FeatureRegistry all;  // handlers keep its address
  if (all.xeps().empty()) install_features(node, all);
  return all;
}

TEST(Xeps, ThePageInDocsIsWhatTheCodeSays) {
  std::ifstream file(ROOKERY_SOURCE_DIR "/docs/xeps.md");
  std::stringstream page;
  page << file.rdbuf();
  EXPECT_EQ(page.str(), xeps_page(registry())) << "write it anew: rookeryd --xeps > docs/xeps.md";
}

TEST(Xeps, EachNamesTestsThatExist) {
  for (const Xep& xep : registry().xeps()) {
    EXPECT_FALSE(xep.tests.empty()) << xep.name;
    std::stringstream list{std::string(xep.tests)};
    for (std::string one; std::getline(list, one, ',');) {
      one.erase(0, one.find_first_not_of(' '));
      EXPECT_TRUE(std::filesystem::exists(std::string(ROOKERY_SOURCE_DIR "/tests/") + one)) << xep.name << ": " << one;
    }
  }
}

TEST(Xeps, NoneIsClaimedTwice) {
  std::set<int> seen;
  for (const Xep& xep : registry().xeps()) EXPECT_TRUE(seen.insert(xep.number).second) << xep.name;
  // What the core says of itself is in the page alone.
  std::istringstream page(xeps_page(registry()));
  std::set<std::string> rows;
  for (std::string line; std::getline(page, line);) {
    if (!line.starts_with("| [")) continue;
    EXPECT_TRUE(rows.insert(line.substr(0, line.find(']'))).second) << line;
  }
}

}  // namespace
}  // namespace rookery::server
