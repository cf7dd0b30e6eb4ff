#include "server/home/contacts.h"

#include <gtest/gtest.h>

namespace rookery::server {
namespace {

using storage::RosterItem;

RosterItem item_of(std::string_view jid, RosterItem::Subscription subscription = RosterItem::Subscription::none) {
  RosterItem item;
  item.jid = *xmpp::Jid::parse(jid);
  item.subscription = subscription;
  return item;
}

TEST(Contacts, GiveBackWhatWasPut) {
  RosterItem item = item_of("juliet@example.org", RosterItem::Subscription::to);
  item.name = std::string(200, 'n');  // longer than a size of one byte says
  item.ask = item.approved = true;
  item.in_roster = false;
  item.request = "<presence type='subscribe' from='juliet@example.org'>" + std::string(20'000, 'x') + "</presence>";
  item.groups = {"Friends", "", "Capulet"};
  Contacts contacts;
  contacts.put(item);
  const auto found = contacts.find("juliet@example.org");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->jid(), "juliet@example.org");
  EXPECT_TRUE(found->has_request());
  const RosterItem same = found->item();
  EXPECT_EQ(same.jid, item.jid);
  EXPECT_EQ(same.name, item.name);
  EXPECT_EQ(same.subscription, item.subscription);
  EXPECT_TRUE(same.ask && same.approved && !same.in_roster);
  EXPECT_EQ(same.request, item.request);
  EXPECT_EQ(same.groups, item.groups);
}

TEST(Contacts, EachFlagStandsForItself) {
  Contacts contacts;
  for (const bool in_roster : {false, true}) {
    RosterItem item = item_of("a@b");
    item.in_roster = in_roster;
    contacts.put(item);
    const RosterItem same = contacts.find("a@b")->item();
    EXPECT_EQ(same.in_roster, in_roster);
    EXPECT_FALSE(same.ask || same.approved || contacts.find("a@b")->has_request());
  }
}

TEST(Contacts, TellWhoSeesWhom) {
  using Subscription = RosterItem::Subscription;
  for (const auto subscription : {Subscription::none, Subscription::to, Subscription::from, Subscription::both}) {
    Contacts contacts;
    contacts.put(item_of("a@b", subscription));
    const auto contact = contacts.find("a@b");
    EXPECT_EQ(contact->subscription(), subscription);
    EXPECT_EQ(contact->sees_us(), subscription == Subscription::from || subscription == Subscription::both);
    EXPECT_EQ(contact->is_seen(), subscription == Subscription::to || subscription == Subscription::both);
  }
}

TEST(Contacts, StandInTheOrderOfTheirAddressesAndOnceEach) {
  Contacts contacts;
  contacts.assign({item_of("romeo@example.org"), item_of("benvolio@example.org"), item_of("mercutio@example.org")});
  contacts.put(item_of("benvolio@example.org", RosterItem::Subscription::both));
  contacts.remove("nobody@example.org");
  contacts.remove("mercutio@example.org");
  std::vector<std::string> all;
  for (const Contact contact : contacts.each()) all.emplace_back(contact.jid());
  EXPECT_EQ(all, (std::vector<std::string>{"benvolio@example.org", "romeo@example.org"}));
  EXPECT_EQ(contacts.size(), 2u);
  EXPECT_TRUE(contacts.find("benvolio@example.org")->sees_us());
  EXPECT_FALSE(contacts.find("mercutio@example.org"));
  EXPECT_FALSE(contacts.find("z@example.org"));
}

}  // namespace
}  // namespace rookery::server
