#include "storage/blobs.h"

#include <gtest/gtest.h>

#include "tests/unit/storage/blobs_contract.h"

namespace rookery::storage {
namespace {

INSTANTIATE_TEST_SUITE_P(Folder, BlobContract, testing::Values(BlobBackend{"folder", open_blob_folder}));

TEST(BlobFolder, ThrowsAwayWhatAKilledProcessLeft) {
  TemporaryFolder folder;
  ASSERT_TRUE(open_blob_folder(folder.path()));
  FILE* left = fopen((folder.path() / "unfinished" / "key.1").c_str(), "w");
  ASSERT_NE(left, nullptr);
  fclose(left);
  ASSERT_TRUE(open_blob_folder(folder.path()));
  EXPECT_TRUE(std::filesystem::is_empty(folder.path() / "unfinished"));
}

TEST(BlobFolder, SaysThatTheFolderCannotBe) { EXPECT_EQ(open_blob_folder("/proc/none").error().failure, Failure::io); }

}  // namespace
}  // namespace rookery::storage
