#include "storage/rocksdb/rocksdb_log.h"

#include <rocksdb/file_system.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <future>

#include "tests/unit/storage/message_log_contract.h"

namespace rookery::storage {

INSTANTIATE_TEST_SUITE_P(Rocksdb, MessageLogContract, testing::Values(LogBackend{"rocksdb", [](const auto& folder) {
                                                                                   return open_rocksdb(folder);
                                                                                 }}));

namespace {

const std::string juliet = "juliet@example.com";

/// Writes batches of two entries until it is killed; `durable` is the last batch whose done has run.
[[noreturn]] void commit_until_killed(const std::filesystem::path& folder, std::atomic<uint64_t>& durable) {
  auto log = open_rocksdb(folder, {.memtable_bytes = 256 * 1024});
  if (!log) _exit(1);
  for (LogId batch = durable + 1;; ++batch) {
    while (batch > durable + 500) usleep(100);  // bounded, so that the queue does not outgrow the test
    LogEntry a = entry(juliet, 2 * batch), b = entry(juliet, 2 * batch + 1);
    a.xml.resize(400, ' ');
    (*log)->commit({.entries = {a, b}}, [&durable, batch](const Status& status) {
      if (!status) _exit(1);
      durable = batch;
    });
  }
}

TEST(RocksdbLog, HasAfterAKillEverythingWhoseDoneRanAndNoHalfBatches) {
  const TemporaryFolder folder;
  void* shared =
      mmap(nullptr, sizeof(std::atomic<uint64_t>), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(shared, MAP_FAILED);
  auto& durable = *new (shared) std::atomic<uint64_t>(0);
  // This process opens the log only at the end: RocksDB's threads do not live on in a forked child.
  for (uint64_t round = 1; round <= 3; ++round) {
    const pid_t child = fork();
    if (child == 0) commit_until_killed(folder.path(), durable);
    while (durable < round * 700 && waitpid(child, nullptr, WNOHANG) == 0) usleep(200);
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    ASSERT_GE(durable, round * 700) << "the child failed";
  }
  auto log = open_rocksdb(folder.path());
  ASSERT_TRUE(log) << log.error().message;
  const auto page = (*log)->query({.owner = juliet, .limit = 1'000'000}).value();
  ASSERT_GE(page.entries.size(), 2 * durable);
  EXPECT_EQ(page.entries.size() % 2, 0u) << "half a batch";
  for (size_t i = 0; i < page.entries.size(); ++i) ASSERT_EQ(page.entries[i].id, i + 2) << "a hole";
  munmap(shared, sizeof(std::atomic<uint64_t>));
}

// REQ 20
TEST(RocksdbLog, IsForOneAtATimeAndSaysSo) {
  const TemporaryFolder folder;
  const auto first = open_rocksdb(folder.path() / "log");
  ASSERT_TRUE(first);
  const auto second = open_rocksdb(folder.path() / "log");
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().message.find("another rookeryd"), std::string::npos) << second.error().message;
}

TEST(RocksdbLog, TellsFromMemoryWhetherAMessageIsNewOrFresh) {
  const TemporaryFolder folder;
  auto log = open_rocksdb(folder.path()).value();
  const std::string fresh(16, 'a'), unknown(16, 'b');
  ASSERT_TRUE(commit(*log, {.seen = {{juliet, fresh}}}));
  EXPECT_EQ(log->has_seen_in_memory(juliet, fresh), true);
  EXPECT_EQ(log->has_seen_in_memory(juliet, unknown), false);
}

/// What the faulty disk answers now: appends to, or syncs of, the write-ahead log fail.
struct Faults {
  std::atomic<bool> full = false, sync_fails = false;
  std::atomic<int> failed = 0;
};

class FaultyFile final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  FaultyFile(std::unique_ptr<rocksdb::FSWritableFile> file, Faults& faults)
      : FSWritableFileOwnerWrapper(std::move(file)), faults_(faults) {}

