#include "server/edge/stream_wire.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rookery::server {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> split(std::string_view xml) {
  std::vector<std::string> found;
  for_each_element(xml, [&](std::string element) { found.push_back(std::move(element)); });
  return found;
}

// RFC 7395 §3.3.3: each element declares what the stream's header declared.
TEST(ForEachElement, DeclaresTheNamespacesOfTheStream) {
  EXPECT_THAT(split("<message id='1'><body>x</body></message><r xmlns='urn:xmpp:sm:3'/><presence/>"),
              ElementsAre("<message xmlns='jabber:client' id='1'><body>x</body></message>",
                          "<r xmlns='urn:xmpp:sm:3'/>", "<presence xmlns='jabber:client'/>"));
  EXPECT_THAT(split("<stream:features><a xmlns='b'/></stream:features>"),
              ElementsAre("<stream:features xmlns:stream='http://etherx.jabber.org/streams' xmlns='jabber:client'><a "
                          "xmlns='b'/></stream:features>"));
}

TEST(ForEachElement, IsNotDeceivedByValues) {
  EXPECT_THAT(split("<iq id=\"&lt; xmlns='x' />\"><a b='>'><iq/></a></iq><iq/>"),
              ElementsAre("<iq xmlns='jabber:client' id=\"&lt; xmlns='x' />\"><a b='>'><iq/></a></iq>",
                          "<iq xmlns='jabber:client'/>"));
}

TEST(ForEachElement, PassesNothingForNothing) {
  EXPECT_THAT(split(""), ElementsAre());
  EXPECT_THAT(split(" \n"), ElementsAre());
}

}  // namespace
}  // namespace rookery::server
