#include "xmpp/payloads/upload.h"

#include <gmock/gmock.h>

#include "parsing.h"

namespace rookery::xmpp {
namespace {

std::optional<UploadSlot> slot(const std::string& content) {
  return UploadSlot::parse(*from_xml("<slot xmlns='urn:xmpp:http:upload:0'>" + content + "</slot>"));
}

// XEP-0363 §5: the example, and what has to be left out of it.
TEST(UploadSlot, TakesOnlyTheHeadersThatAreAllowed) {
  const auto parsed = slot(
      "<put url='https://a.example/x?v=1'><header name='Authorization'>Basic\nBase64</header><header "
      "name='cookie'>foo=bar</header>"
      "<header name='Host'>internal</header><header name='X-Evil&#10;Cookie'>a</header></put><get "
      "url='https://b.example/x'/>");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->put_url, "https://a.example/x?v=1");
  EXPECT_EQ(parsed->get_url, "https://b.example/x");
  EXPECT_THAT(parsed->headers,
              testing::ElementsAre(testing::Pair("Authorization", "BasicBase64"), testing::Pair("cookie", "foo=bar")));
}

TEST(UploadSlot, RefusesWhatIsNotHttps) {
  EXPECT_FALSE(slot("<put url='http://a.example/x'/><get url='https://a.example/x'/>"));
  EXPECT_FALSE(slot("<put url='https://a.example/x'/><get url='file:///etc/passwd'/>"));
  EXPECT_FALSE(slot("<get url='https://a.example/x'/>"));
}

TEST(UploadRequest, NamesFileAndSize) {
  const auto iq = sent(UploadRequest{"très cool.jpg", 23456});
  const auto* request = iq->child("request", ns::http_upload);
  ASSERT_TRUE(request);
  EXPECT_EQ(request->attr("filename"), "très cool.jpg");
  EXPECT_EQ(request->attr("size"), "23456");
}

}  // namespace
}  // namespace rookery::xmpp