  using FSWritableFileOwnerWrapper::Append;
  rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                           rocksdb::IODebugContext* debug) override {
    if (faults_.full) {
      // A full disk takes a part of the data: the log must cope with half a record.
      (void)target()->Append(rocksdb::Slice(data.data(), data.size() / 2), options, debug);
      ++faults_.failed;
      return rocksdb::IOStatus::NoSpace("the test's disk is full");
    }
    return target()->Append(data, options, debug);
  }
  rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                           const rocksdb::DataVerificationInfo&, rocksdb::IODebugContext* debug) override {
    return Append(data, options, debug);
  }
  rocksdb::IOStatus Sync(const rocksdb::IOOptions& options, rocksdb::IODebugContext* debug) override {
    if (!faults_.sync_fails) return target()->Sync(options, debug);
    ++faults_.failed;
    return rocksdb::IOStatus::IOError("the test's disk does not sync");
  }

 private:
  Faults& faults_;
};

class FaultyFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  explicit FaultyFileSystem(Faults& faults) : FileSystemWrapper(rocksdb::FileSystem::Default()), faults_(faults) {}
  const char* Name() const override { return "FaultyFileSystem"; }
  rocksdb::IOStatus NewWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* file,
                                    rocksdb::IODebugContext* debug) override {
    auto status = target()->NewWritableFile(name, options, file, debug);
    if (status.ok() && !name.ends_with(".dbtmp")) *file = std::make_unique<FaultyFile>(std::move(*file), faults_);
    return status;
  }

 private:
  Faults& faults_;
};

class FaultyDisk : public testing::Test {
 protected:
  void SetUp() override {
    auto opened = rocks::RocksdbLog::open(folder.path(), {}, env.get());
    ASSERT_TRUE(opened) << opened.error().message;
    log = std::move(*opened);
  }

  /// Batches that were committed while the disk refused are written, in order, when it is well again.
  void survives(std::atomic<bool>& fault) {
    ASSERT_TRUE(commit(*log, {.entries = {entry(juliet, 1)}}));
    fault = true;
    std::vector<LogId> order;
    std::promise<void> all_done;
    for (LogId id = 2; id <= 4; ++id) {
      log->commit({.entries = {entry(juliet, id)}}, [&, id](const Status& status) {
        if (status) order.push_back(id);
        if (id == 4) all_done.set_value();
      });
    }
    while (faults.failed < 3) std::this_thread::yield();
    EXPECT_FALSE(log->healthy());
    EXPECT_EQ(log->query({.owner = juliet}).value().entries.size(), 1u)
        << "reading goes on, without what is not durable";
    fault = false;
    all_done.get_future().wait();
    EXPECT_EQ(order, (std::vector<LogId>{2, 3, 4}));
    ASSERT_TRUE(commit(*log, {.entries = {entry(juliet, 5)}}));
    EXPECT_TRUE(log->healthy());

    log.reset();
    log = open_rocksdb(folder.path()).value();
    EXPECT_EQ(ids_of(log->query({.owner = juliet}).value().entries), (std::vector<LogId>{1, 2, 3, 4, 5}));
  }

  const TemporaryFolder folder;
  Faults faults;
  std::unique_ptr<rocksdb::Env> env = rocksdb::NewCompositeEnv(std::make_shared<FaultyFileSystem>(faults));
  std::unique_ptr<MessageLog> log;
};

TEST_F(FaultyDisk, IsWaitedForWhenItIsFull) { survives(faults.full); }
TEST_F(FaultyDisk, IsWaitedForWhenItDoesNotSync) { survives(faults.sync_fails); }

TEST_F(FaultyDisk, EndsWaitingBatchesWhenTheLogIsClosed) {
  ASSERT_TRUE(commit(*log, {.entries = {entry(juliet, 1)}}));
  faults.full = true;
  std::vector<Failure> failures;
  for (LogId id = 2; id <= 3; ++id) {
    log->commit({.entries = {entry(juliet, id)}},
                [&](const Status& status) { failures.push_back(status ? Failure::conflict : status.error().failure); });
  }
  while (log->healthy()) std::this_thread::yield();
  log.reset();
  EXPECT_EQ(failures, (std::vector<Failure>{Failure::unavailable, Failure::unavailable}));
  faults.full = false;
  log = open_rocksdb(folder.path()).value();
  EXPECT_EQ(log->query({.owner = juliet}).value().entries.size(), 1u);
}

}  // namespace

}  // namespace rookery::storage
