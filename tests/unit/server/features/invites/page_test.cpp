#include "server/features/invites/page.h"

#include <gmock/gmock.h>

namespace rookery::server::invites {

using testing::HasSubstr;
using testing::Not;

TEST(InvitePage, EscapesAllThatIsNotItsOwn) {
  Page shown{.domain = "<s>&", .uri = "xmpp:a@b?x='\"<", .invite = {}, .address = "https://a/invite/x"};
  shown.invite.contact = "<i>@\"b";
  shown.invite.username = "'<u>";
  const auto body = page(shown).body;
  EXPECT_THAT(body, HasSubstr("&lt;s&gt;&amp;"));
  EXPECT_THAT(body, HasSubstr("&lt;i&gt;@&quot;b"));
  EXPECT_THAT(body, HasSubstr("xmpp:a@b?x=&apos;&quot;&lt;"));
  for (const char* raw : {"<s>", "<i>", "<u>", "x='"}) EXPECT_THAT(body, Not(HasSubstr(raw))) << raw;
  EXPECT_THAT(gone_page("<s>&").body, HasSubstr("&lt;s&gt;&amp;"));
  EXPECT_THAT(welcome_page("<s>&", shown.invite).body, HasSubstr("&lt;s&gt;&amp;"));
  shown.invite.username.clear();
  shown.form = {.username = "\"><u>", .problem = "<q>"};
  EXPECT_THAT(page(shown).body, HasSubstr("value=\"&quot;&gt;&lt;u&gt;\""));
  EXPECT_THAT(page(shown).body, Not(HasSubstr("<q>")));
}

TEST(InvitePage, OffersAnAccountOnlyWhereTheInvitationIsGoodForOne) {
  Page shown{.domain = "a.example", .uri = "xmpp:a@b", .invite = {}, .address = {}, .form = {}};
  EXPECT_THAT(page(shown).body, HasSubstr("<form method=\"post\">"));
  shown.invite.registers = false;
  EXPECT_THAT(page(shown).body, Not(HasSubstr("<form")));
}

TEST(InvitePage, HasAQrCodeUnlessTheTextIsTooLong) {
  EXPECT_THAT(qr_svg("https://example.org/invite/x"), HasSubstr("<path fill=\"#000\""));
  EXPECT_EQ(qr_svg(std::string(8000, 'x')), "");
}

}  // namespace rookery::server::invites
