// A folder that goes with the test, and a database in it.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "client/core/store/local_store.h"
#include "crypto/random.h"

namespace rookery::client {

struct Scratch {
  std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("rookery-client-test-" + crypto::random_token());
  Scratch() { std::filesystem::create_directory(folder); }
  ~Scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(folder, ignored);
  }
  std::unique_ptr<LocalStore> open() const {
    KeyOptions options;
    options.source = KeySource::key_file;
    auto store = LocalStore::open(folder / "a.db", options);
    EXPECT_TRUE(store) << store.error().message;
    return std::move(*store);
  }
};

}  // namespace rookery::client
