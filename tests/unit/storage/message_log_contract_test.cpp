#include "tests/unit/storage/message_log_contract.h"

#include <gmock/gmock.h>

#include <numeric>
#include <thread>

namespace rookery::storage {

using testing::ElementsAre;
using testing::IsEmpty;

namespace {
constexpr uint8_t in_archive = LogEntry::archived, in_inbox = LogEntry::inbox,
                  sent = LogEntry::archived | LogEntry::outgoing;
const std::string key_a(16, 'a'), key_b(16, 'b');

std::vector<LogId> numbers(LogId first, LogId last) {
  std::vector<LogId> ids(last - first + 1);
  std::iota(ids.begin(), ids.end(), first);
  return ids;
}
}  // namespace

TEST_P(MessageLogContract, GivesBackAnEntryAsItWasWritten) {
  LogEntry written = entry(juliet, 0x0102030405060708, in_archive, "nurse@example.com");
  written.xml = std::string("<body>\0\xff</body>", 15);
  write({written});
  const auto page = log->query({.owner = juliet}).value();
  ASSERT_EQ(page.entries.size(), 1u);
  EXPECT_EQ(page.entries[0].owner, juliet);
  EXPECT_EQ(page.entries[0].id, written.id);
  EXPECT_EQ(page.entries[0].flags, in_archive);
  EXPECT_EQ(page.entries[0].peer, written.peer);
  EXPECT_EQ(page.entries[0].xml, written.xml);
  EXPECT_TRUE(page.complete);
}

TEST_P(MessageLogContract, ReplacesAnEntrysTextAndKeepsItsPlaceAndFlags) {
  const auto tombstone = [this](LogId id) {
    return LogEntry{.owner = juliet, .id = id, .flags = 0, .peer = "nobody", .xml = "<gone/>"};
  };
  write({entry(juliet, 1), entry(juliet, 2), entry(juliet, 3)});
  write(LogBatch{.replaced = {tombstone(2), tombstone(7)}});                   // 7 does not exist
  write(LogBatch{.entries = {entry(juliet, 4)}, .replaced = {tombstone(4)}});  // in the same batch
  write(LogBatch{.replaced = {tombstone(1)}, .delivered = {{juliet, 1}}});
  reopen();
  const auto page = log->query({.owner = juliet}).value();
  EXPECT_THAT(ids_of(page.entries), ElementsAre(1, 2, 3, 4));
  for (const auto& e : page.entries) EXPECT_EQ(e.xml, e.id == 3 ? "<m n='3'/>" : "<gone/>") << e.id;
  EXPECT_EQ(page.entries[1].peer, "nobody");
  EXPECT_EQ(page.entries[1].flags, in_archive | in_inbox);
  EXPECT_EQ(page.entries[0].flags, in_archive);
  EXPECT_THAT(inbox_ids(), ElementsAre(2, 3, 4));
}

TEST_P(MessageLogContract, OrdersByIdAndKeepsOwnersApart) {
  write({entry(juliet, 300), entry(juliet, 2), entry("juliet@example.com.evil", 5), entry("juliet@example.co", 6),
         entry(juliet, 256)});
  EXPECT_THAT(archive_ids(), ElementsAre(2, 256, 300));
  EXPECT_THAT(inbox_ids(), ElementsAre(2, 256, 300));
  EXPECT_EQ(log->load(juliet).value().last_id, 300u);
  EXPECT_EQ(log->load("nobody@example.com").value().last_id, 0u);
}

TEST_P(MessageLogContract, RunsDoneInTheOrderOfCommits) {
  std::vector<int> order;  // done runs on one thread, and the last commit below waits for it
  for (int i = 0; i < 200; ++i) {
    log->commit({.entries = {entry(juliet, static_cast<LogId>(i + 1))}}, [&order, i](const Status& status) {
      if (status) order.push_back(i);
    });
  }
  write({entry(juliet, 201)});
  std::vector<int> expected(200);
  std::iota(expected.begin(), expected.end(), 0);
  EXPECT_EQ(order, expected);
}

TEST_P(MessageLogContract, TakesCommitsFromSeveralThreads) {
  constexpr LogId each = 200;
  std::vector<std::thread> threads;
  for (LogId t = 0; t < 4; ++t) {
    threads.emplace_back([this, t] {
      for (LogId i = 1; i <= each; ++i) {
        if (i % 50 == 0) {
          write({entry(juliet, t * each + i)});
        } else {
          log->commit({.entries = {entry(juliet, t * each + i)}}, {});
        }
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(archive_ids(), numbers(1, 4 * each));
}

TEST_P(MessageLogContract, KeepsEverythingOverACloseAndAnOpening) {
  write({.entries = {entry(juliet, 1), entry(juliet, 2, in_inbox), entry(juliet, 3, in_inbox)},
         .seen = {{juliet, key_a}},
         .cursors = {{juliet, "", 2}, {juliet, "phone", 1}},
         .counters = {{juliet, "s1", 7}}});
  reopen();
  EXPECT_THAT(archive_ids(), ElementsAre(1));
  EXPECT_THAT(inbox_ids(), ElementsAre(1, 3));
  EXPECT_EQ(log->load(juliet).value().last_id, 3u);
  EXPECT_EQ(log->load(juliet).value().cursor, 2u);
  EXPECT_EQ(log->cursor(juliet, "phone").value(), 1u);
  EXPECT_TRUE(log->has_seen(juliet, key_a).value());
  EXPECT_EQ(log->counter(juliet, "s1").value(), 7u);
  write(LogBatch{.cursors = {{juliet, "", 3}}});  // entries from before the opening are erased as well
  EXPECT_THAT(inbox_ids(), ElementsAre(1));
}

TEST_P(MessageLogContract, ErasesWhatIsNotArchivedWhenTheInboxCursorPassesIt) {
  write({entry(juliet, 1, in_inbox), entry(juliet, 2), entry(juliet, 3, in_inbox), entry(juliet, 4, in_inbox)});
  write(LogBatch{.cursors = {{juliet, "phone", 4}}});  // a device's cursor alone erases nothing
  EXPECT_THAT(inbox_ids(), ElementsAre(1, 2, 3, 4));
  write(LogBatch{.cursors = {{juliet, "", 3}}});
  EXPECT_THAT(inbox_ids(), ElementsAre(2, 4));
  EXPECT_THAT(inbox_ids(3), ElementsAre(4));
  EXPECT_THAT(archive_ids(), ElementsAre(2));
}

TEST_P(MessageLogContract, ClearsTheInboxFlagOfWhatWasDeliveredOutOfOrder) {
  write({entry(juliet, 1), entry(juliet, 2, in_inbox), entry(juliet, 3), entry(juliet, 4, in_inbox)});
  write(LogBatch{.delivered = {{juliet, 2}, {juliet, 3}}});
  EXPECT_THAT(inbox_ids(), ElementsAre(1, 4));
  EXPECT_THAT(archive_ids(), ElementsAre(1, 3));
  EXPECT_EQ(log->query({.owner = juliet}).value().entries[1].flags, in_archive);
  EXPECT_EQ(log->query({.owner = juliet}).value().entries[1].xml, "<m n='3'/>");
  reopen();
  EXPECT_THAT(inbox_ids(), ElementsAre(1, 4));
}

TEST_P(MessageLogContract, IgnoresADeliveryOfWhatDoesNotExist) {
  write({entry(juliet, 5)});
  write(LogBatch{.delivered = {{juliet, 1}, {juliet, 9}, {"nobody@example.com", 3}}});
  EXPECT_THAT(archive_ids(), ElementsAre(5));
  EXPECT_EQ(log->load(juliet).value().last_id, 5u);
  EXPECT_EQ(log->load("nobody@example.com").value().last_id, 0u);
  EXPECT_EQ(log->query({.owner = juliet, .ids = {9}}).error().failure, Failure::not_found);
}

TEST_P(MessageLogContract, ListsTheInboxWithoutSentMessagesUpToTheLimit) {
  write(
      {entry(juliet, 1, sent), entry(juliet, 2), entry(juliet, 3, sent), entry(juliet, 4, in_inbox), entry(juliet, 5)});
  EXPECT_THAT(inbox_ids(), ElementsAre(2, 4, 5));
  EXPECT_THAT(inbox_ids(0, 2), ElementsAre(2, 4));
  EXPECT_THAT(inbox_ids(2, 1), ElementsAre(4));
}

TEST_P(MessageLogContract, PagesForwardsThroughTheWholeArchive) {
  std::vector<LogEntry> entries;
  for (LogId id = 1; id <= 25; ++id) entries.push_back(entry(juliet, id * 10));
  write(entries);
  std::vector<LogId> found;
  ArchiveQuery query{.owner = juliet, .limit = 10};
  for (int pages = 0; pages < 3; ++pages) {
    const auto page = log->query(query).value();
    EXPECT_EQ(page.complete, pages == 2);
    for (const auto& e : page.entries) found.push_back(e.id / 10);
    query.after = page.entries.back().id;
  }
  EXPECT_EQ(found, numbers(1, 25));
  EXPECT_THAT(log->query(query).value().entries, IsEmpty());
}

TEST_P(MessageLogContract, PagesBackwardsWithEachPageAscending) {
  std::vector<LogEntry> entries;
  for (LogId id = 1; id <= 25; ++id) entries.push_back(entry(juliet, id));
  write(entries);
  const auto newest = log->query({.owner = juliet, .last_page = true, .limit = 10}).value();
  EXPECT_EQ(ids_of(newest.entries), numbers(16, 25));
  EXPECT_FALSE(newest.complete);
  const auto oldest = log->query({.owner = juliet, .before = 6, .last_page = true, .limit = 10}).value();
  EXPECT_EQ(ids_of(oldest.entries), numbers(1, 5));
  EXPECT_TRUE(oldest.complete);
  const auto exact = log->query({.owner = juliet, .before = 11, .last_page = true, .limit = 10}).value();
  EXPECT_EQ(ids_of(exact.entries), numbers(1, 10));
  EXPECT_TRUE(exact.complete);
}

TEST_P(MessageLogContract, FindsSparseMatchesOfABareOrFullJidInBothDirections) {
  std::vector<LogEntry> entries;
  for (LogId id = 1; id <= 1000; ++id) {
    const bool nurse = id % 200 == 0;
    const std::string resource = id % 400 == 0 ? "/home" : "/work";
    entries.push_back(
        entry(juliet, id, in_archive, nurse ? "nurse@example.com" + resource : "nurse@example.com.evil/home"));
  }
  entries.push_back(entry(juliet, 1001, in_archive, "nurse@example.com"));
  write(entries);

  const std::string bare = "nurse@example.com", full = "nurse@example.com/home";
  EXPECT_THAT(ids_of(log->query({.owner = juliet, .with = bare}).value().entries),
              ElementsAre(200, 400, 600, 800, 1000, 1001));
  EXPECT_THAT(ids_of(log->query({.owner = juliet, .with = full}).value().entries), ElementsAre(400, 800));
  const auto first = log->query({.owner = juliet, .with = bare, .limit = 2, .want_count = true}).value();
  EXPECT_THAT(ids_of(first.entries), ElementsAre(200, 400));
  EXPECT_FALSE(first.complete);
  EXPECT_EQ(first.count, 6u);
  const auto last = log->query({.owner = juliet, .with = bare, .before = 1000, .last_page = true, .limit = 2}).value();
  EXPECT_THAT(ids_of(last.entries), ElementsAre(600, 800));
  EXPECT_FALSE(last.complete);
  // Entries of others lie beyond, but none that match.
  EXPECT_TRUE(log->query({.owner = juliet, .with = full, .limit = 2}).value().complete);
  EXPECT_TRUE(
      log->query({.owner = juliet, .with = full, .before = 800, .last_page = true, .limit = 1}).value().complete);
}

TEST_P(MessageLogContract, IncludesTheBoundsOfTimeButNotThoseOfPaging) {
  write({entry(juliet, 10), entry(juliet, 20), entry(juliet, 30), entry(juliet, 40)});
  const auto timed = log->query({.owner = juliet, .start = time_of(20), .end = time_of(30)}).value();
  EXPECT_THAT(ids_of(timed.entries), ElementsAre(20, 30));
  EXPECT_THAT(ids_of(log->query({.owner = juliet, .after = 20, .before = 40}).value().entries), ElementsAre(30));
  EXPECT_THAT(log->query({.owner = juliet, .start = time_of(30), .end = time_of(20)}).value().entries, IsEmpty());
  EXPECT_THAT(log->query({.owner = juliet, .end = TimePoint(std::chrono::microseconds(-5))}).value().entries,
              IsEmpty());
}

TEST_P(MessageLogContract, CountsTheWholeResultAndNotOnlyThePage) {
  write({entry(juliet, 10), entry(juliet, 20), entry(juliet, 30), entry(juliet, 40), entry(juliet, 50, in_inbox)});
  EXPECT_EQ(log->query({.owner = juliet, .after = 20, .limit = 1, .want_count = true}).value().count, 4u);
  EXPECT_EQ(log->query({.owner = juliet, .start = time_of(20), .limit = 0, .want_count = true}).value().count, 3u);
  EXPECT_EQ(log->query({.owner = juliet}).value().count, std::nullopt);
  EXPECT_EQ(log->query({.owner = "nobody@example.com", .want_count = true}).value().count, 0u);
}

TEST_P(MessageLogContract, FetchesExactlyTheIdsAskedForOrFails) {
  write({entry(juliet, 1), entry(juliet, 2), entry(juliet, 3), entry(juliet, 4, in_inbox),
         entry("romeo@example.org", 9)});
  EXPECT_THAT(ids_of(log->query({.owner = juliet, .ids = {3, 1, 3}}).value().entries), ElementsAre(1, 3));
  EXPECT_EQ(log->query({.owner = juliet, .ids = {1, 7}}).error().failure, Failure::not_found);
  EXPECT_EQ(log->query({.owner = juliet, .ids = {9}}).error().failure, Failure::not_found);
  EXPECT_EQ(log->query({.owner = juliet, .ids = {4}}).error().failure, Failure::not_found) << "not archived";
  const auto page = log->query({.owner = juliet, .ids = {1, 2, 3}, .last_page = true, .limit = 2}).value();
  EXPECT_THAT(ids_of(page.entries), ElementsAre(2, 3));
  EXPECT_FALSE(page.complete);
}

// REQ 22
TEST_P(MessageLogContract, FindsWhatIsLeftOfTheInboxByItsIdsArchivedOrNot) {
  write({entry(juliet, 1), entry(juliet, 2, in_inbox), entry(juliet, 3), entry(juliet, 4, in_inbox),
         entry(juliet, 5, in_inbox), entry("romeo@example.org", 6)});
  EXPECT_THAT(ids_of(log->find(juliet, {1, 2, 4, 6, 9}).value()), ElementsAre(1, 2, 4));
  EXPECT_THAT(log->find(juliet, {}).value(), IsEmpty());
  EXPECT_EQ(log->find(juliet, {4}).value().front().xml, "<m n='4'/>");
  write(LogBatch{.cursors = {{juliet, "", 4}}});
  EXPECT_THAT(ids_of(log->find(juliet, {1, 2, 3, 4, 5}).value()), ElementsAre(1, 3, 5)) << "what was archived stays";
}

// REQ 20
TEST_P(MessageLogContract, MemoryAloneTellsNothingThatTheDiskWouldDeny) {
  write(LogBatch{.seen = {{juliet, key_a}}});
  for (int round = 0; round < 2; ++round) {
    EXPECT_TRUE(log->has_seen_in_memory(juliet, key_a).value_or(true));
    EXPECT_FALSE(log->has_seen_in_memory(juliet, key_b).value_or(false));
    reopen();
  }
}

TEST_P(MessageLogContract, RefusesAnOlderEpochOfTheShardAndNothingElse) {
  write({.fences = {{1, 5}}, .entries = {entry(juliet, 1)}});
  EXPECT_EQ(commit(*log, {.fences = {{1, 4}}, .entries = {entry(juliet, 2)}}).error().failure, Failure::fenced);
  write({.fences = {{2, 1}}, .entries = {entry(juliet, 3)}});
  write({.fences = {{1, 5}}, .entries = {entry(juliet, 4)}});
  write(LogBatch{.entries = {entry(juliet, 5)}});
  EXPECT_THAT(archive_ids(), ElementsAre(1, 3, 4, 5));
  reopen();
  EXPECT_EQ(commit(*log, {.fences = {{1, 4}}, .entries = {entry(juliet, 6)}}).error().failure, Failure::fenced);
  write({.fences = {{1, 6}}, .entries = {entry(juliet, 7)}});
  EXPECT_EQ(commit(*log, {.fences = {{1, 5}}, .entries = {entry(juliet, 8)}}).error().failure, Failure::fenced);
  EXPECT_TRUE(log->healthy());
}

TEST_P(MessageLogContract, RefusesABatchOfSeveralShardsWhenOneEpochIsOld) {
  write({.fences = {{1, 5}, {2, 7}}, .entries = {entry(juliet, 1)}});
  EXPECT_EQ(commit(*log, {.fences = {{1, 6}, {2, 6}}, .entries = {entry(juliet, 2)}}).error().failure, Failure::fenced);
  write({.fences = {{1, 5}}, .entries = {entry(juliet, 3)}});  // what was refused has raised nothing
  EXPECT_THAT(archive_ids(), ElementsAre(1, 3));
}

TEST_P(MessageLogContract, RemembersResentMessagesPerOwner) {
  write(LogBatch{.seen = {{juliet, key_a}}});
  EXPECT_TRUE(log->has_seen(juliet, key_a).value());
  EXPECT_FALSE(log->has_seen(juliet, key_b).value());
  EXPECT_FALSE(log->has_seen("romeo@example.org", key_a).value());
}

TEST_P(MessageLogContract, KeepsTheCounterOfASessionUntilItEnds) {
  write(LogBatch{.counters = {{juliet, "s1", 1}, {juliet, "s2", 0xffffffff}}});
  write(LogBatch{.counters = {{juliet, "s1", 2}}});
  EXPECT_EQ(log->counter(juliet, "s1").value(), 2u);
  EXPECT_EQ(log->counter(juliet, "s2").value(), 0xffffffffu);
  write(LogBatch{.ended = {{juliet, "s1"}}});
  EXPECT_EQ(log->counter(juliet, "s1").value(), std::nullopt);
  EXPECT_EQ(log->counter(juliet, "s2").value(), 0xffffffffu);
}

TEST_P(MessageLogContract, KnowsNoCursorBeforeOneIsWritten) {
  EXPECT_EQ(log->cursor(juliet, "phone").value(), std::nullopt);
  EXPECT_EQ(log->load(juliet).value().cursor, 0u);
}

TEST_P(MessageLogContract, PurgesAnOwnerAndNobodyElse) {
  for (const std::string& owner : {juliet, std::string("juliet@example.com.evil")}) {
    write({.entries = {entry(owner, 1), entry(owner, 2, in_inbox)},
           .seen = {{owner, key_a}},
           .cursors = {{owner, "", 1}},
           .counters = {{owner, "s1", 1}}});
  }
  write(LogBatch{.purged = {juliet}});
  for (int round = 0; round < 2; ++round) {
    EXPECT_THAT(archive_ids(), IsEmpty());
    EXPECT_THAT(inbox_ids(), IsEmpty());
    EXPECT_EQ(log->load(juliet).value().last_id, 0u);
    EXPECT_EQ(log->cursor(juliet, "").value(), std::nullopt);
    EXPECT_EQ(log->counter(juliet, "s1").value(), std::nullopt);
    EXPECT_FALSE(log->has_seen(juliet, key_a).value());
    EXPECT_EQ(log->inbox("juliet@example.com.evil", 0, 10).value().size(), 2u);
    EXPECT_TRUE(log->has_seen("juliet@example.com.evil", key_a).value());
    reopen();
  }
  write({entry(juliet, 9)});
  EXPECT_THAT(archive_ids(), ElementsAre(9));
}

TEST_P(MessageLogContract, ExpiresWhatIsOldInOneArchiveAndNowhereElse) {
  const std::string romeo = "romeo@example.org", evil = "juliet@example.com.evil";
  for (const auto& owner : {juliet, romeo, evil})
    write({entry(owner, 1, sent), entry(owner, 2, in_archive), entry(owner, 300, in_archive), entry(owner, 301, sent)});
  EXPECT_THAT(log->with_older({juliet, romeo, "nobody@example.com"}, 300).value(),
              testing::UnorderedElementsAre(juliet, romeo));
  EXPECT_THAT(log->with_older({juliet, romeo}, 1).value(), IsEmpty());
  EXPECT_THAT(expire(juliet, 0), IsEmpty());
  EXPECT_THAT(expire(juliet, 1), IsEmpty());
  EXPECT_THAT(expire(juliet, 300), ElementsAre(1, 2));
  for (int round = 0; round < 2; ++round) {
    EXPECT_THAT(archive_ids(), ElementsAre(300, 301));
    EXPECT_EQ(log->query({.owner = juliet, .ids = {2}}).error().failure, Failure::not_found);
    EXPECT_EQ(log->query({.owner = romeo}).value().entries.size(), 4u);
    EXPECT_EQ(log->query({.owner = evil}).value().entries.size(), 4u);
    EXPECT_EQ(log->load(juliet).value().last_id, 301u);
    EXPECT_THAT(log->with_older({juliet, romeo}, 300).value(), ElementsAre(romeo));
    reopen();
  }
  EXPECT_THAT(expire(juliet, UINT64_MAX), ElementsAre(300, 301)) << "all, as of a room where nobody writes";
  EXPECT_THAT(archive_ids(), IsEmpty());
  write({entry(juliet, 302)});
  EXPECT_THAT(archive_ids(), ElementsAre(302));
}

// REQ 19: what was acknowledged and not delivered is never lost.
TEST_P(MessageLogContract, ExpiresNothingThatWaitsForItsReceiver) {
  write({entry(juliet, 1), entry(juliet, 2, sent), entry(juliet, 3, in_inbox), entry(juliet, 4), entry(juliet, 5, sent),
         entry(juliet, 6), entry(juliet, 7)});
  EXPECT_THAT(expire(juliet, 7), ElementsAre(2, 5)) << "there is no cursor yet";
  write(LogBatch{.cursors = {{juliet, "phone", 7}}});
  EXPECT_THAT(expire(juliet, 7), IsEmpty()) << "a device's cursor alone says nothing";
  write(LogBatch{.cursors = {{juliet, "", 1}}, .delivered = {{juliet, 6}}});
  EXPECT_THAT(expire(juliet, 7), ElementsAre(1, 6));
  reopen();
  EXPECT_THAT(archive_ids(), ElementsAre(4, 7));
  EXPECT_THAT(inbox_ids(1), ElementsAre(3, 4, 7)) << "and what is not archived is not meant";
  write(LogBatch{.cursors = {{juliet, "", 4}}});
  EXPECT_THAT(expire(juliet, 7), ElementsAre(4));
  EXPECT_THAT(inbox_ids(4), ElementsAre(7));
}

TEST_P(MessageLogContract, ExpiresALongArchiveInParts) {
  std::vector<LogEntry> entries;
  for (LogId id = 1; id <= 500; ++id)
    entries.push_back(entry(juliet, id, id % 200 == 0 ? in_archive | in_inbox : sent));
  write(entries);
  const auto first = log->old_entries(juliet, 0, 451, 100).value();
  EXPECT_EQ(first.ids, numbers(1, 100));
  EXPECT_EQ(first.go_on, 100u);
  const auto until_it_waits = log->old_entries(juliet, 100, 451, 1000).value();
  EXPECT_EQ(until_it_waits.ids, numbers(101, 199));
  EXPECT_EQ(until_it_waits.go_on, 199u);
  EXPECT_EQ(log->old_entries(juliet, 400, 451, 50).value().go_on, std::nullopt);
  EXPECT_EQ(expire(juliet, 451, 100).size(), 448u);
  for (int round = 0; round < 2; ++round) {
    auto left = numbers(451, 500);
    left.insert(left.begin(), {200, 400});
    EXPECT_EQ(archive_ids(), left);
    EXPECT_THAT(inbox_ids(), ElementsAre(200, 400));
    reopen();
  }
}

TEST_P(MessageLogContract, ExpiresNothingForWhoHasLostTheShard) {
  write({.fences = {{1, 5}}, .entries = {entry(juliet, 1, sent), entry(juliet, 2, sent)}});
  EXPECT_EQ(commit(*log, {.fences = {{1, 4}}, .expired = {{juliet, {1, 2}}}}).error().failure, Failure::fenced);
  EXPECT_THAT(archive_ids(), ElementsAre(1, 2));
  write({.fences = {{1, 5}}, .expired = {{juliet, {1}}}});
  EXPECT_THAT(archive_ids(), ElementsAre(2));
}

TEST_P(MessageLogContract, ExpiresInTheOrderOfCommits) {
  log->commit({.entries = {entry(juliet, 1, sent), entry(juliet, 2, sent)}}, {});
  log->commit({.expired = {{juliet, {1, 2}}}}, {});
  log->commit({.entries = {entry(juliet, 1, in_archive)}}, {});
  write(LogBatch{.replaced = {entry(juliet, 2)}});
  EXPECT_THAT(archive_ids(), ElementsAre(1));
  EXPECT_EQ(log->query({.owner = juliet}).value().entries[0].flags, in_archive);
}

TEST_P(MessageLogContract, AcceptsAnEmptyBatchAndOneWithoutDone) {
  write(LogBatch{});
  log->commit({.entries = {entry(juliet, 1)}}, {});
  log.reset();  // closing writes what is queued
  reopen();
  EXPECT_THAT(archive_ids(), ElementsAre(1));
}

TEST(StanzaId, IsSixteenHexDigitsAndReadsBack) {
  EXPECT_EQ(to_stanza_id(0x0005f1234567abcd), "0005f1234567abcd");
  EXPECT_EQ(parse_stanza_id("0005f1234567abcd"), 0x0005f1234567abcdu);
  EXPECT_EQ(parse_stanza_id("0005F1234567ABCD"), std::nullopt);
  EXPECT_EQ(parse_stanza_id("5f1234567abcd"), std::nullopt);
  EXPECT_EQ(parse_stanza_id("0005f1234567abcg"), std::nullopt);
}

}  // namespace rookery::storage
