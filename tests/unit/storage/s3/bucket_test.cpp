// Blobs in a bucket of a real object store, which verifies signatures and digests.
#include "storage/s3/bucket.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include "crypto/hash.h"
#include "tests/unit/storage/blobs_contract.h"
#include "tests/unit/storage/s3/server.h"

namespace rookery::storage {

namespace {

using testing::HasSubstr;

/// The server has one bucket: so each test has its own letters before the keys.
class Prefixed final : public BlobStore {
 public:
  Prefixed(std::unique_ptr<BlobStore> store, std::string prefix)
      : store_(std::move(store)), prefix_(std::move(prefix)) {}
  Result<std::unique_ptr<BlobWriter>> create(std::string_view key) override { return store_->create(full(key)); }
  Result<std::unique_ptr<BlobReader>> open(std::string_view key) override { return store_->open(full(key)); }
  Status remove(std::string_view key) override { return store_->remove(full(key)); }
  std::string link(std::string_view key, const BlobLink& link) const override { return store_->link(full(key), link); }
  Status check() override { return store_->check(); }
  void stop() override { store_->stop(); }

 private:
  std::string full(std::string_view key) const {
    return is_blob_key(key) ? prefix_ + std::string(key) : std::string(key);
  }
  const std::unique_ptr<BlobStore> store_;
  const std::string prefix_;
};

Result<std::unique_ptr<BlobStore>> open_prefixed(const std::filesystem::path& folder) {
  auto opened = open_blob_bucket(s3::TestServer::shared().options(folder));
  if (!opened) return opened;
  return std::make_unique<Prefixed>(std::move(*opened), folder.parent_path().filename().string());
}

INSTANTIATE_TEST_SUITE_P(Bucket, BlobContract, testing::Values(BlobBackend{"bucket", open_prefixed}));

class BucketTest : public testing::Test {
 protected:
  std::unique_ptr<BlobStore> open() {
    auto opened = open_blob_bucket(options);
    EXPECT_TRUE(opened) << opened.error().message;
    return std::move(*opened);
  }
  static Status put(BlobStore& blobs, std::string_view key, std::string_view content) {
    auto writer = blobs.create(key);
    if (!writer) return std::unexpected(writer.error());
    if (auto status = (*writer)->append(content); !status) return status;
    return (*writer)->commit();
  }
  /// As a client that was sent there.
  static s3::HttpReply follow(const std::string& url, s3::Pairs headers = {}) {
    s3::HttpClient client({});
    auto reply = client.perform({.method = "GET", .url = url, .headers = std::move(headers)});
    return reply ? *reply : s3::HttpReply{};
  }

