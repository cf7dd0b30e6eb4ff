// What every backend of blobs must do; instantiated beside each of them.
#pragma once

#include <gtest/gtest.h>

#include "storage/blobs.h"
#include "tests/unit/storage/temporary_folder.h"

namespace rookery::storage {

struct BlobBackend {
  const char* name;
  std::function<Result<std::unique_ptr<BlobStore>>(const std::filesystem::path&)> open;
};

/// What every backend must do.
class BlobContract : public testing::TestWithParam<BlobBackend> {
 protected:
  void SetUp() override { reopen(); }
  void reopen() {
    blobs.reset();
    auto opened = GetParam().open(folder.path() / "blobs");
    ASSERT_TRUE(opened) << opened.error().message;
    blobs = std::move(*opened);
  }
  Status put(std::string_view key, std::string_view content) {
    auto writer = blobs->create(key);
    if (!writer) return std::unexpected(writer.error());
    if (auto status = (*writer)->append(content); !status) return status;
    return (*writer)->commit();
  }
  std::string get(std::string_view key) {
    auto reader = blobs->open(key);
    return reader ? (*reader)->read(0, SIZE_MAX).value() : "none";
  }

  TemporaryFolder folder;
  std::unique_ptr<BlobStore> blobs;
};

TEST_P(BlobContract, KeepsWhatWasCommittedOverAnOpening) {
  ASSERT_TRUE(put("key", "content"));
  reopen();
  EXPECT_EQ(get("key"), "content");
}

TEST_P(BlobContract, ReadsInPieces) {
  ASSERT_TRUE(put("key", "0123456789"));
  auto reader = blobs->open("key");
  ASSERT_TRUE(reader);
  EXPECT_EQ((*reader)->size(), 10u);
  EXPECT_EQ((*reader)->read(3, 4).value(), "3456");
  EXPECT_EQ((*reader)->read(8, 100).value(), "89");
  EXPECT_EQ((*reader)->read(10, 1).value(), "");
  EXPECT_EQ((*reader)->read(UINT64_MAX, 1).value(), "");
}

TEST_P(BlobContract, ForgetsWhatWasNotCommitted) {
  {
    auto writer = blobs->create("key");
    ASSERT_TRUE(writer);
    ASSERT_TRUE((*writer)->append("half"));
    EXPECT_EQ(blobs->open("key").error().failure, Failure::not_found);
  }
  EXPECT_EQ(blobs->open("key").error().failure, Failure::not_found);
  EXPECT_TRUE(put("key", "whole"));
}

TEST_P(BlobContract, NeverReplacesABlob) {
  auto slow = blobs->create("key");
  ASSERT_TRUE(slow && (*slow)->append("second"));
  ASSERT_TRUE(put("key", "first"));
  EXPECT_EQ((*slow)->commit().error().failure, Failure::conflict);
  EXPECT_EQ(get("key"), "first");
}

TEST_P(BlobContract, Removes) {
  ASSERT_TRUE(put("key", "content"));
  EXPECT_TRUE(blobs->remove("key"));
  EXPECT_EQ(blobs->open("key").error().failure, Failure::not_found);
  EXPECT_TRUE(blobs->remove("key")) << "absent is fine";
}

// REQ 26: no key leads out of the store.
TEST_P(BlobContract, RefusesKeysThatAreNone) {
  for (const auto& key : {std::string(), std::string("."), std::string(".."), std::string("../x"), std::string("a/b"),
                          std::string("a\0b", 3), std::string("é"), std::string(129, 'a')}) {
    EXPECT_EQ(blobs->create(key).error().failure, Failure::invalid) << key;
    EXPECT_EQ(blobs->open(key).error().failure, Failure::invalid) << key;
    EXPECT_EQ(blobs->remove(key).error().failure, Failure::invalid) << key;
  }
}

}  // namespace rookery::storage
