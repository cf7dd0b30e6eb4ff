// A private object store for tests: Debian's OpenStack Swift with its S3 interface, on a free loopback port.
#pragma once

#include <sys/types.h>

#include <string>

#include "storage/blobs.h"
#include "tests/unit/storage/temporary_folder.h"

namespace rookery::storage::s3 {

class TestServer {
 public:
  /// The one that all tests share; ends with the program.
  static TestServer& shared();

  TestServer();
  ~TestServer();
  TestServer(const TestServer&) = delete;
  TestServer& operator=(const TestServer&) = delete;

  std::string endpoint() const { return "http://127.0.0.1:" + std::to_string(port_); }
  /// Of its one bucket; files and keys are in `folder`.
  BucketOptions options(const std::filesystem::path& folder) const;

 private:
  TemporaryFolder folder_;
  int port_ = 0;
  pid_t pid_ = -1;
};

/// A file with this one line that only its owner can read.
std::filesystem::path key_file(const std::filesystem::path& folder, const std::string& name, const std::string& key);

}  // namespace rookery::storage::s3
