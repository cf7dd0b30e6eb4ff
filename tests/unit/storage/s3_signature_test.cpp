// The examples of the Amazon S3 API reference, "Authenticating Requests (AWS Signature Version 4)".
#include <gtest/gtest.h>

#include "crypto/hash.h"
#include "storage/s3/signature.h"

namespace rookery::storage::s3 {
namespace {

constexpr std::chrono::sys_seconds then{std::chrono::seconds(1369353600)};  // 2013-05-24T00:00:00Z
constexpr std::string_view of_nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

Signer signer() {
  return {.access_key = "AKIAIOSFODNN7EXAMPLE",
          .secret_key = crypto::Secret(std::string_view("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")),
          .region = "us-east-1"};
}

Request request(std::string method, std::string path, Pairs query = {}, Pairs headers = {}) {
  return {.method = std::move(method),
          .host = "examplebucket.s3.amazonaws.com",
          .path = std::move(path),
          .query = std::move(query),
          .headers = std::move(headers)};
}

std::string value(const Pairs& headers, std::string_view name) {
  for (const auto& [key, value] : headers) {
    if (key == name) return value;
  }
  return "none";
}

std::string authorization(Request request, std::string_view payload_hash = of_nothing) {
  return value(signer().sign(std::move(request), payload_hash, then), "authorization");
}

constexpr std::string_view credential =
    "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, SignedHeaders=";

TEST(S3Signature, PresignsTheExampleOfTheReference) {
  EXPECT_EQ(signer().presign(request("GET", "/test.txt"), then, std::chrono::hours(24)),
            "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_"
            "request"
            "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
            "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404");
}

TEST(S3Signature, SignsAGetOfARange) {
  EXPECT_EQ(authorization(request("GET", "/test.txt", {}, {{"range", "bytes=0-9"}})),
            std::string(credential) +
                "host;range;x-amz-content-sha256;x-amz-date, "
                "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
}

TEST(S3Signature, SignsAPut) {
  const std::string hash = crypto::hex_encode(crypto::digest(crypto::Hash::sha256, "Welcome to Amazon S3."));
  EXPECT_EQ(
      authorization(request("PUT", "/test%24file.text", {},
                            {{"date", "Fri, 24 May 2013 00:00:00 GMT"}, {"x-amz-storage-class", "REDUCED_REDUNDANCY"}}),
                    hash),
      std::string(credential) +
          "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class, "
          "Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
}

TEST(S3Signature, SignsAQueryWithoutValueAndOneWithTwo) {
  const std::string names = "host;x-amz-content-sha256;x-amz-date, ";
  EXPECT_EQ(
      authorization(request("GET", "/", {{"lifecycle", ""}})),
      std::string(credential) + names + "Signature=fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
  EXPECT_EQ(
      authorization(request("GET", "/", {{"prefix", "J"}, {"max-keys", "2"}})),
      std::string(credential) + names + "Signature=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

TEST(S3Signature, SendsWhatItHasSigned) {
  const Pairs headers = signer().sign(request("GET", "/test.txt", {}, {{"range", "bytes=0-9"}}), of_nothing, then);
  EXPECT_EQ(value(headers, "host"), "examplebucket.s3.amazonaws.com");
  EXPECT_EQ(value(headers, "range"), "bytes=0-9");
  EXPECT_EQ(value(headers, "x-amz-date"), "20130524T000000Z");
  EXPECT_EQ(value(headers, "x-amz-content-sha256"), of_nothing);
}

TEST(S3Signature, EncodesAQueryAsItIsSigned) {
  EXPECT_EQ(encode_query({{"b", "é /"}, {"a", "x~y"}}), "a=x~y&b=%C3%A9%20%2F");
}

}  // namespace
}  // namespace rookery::storage::s3