  TemporaryFolder folder;
  BucketOptions options = s3::TestServer::shared().options(folder.path());
};

TEST_F(BucketTest, CarriesMoreThanOneWindow) {
  const auto blobs = open();
  std::string content(3'000'000, '\0');
  for (size_t i = 0; i < content.size(); ++i) content[i] = static_cast<char>(i * 2654435761u >> 24);
  ASSERT_TRUE(put(*blobs, "large", content));
  auto reader = blobs->open("large");
  ASSERT_TRUE(reader);
  std::string got;
  while (got.size() < content.size()) {
    auto piece = (*reader)->read(got.size(), 128 * 1024);
    ASSERT_TRUE(piece && !piece->empty());
    got += *piece;
  }
  EXPECT_EQ(got, content);
  EXPECT_EQ((*reader)->read(0, SIZE_MAX).value(), content);
  EXPECT_EQ((*reader)->read(1'000'000, 100'000).value(), content.substr(1'000'000, 100'000));
}

TEST_F(BucketTest, LinksLeadToTheContentAndSayWhatItIs) {
  const auto blobs = open();
  ASSERT_TRUE(put(*blobs, "linked", "0123456789"));
  const auto url = blobs->link("linked", {.type = "image/png", .disposition = "inline; filename*=UTF-8''a%20b.png"});
  EXPECT_EQ(follow(url).status, 200);
  EXPECT_EQ(follow(url).body, "0123456789");
  EXPECT_EQ(follow(url, {{"range", "bytes=2-4"}}).body, "234");
}

TEST_F(BucketTest, LinksAreGoodForTheirOwnRequestOnly) {
  const auto blobs = open();
  ASSERT_TRUE(put(*blobs, "one", "1") && put(*blobs, "two", "2"));
  const auto url = blobs->link("one", {.type = "text/plain", .disposition = "attachment"});
  auto changed = [&url](std::string_view from, std::string_view to) {
    return std::string(url).replace(url.find(from), from.size(), to);
  };
  EXPECT_EQ(follow(url).status, 200);
  EXPECT_EQ(follow(changed("/one", "/two")).status, 403);
  EXPECT_EQ(follow(changed("text%2Fplain", "text%2Fhtml")).status, 403);
  EXPECT_EQ(follow(changed("X-Amz-Expires=300", "X-Amz-Expires=301")).status, 403);
}

// As AWS wants it; curl knows by itself where *.localhost is (RFC 6761 §6.3).
TEST_F(BucketTest, IsFoundByTheNameOfItsHost) {
  options.endpoint.replace(options.endpoint.find("127.0.0.1"), 9, "localhost");
  options.public_endpoint = options.endpoint;
  options.path_style = false;
  const auto blobs = open();
  ASSERT_TRUE(blobs->check()) << blobs->check().error().message;
  ASSERT_TRUE(put(*blobs, "by_host", "12345"));
  const auto url = blobs->link("by_host", {.type = "text/plain", .disposition = "attachment"});
  EXPECT_THAT(url, testing::StartsWith("http://uploads.localhost:"));
  EXPECT_EQ(follow(url).body, "12345");
  EXPECT_TRUE(blobs->remove("by_host"));
}

TEST_F(BucketTest, HasNoLinksUnlessClientsReachIt) {
  options.public_endpoint.clear();
  EXPECT_EQ(open()->link("one", {}), "");
}

TEST_F(BucketTest, SaysThatAKeyIsWrong) {
  ASSERT_TRUE(open()->check());
  options.secret_key_file = s3::key_file(folder.path(), "wrong", "guessed");
  const auto blobs = open();
  EXPECT_EQ(blobs->check().error().failure, Failure::denied);
  EXPECT_THAT(blobs->check().error().message, HasSubstr("403 SignatureDoesNotMatch"));
  EXPECT_EQ(put(*blobs, "refused", "x").error().failure, Failure::denied);
}

TEST_F(BucketTest, TheStoreVerifiesWhatArrives) {
  s3::Bucket bucket(*s3::parse_endpoint(options.endpoint, options.bucket, true), {},
                    {.access_key = "test:tester",
                     .secret_key = crypto::Secret(std::string_view("testing")),
                     .region = options.region},
                    {});
  const int file = ::open((folder.path() / "content").c_str(), O_RDWR | O_CREAT, 0600);
  ASSERT_EQ(::write(file, "12345", 5), 5);
  const auto put = [&](std::string_view claimed) {
    return bucket.put(
        "verified",
        {.file = file, .bytes = 5, .sha256 = crypto::hex_encode(crypto::digest(crypto::Hash::sha256, claimed))});
  };
  EXPECT_THAT(put("12346").error().message, HasSubstr("400 "));
  EXPECT_EQ(bucket.size("verified").error().failure, Failure::not_found);
  EXPECT_TRUE(put("12345"));
  ::close(file);
}

TEST_F(BucketTest, SaysThatThereIsNoSuchBucket) {
  options.bucket = "another";
  const auto blobs = open();
  EXPECT_THAT(blobs->check().error().message, HasSubstr("404 NoSuchBucket"));
  EXPECT_FALSE(put(*blobs, "key", "x"));
  EXPECT_FALSE(blobs->remove("key")) << "nothing was deleted";
}

TEST_F(BucketTest, SaysThatTheStoreIsAway) {
  options.endpoint = "http://127.0.0.1:1";
  const auto blobs = open();
  EXPECT_EQ(blobs->check().error().failure, Failure::unavailable);
  EXPECT_EQ(put(*blobs, "key", "x").error().failure, Failure::unavailable);
  EXPECT_EQ(blobs->open("key").error().failure, Failure::unavailable);
  EXPECT_EQ(blobs->remove("key").error().failure, Failure::unavailable);
}

TEST_F(BucketTest, CallsFailOnceItWasStopped) {
  const auto blobs = open();
  blobs->stop();
  EXPECT_EQ(blobs->check().error().failure, Failure::unavailable);
}

TEST_F(BucketTest, LeavesNoFileBehindAnUnfinishedBlob) {
  const auto blobs = open();
  auto writer = blobs->create("half");
  ASSERT_TRUE(writer && (*writer)->append("half"));
  EXPECT_TRUE(std::filesystem::is_empty(options.folder)) << "nothing that a killed process could leave";
}

TEST_F(BucketTest, RefusesKeysThatEverybodyCanRead) {
  std::filesystem::permissions(options.secret_key_file, std::filesystem::perms::others_read,
                               std::filesystem::perm_options::add);
  EXPECT_THAT(open_blob_bucket(options).error().message, HasSubstr("chmod 600"));
  options.secret_key_file = s3::key_file(folder.path(), "empty", "");
  EXPECT_THAT(open_blob_bucket(options).error().message, HasSubstr("no key"));
  options.secret_key_file = folder.path() / "absent";
  EXPECT_THAT(open_blob_bucket(options).error().message, HasSubstr("cannot read"));
}

TEST(BucketEndpoint, IsAHostAndNothingElse) {
  for (const auto* good :
       {"https://s3.example.org", "https://s3.example.org/", "http://127.0.0.1:9000", "https://[::1]:9000"}) {
    EXPECT_TRUE(is_bucket_endpoint(good)) << good;
  }
  for (const auto* bad : {"", "https://", "s3.example.org", "ftp://s3.example.org", "https://user@host",
                          "https://host/path", "https://host?x"}) {
    EXPECT_FALSE(is_bucket_endpoint(bad)) << bad;
  }
  EXPECT_EQ(s3::parse_endpoint("https://s3.example.org:443", "b", false)->host, "b.s3.example.org");
  EXPECT_EQ(s3::parse_endpoint("https://s3.example.org", "b", true)->request("GET", "key").path, "/b/key");
  EXPECT_EQ(s3::parse_endpoint("https://s3.example.org", "b", false)->request("GET", "").path, "/");
}

}  // namespace
}  // namespace rookery::storage
