// What every backend of the relational stores must do. A backend's test instantiates the suite with its factory:
//   INSTANTIATE_TEST_SUITE_P(Sqlite, StoresContract, testing::Values(StoresBackend{"sqlite", open}));
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <functional>

#include "storage/stores.h"
#include "tests/unit/storage/temporary_folder.h"

namespace rookery::storage {

struct StoresBackend {
  const char* name;
  /// Opens the stores whose data lives in (or is named after) the folder; called again after they were destroyed.
  std::function<Result<std::unique_ptr<Stores>>(const std::filesystem::path& folder)> open;
};
inline void PrintTo(const StoresBackend& backend, std::ostream* out) { *out << backend.name; }

class StoresContract : public testing::TestWithParam<StoresBackend> {
 protected:
  void SetUp() override { reopen(); }
  void reopen() {
    stores.reset();
    auto opened = GetParam().open(folder.path());
    ASSERT_TRUE(opened) << opened.error().message;
    stores = std::move(*opened);
  }
  static xmpp::Jid jid(std::string_view text) { return xmpp::Jid::parse(text).value(); }
  static Account account(std::string_view text) {
    return {.jid = jid(text),
            .keys = {{.hash = crypto::Hash::sha1,
                      .salt = std::string("\0s\xff", 3),
                      .iterations = 4096,
                      .stored_key = "k1",
                      .server_key = "v1"},
                     {.hash = crypto::Hash::sha256,
                      .salt = "salt",
                      .iterations = 100'000,
                      .stored_key = "k2",
                      .server_key = "v2"}},
            .created = TimePoint(std::chrono::microseconds(1'700'000'000'000'001))};
  }
  void expect_ok(const Status& status) { EXPECT_TRUE(status) << status.error().message; }

  TemporaryFolder folder;
  std::unique_ptr<Stores> stores;
  const xmpp::Jid juliet = jid("juliet@example.com"), romeo = jid("romeo@example.org"),
                  nurse = jid("nurse@example.com");
};

}  // namespace rookery::storage
