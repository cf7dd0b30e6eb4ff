#include "xmpp/payloads/alteration.h"

#include <gtest/gtest.h>

#include "parsing.h"

namespace rookery::xmpp {
namespace {

using Kind = Alteration::Kind;

// XEP-0308 §3, XEP-0424 §3
TEST(Alteration, SaysWhatItIsSentAs) {
  for (const auto kind : {Kind::correction, Kind::retraction}) {
    const Alteration alteration{kind, "good1"};
    EXPECT_EQ(Alteration::find(*sent(alteration)), alteration);
  }
  EXPECT_TRUE(sent(Alteration{Kind::retraction, "good1"})->child("fallback", ns::fallback));
}

TEST(Alteration, NeedsToKnowWhichMessage) {
  EXPECT_FALSE(Alteration::find(*from_xml("<message><replace xmlns='urn:xmpp:message-correct:0'/></message>")));
  EXPECT_FALSE(Alteration::find(*from_xml("<message><replace id='a' xmlns='urn:xmpp:message-correct:1'/></message>")));
  EXPECT_FALSE(Alteration::find(*from_xml("<message><body>x</body></message>")));
}

}  // namespace
}  // namespace rookery::xmpp
