#include "server/http/request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rookery::server {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

int refusal(std::string_view head) {
  const auto parsed = parse_request_head(head);
  return parsed ? 0 : parsed.error();
}

TEST(HttpRequest, TellsPathQueryAndHeaders) {
  const auto request = parse_request_head(
      "PUT /a%20b?x=1&y=%2F HTTP/1.1\r\nHost: example.org\r\nCONTENT-Length:  12 \r\nX-Empty:\r\n\r\n");
  ASSERT_TRUE(request);
  EXPECT_EQ(request->method, "PUT");
  EXPECT_EQ(request->path, "/a%20b");
  EXPECT_EQ(query_value(request->query, "y"), "/");
  EXPECT_EQ(query_value(request->query, "z"), std::nullopt);
  EXPECT_EQ(request->content_length, 12u);
  EXPECT_TRUE(request->keep_alive);
  EXPECT_THAT(request->headers,
              ElementsAre(Pair("host", "example.org"), Pair("content-length", "12"), Pair("x-empty", "")));
}

TEST(HttpRequest, KeepsAConnectionAsTheVersionSays) {
  EXPECT_FALSE(parse_request_head("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, CLOSE\r\n\r\n")->keep_alive);
  EXPECT_FALSE(parse_request_head("GET / HTTP/1.0\r\n\r\n")->keep_alive);
  EXPECT_TRUE(parse_request_head("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")->keep_alive);
}

TEST(HttpRequest, UnderstandsAWholeUrlAsTarget) {
  EXPECT_EQ(parse_request_head("GET http://a.example/b?c HTTP/1.1\r\nHost: a\r\n\r\n")->path, "/b");
  EXPECT_EQ(parse_request_head("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n")->path, "*");
}

// REQ 36: what frames a request is read in one way or not at all.
TEST(HttpRequest, RefusesWhatCanBeReadInTwoWays) {
  EXPECT_EQ(refusal("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n"), 400);
  EXPECT_EQ(refusal("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\n"), 400);
  EXPECT_EQ(refusal("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551616\r\n\r\n"), 400);
  EXPECT_EQ(refusal("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"), 400);
  EXPECT_EQ(refusal("GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"), 411);
  EXPECT_EQ(refusal("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"), 400);
  EXPECT_EQ(refusal("GET / HTTP/1.1\r\n\r\n"), 400);
  EXPECT_EQ(refusal("GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n folded\r\n\r\n"), 400);
  EXPECT_EQ(refusal("GET / HTTP/1.1\r\nHost: a\r\nX : 1\r\n\r\n"), 400);
  EXPECT_EQ(refusal("GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n"), 400);
  EXPECT_EQ(refusal("GET / HTTP/1.1\nHost: a\n\n"), 400);
  EXPECT_EQ(refusal("GET  / HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
  EXPECT_EQ(refusal("GET a HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
  EXPECT_EQ(refusal("GET / HTTP/1.2\r\nHost: a\r\n\r\n"), 505);
}

TEST(RequestReader, TakesTheHeadHoweverItIsSplit) {
  const std::string_view head = "GET /x HTTP/1.1\r\nHost: a\r\n\r\n";
  const std::string sent = "\r\n" + std::string(head) + "rest";
  for (size_t split = 0; split <= sent.size(); ++split) {
    RequestReader reader(1000);
    size_t used = reader.feed(std::string_view(sent).substr(0, split));
    used += reader.feed(std::string_view(sent).substr(used));
    EXPECT_EQ(used, sent.size() - 4) << split;
    const auto got = reader.next();
    ASSERT_TRUE(got && *got) << split;
    EXPECT_EQ((*got)->path, "/x");
    EXPECT_FALSE(reader.next());
  }
}

TEST(RequestReader, RefusesAHeadThatIsTooLong) {
  RequestReader reader(100);
  EXPECT_LE(reader.feed("GET / HTTP/1.1\r\nX: " + std::string(1000, 'y')), 101u);
  const auto got = reader.next();
  ASSERT_TRUE(got && !*got);
  EXPECT_EQ(got->error(), 431);
}

TEST(PercentEncoding, GoesBothWays) {
  EXPECT_EQ(percent_encode("a b/é~"), "a%20b%2F%C3%A9~");
  EXPECT_EQ(percent_decode("a%20b%2f%C3%A9~"), "a b/é~");
  EXPECT_EQ(percent_decode("%4"), std::nullopt);
  EXPECT_EQ(percent_decode("%zz"), std::nullopt);
}

}  // namespace
}  // namespace rookery::server
