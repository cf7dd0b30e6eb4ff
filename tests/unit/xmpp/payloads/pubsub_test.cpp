#include <gtest/gtest.h>

#include "tests/unit/xmpp/payloads/parsing.h"
#include "xmpp/payloads/pubsub/event.h"
#include "xmpp/payloads/pubsub/node_config.h"
#include "xmpp/payloads/pubsub/request.h"

namespace rookery::xmpp::pubsub {
namespace {

Jid jid(std::string_view text) { return Jid::parse(text).value(); }

ElementPtr request_iq(std::string_view type, std::string_view inner, bool owner = false) {
  return from_xml("<iq type='" + std::string(type) + "'><pubsub xmlns='http://jabber.org/protocol/pubsub" +
                  (owner ? "#owner" : "") + "'>" + std::string(inner) + "</pubsub></iq>");
}

template <typename T>
T parsed(const ElementPtr& iq) {
  auto request = parse_request(*iq);
  EXPECT_TRUE(request.has_value());
  EXPECT_TRUE(request && std::holds_alternative<T>(*request));
  return std::get<T>(std::move(request).value());
}

TEST(PubsubRequest, ReadsAPublicationWithOptions) {
  const auto iq =
      request_iq("set",
                 "<publish node='princely_musings'><item id='bnd81g37d61f49fgn581'><entry "
                 "xmlns='http://www.w3.org/2005/Atom'/></item></publish>"
                 "<publish-options><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'>"
                 "<value>http://jabber.org/protocol/pubsub#publish-options</value></field><field "
                 "var='pubsub#access_model'><value>presence</value></field></x></publish-options>");
  const auto publish = parsed<Publish>(iq);
  EXPECT_EQ(publish.node, "princely_musings");
  ASSERT_EQ(publish.items.size(), 1u);
  EXPECT_EQ(publish.items[0].id, "bnd81g37d61f49fgn581");
  EXPECT_TRUE(publish.items[0].payload->is("entry", "http://www.w3.org/2005/Atom"));
  EXPECT_EQ(publish.options->value("pubsub#access_model"), "presence");
}

TEST(PubsubRequest, ReadsTheRequestsOfPublishersAndSubscribers) {
  const auto retract =
      parsed<Retract>(request_iq("set", "<retract node='n' notify='true'><item id='a'/><item id='b'/></retract>"));
  EXPECT_EQ(retract.ids, (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(retract.notify);

  const auto items = parsed<GetItems>(request_iq("get",
                                                 "<items node='n' max_items='2'><item id='x'/></items><set "
                                                 "xmlns='http://jabber.org/protocol/rsm'><max>10</max></set>"));
  EXPECT_EQ(items.max_items, 2u);
  EXPECT_EQ(items.ids.size(), 1u);
  EXPECT_EQ(items.page.max, 10u);

  const auto subscribe = parsed<Subscribe>(request_iq(
      "set",
      "<subscribe node='n' jid='francisco@denmark.lit'/><options><x xmlns='jabber:x:data' type='submit'/></options>"));
  EXPECT_EQ(subscribe.jid, jid("francisco@denmark.lit"));
  EXPECT_TRUE(subscribe.options);
  EXPECT_EQ(parsed<Unsubscribe>(request_iq("set", "<unsubscribe node='n' jid='a@b.c' subid='s'/>")).subid, "s");
  EXPECT_EQ(parsed<GetSubscriptions>(request_iq("get", "<subscriptions/>")).node, "");
  EXPECT_EQ(parsed<GetAffiliations>(request_iq("get", "<affiliations node='n'/>")).node, "n");
  EXPECT_EQ(parsed<GetOptions>(request_iq("get", "<options node='n' jid='a@b.c'/>")).jid, jid("a@b.c"));
  EXPECT_EQ(parsed<SetOptions>(
                request_iq("set", "<options node='n' jid='a@b.c'><x xmlns='jabber:x:data' type='submit'/></options>"))
                .node,
            "n");
}

TEST(PubsubRequest, ReadsTheRequestsOfOwners) {
  const auto create = parsed<Create>(
      request_iq("set", "<create node='n'/><configure><x xmlns='jabber:x:data' type='submit'/></configure>"));
  EXPECT_EQ(create.node, "n");
  EXPECT_TRUE(create.config);
  EXPECT_FALSE(parsed<Create>(request_iq("set", "<create/><configure/>")).config);
  EXPECT_EQ(parsed<GetConfig>(request_iq("get", "<configure node='n'/>", true)).node, "n");
  EXPECT_EQ(parsed<SetConfig>(
                request_iq("set", "<configure node='n'><x xmlns='jabber:x:data' type='cancel'/></configure>", true))
                .form.type,
            DataForm::Type::cancel);
  parsed<GetDefaultConfig>(request_iq("get", "<default/>", true));
  EXPECT_EQ(parsed<Delete>(request_iq("set", "<delete node='n'><redirect uri='xmpp:x'/></delete>", true)).redirect_uri,
            "xmpp:x");
  EXPECT_EQ(parsed<Purge>(request_iq("set", "<purge node='n'/>", true)).node, "n");
  parsed<GetNodeSubscriptions>(request_iq("get", "<subscriptions node='n'/>", true));
  EXPECT_EQ(
      parsed<SetNodeSubscriptions>(
          request_iq("set", "<subscriptions node='n'><subscription jid='a@b.c' subscription='none'/></subscriptions>",
                     true))
          .changes.size(),
      1u);
  parsed<GetNodeAffiliations>(request_iq("get", "<affiliations node='n'/>", true));
  EXPECT_EQ(
      parsed<SetNodeAffiliations>(
          request_iq("set", "<affiliations node='n'><affiliation jid='a@b.c' affiliation='owner'/></affiliations>",
                     true))
          .changes[0]
          .affiliation,
      "owner");
}

struct Refusal {
  const char* type;
  const char* inner;
  bool owner;
  Condition condition;
  const char* application;
};

TEST(PubsubRequest, RefusesMalformedRequestsWithTheRightConditions) {
  const Refusal refusals[] = {
      {"set", "<publish/>", false, Condition::bad_request, "nodeid-required"},
      {"set", "<publish node='n'><item><a xmlns='x'/><b xmlns='x'/></item></publish>", false, Condition::bad_request,
       "invalid-payload"},
      {"get", "<publish node='n'/>", false, Condition::bad_request, ""},
      {"set", "<retract node='n'/>", false, Condition::bad_request, "item-required"},
      {"set", "<retract node='n'><item/></retract>", false, Condition::bad_request, "item-required"},
      {"set", "<retract node='n' notify='x'><item id='a'/></retract>", false, Condition::bad_request, ""},
      {"get", "<items/>", false, Condition::bad_request, "nodeid-required"},
      {"get", "<items node='n' max_items='0'/>", false, Condition::bad_request, ""},
      {"set", "<subscribe node='n'/>", false, Condition::bad_request, "jid-required"},
      {"set", "<subscribe node='n' jid='@'/>", false, Condition::jid_malformed, ""},
      {"set", "<options node='n' jid='a@b.c'/>", false, Condition::bad_request, "invalid-options"},
      {"set", "<configure node='n'/>", true, Condition::bad_request, ""},
      {"set", "<configure node='n'><x xmlns='jabber:x:data' type='form'/></configure>", true, Condition::bad_request,
       ""},
      {"set", "<delete/>", true, Condition::bad_request, "nodeid-required"},
      {"set", "<affiliations node='n'><affiliation jid='a@b.c' affiliation='king'/></affiliations>", true,
       Condition::not_acceptable, ""},
      {"set", "<subscriptions node='n'><subscription jid='a@b.c' subscription='x'/></subscriptions>", true,
       Condition::not_acceptable, ""},
      {"set", "<odd/>", false, Condition::feature_not_implemented, ""},
      {"set", "", false, Condition::bad_request, ""},
  };
  for (const auto& refusal : refusals) {
    const auto result = parse_request(*request_iq(refusal.type, refusal.inner, refusal.owner));
    ASSERT_FALSE(result) << refusal.inner;
    EXPECT_EQ(result.error().condition, refusal.condition) << refusal.inner;
    EXPECT_EQ(result.error().application_name, refusal.application) << refusal.inner;
  }
  EXPECT_FALSE(parse_request(*from_xml("<iq type='get'/>")));
}

TEST(PubsubEvent, ComesBackAsItWasSent) {
  const auto payload = from_xml("<entry xmlns='http://www.w3.org/2005/Atom'><title>T</title></entry>");
  auto message = Element::make("message", ns::client);
  Element& items = add_items_event(*message, "n");
  add_item(items, "1", payload.get(), "hamlet@denmark.lit/x");
  add_item(items, "2", nullptr);
  add_retraction(items, "3");
  const auto received = from_xml(message->to_xml());
  const auto event = Event::parse(*received).value();
  EXPECT_EQ(event.node, "n");
  ASSERT_EQ(event.items.size(), 2u);
  EXPECT_EQ(event.items[0].publisher, "hamlet@denmark.lit/x");
  EXPECT_EQ(event.items[0].payload->to_xml(), payload->to_xml());
  EXPECT_EQ(event.items[1].payload, nullptr);
  EXPECT_EQ(event.retracted, std::vector<std::string>{"3"});
}

TEST(PubsubEvent, TellsPurgeDeletionAndConfigurationApart) {
  const auto kind = [](auto add) {
    auto message = Element::make("message", ns::client);
    add(*message);
    return Event::parse(*from_xml(message->to_xml()))->kind;
  };
  EXPECT_EQ(kind([](Element& m) { add_purge_event(m, "n"); }), Event::Kind::purge);
  EXPECT_EQ(kind([](Element& m) { add_delete_event(m, "n", "xmpp:x"); }), Event::Kind::deletion);
  EXPECT_EQ(kind([](Element& m) { add_configuration_event(m, "n", nullptr); }), Event::Kind::configuration);
  for (const auto* inner : {"", "<items/>", "<odd node='n'/>", "<items xmlns='x' node='n'/>"})
    EXPECT_FALSE(Event::parse(*from_xml("<message><event xmlns='http://jabber.org/protocol/pubsub#event'>" +
                                        std::string(inner) + "</event></message>")))
        << inner;
}

TEST(PubsubResult, HasTheFormOfXep0060) {
  const auto xml = [](auto add) {
    auto iq = Element::make("iq", ns::client);
    add(*iq);
    return iq->first_element()->to_xml();
  };
  const std::string open = "<pubsub xmlns='http://jabber.org/protocol/pubsub'>", close = "</pubsub>";
  const auto same = [](const std::string& a, const std::string& b) {
    return from_xml(a)->to_xml() == from_xml(b)->to_xml();
  };
  EXPECT_PRED2(same, xml([](Element& iq) { add_publish_result(iq, "n", {"a"}); }),
               open + "<publish node='n'><item id='a'/></publish>" + close);
  EXPECT_PRED2(same, xml([](Element& iq) { add_create_result(iq, "n"); }), open + "<create node='n'/>" + close);
  EXPECT_PRED2(same, xml([](Element& iq) { add_subscription_result(iq, {"n", jid("a@b.c"), "subscribed", "s"}); }),
               open + "<subscription node='n' jid='a@b.c' subid='s' subscription='subscribed'/>" + close);
  EXPECT_PRED2(same, xml([](Element& iq) { add_affiliations_result(iq, "", {{"n", {}, "owner"}}); }),
               open + "<affiliations><affiliation node='n' affiliation='owner'/></affiliations>" + close);
  const auto page = xml([](Element& iq) {
    add_item(add_items_result(iq, "n"), "1", nullptr);
    add_items_page(iq, RsmResult{"1", "1", 0, 1});
  });
  EXPECT_PRED2(
      same, page,
      open +
          "<items node='n'><item id='1'/></items><set xmlns='http://jabber.org/protocol/rsm'><first index='0'>1</first>"
          "<last>1</last><count>1</count></set>" +
          close);
}

TEST(PubsubClientRequest, IsUnderstoodByTheServer) {
  const auto payload = from_xml("<a xmlns='urn:x'/>");
  const auto options =
      DataForm::make(DataForm::Type::submit, ns::pubsub_publish_options).add("pubsub#access_model", "open");
  const auto iq = [](std::string_view type, auto add) {
    auto made = Element::make("iq", ns::client);
    made->set_attr("type", type);
    add(*made);
    return from_xml(made->to_xml());
  };
  const auto publish_iq = iq("set", [&](Element& e) { add_publish(e, "n", "i", payload.get(), &options); });
  const auto publish = parsed<Publish>(publish_iq);
  EXPECT_EQ(publish.items[0].id, "i");
  EXPECT_EQ(*publish.options, options);
  EXPECT_EQ(parsed<GetItems>(iq("get", [](Element& e) { add_get_items(e, "n", 3, {"x"}); })).max_items, 3u);
  EXPECT_TRUE(parsed<Retract>(iq("set", [](Element& e) { add_retract(e, "n", "x", true); })).notify);
}

DataForm config_form() { return DataForm::make(DataForm::Type::submit, ns::pubsub_node_config); }
DataForm options_form() { return DataForm::make(DataForm::Type::submit, ns::pubsub_publish_options); }

TEST(NodeConfig, ComesBackAsItWasSent) {
  NodeConfig config = NodeConfig::pep();
  config.title = "Princely Musings";
  config.max_items = NodeConfig::unlimited;
  config.item_expire = 604800;
  config.access_model = AccessModel::roster;
  config.roster_groups_allowed = {"friends", "enemies"};
  config.notify_delete = true;
  NodeConfig copy;
  ASSERT_TRUE(copy.apply(*DataForm::parse_child(*sent(config.to_form(DataForm::Type::submit))).value()));
  EXPECT_EQ(copy, config);
}

TEST(NodeConfig, CanBeFilledInAndSentBack) {
  auto form = NodeConfig().to_form(DataForm::Type::form);
  EXPECT_EQ(form.field("pubsub#access_model")->options.size(), 5u);
  form.type = DataForm::Type::submit;
  NodeConfig config;
  ASSERT_TRUE(config.apply(form));
  EXPECT_EQ(config, NodeConfig());
}

TEST(NodeConfig, ChangesOnlyWhatIsNamed) {
  NodeConfig config = NodeConfig::pep();
  ASSERT_TRUE(config.apply(
      config_form().add("pubsub#max_items", "max").add("pubsub#node_type", "leaf").add("pubsub#collection", "")));
  NodeConfig expected = NodeConfig::pep();
  expected.max_items = NodeConfig::unlimited;
  EXPECT_EQ(config, expected);
  DataForm cancel = config_form().add("pubsub#max_items", "5");
  cancel.type = DataForm::Type::cancel;
  ASSERT_TRUE(config.apply(cancel));
  EXPECT_EQ(config, expected);
}

TEST(NodeConfig, RefusesWrongValuesAndUnknownOptionsAndStaysAsItWas) {
  const std::pair<const char*, const char*> wrong[] = {{"pubsub#persist_items", "maybe"},
                                                       {"pubsub#max_items", "-1"},
                                                       {"pubsub#max_items", "4294967296"},
                                                       {"pubsub#publish_model", "king"},
                                                       {"pubsub#send_last_published_item", "x"},
                                                       {"pubsub#node_type", "collection"},
                                                       {"pubsub#unheard_of", "1"},
                                                       {"pubsub#notification_type", "chat"}};
  for (const auto& [var, value] : wrong) {
    NodeConfig config;
    const auto result = config.apply(config_form().add("pubsub#title", "changed").add(var, value));
    ASSERT_FALSE(result) << var;
    EXPECT_EQ(result.error().condition, Condition::not_acceptable) << var;
    EXPECT_EQ(config, NodeConfig());
  }
  NodeConfig config;
  const auto access = config.apply(config_form().add("pubsub#access_model", "secret"));
  EXPECT_EQ(access.error().application_name, "unsupported-access-model");
  EXPECT_EQ(config.apply(options_form()).error().condition, Condition::bad_request);
  EXPECT_EQ(config.apply(config_form().add_values("pubsub#title", {"a", "b"})).error().condition,
            Condition::not_acceptable);
}

TEST(NodeConfig, KeepsNoMoreItemsThanThereMayBeAndSaysSo) {
  NodeConfig config;
  ASSERT_TRUE(config.apply(config_form().add("pubsub#max_items", "100000")));
  EXPECT_EQ(config.max_items, NodeConfig::most_items);
  EXPECT_EQ(config.to_form(DataForm::Type::form).value("pubsub#max_items"), "1000");
  EXPECT_TRUE(config.check_publish_options(options_form().add("pubsub#max_items", "100000")));
  EXPECT_TRUE(config.check_publish_options(options_form().add("pubsub#max_items", "max")));
  EXPECT_FALSE(config.check_publish_options(options_form().add("pubsub#max_items", "999")));
  config.max_items = NodeConfig::unlimited;
  EXPECT_TRUE(config.check_publish_options(options_form().add("pubsub#max_items", "5000")));
  EXPECT_EQ(config.metadata().value("pubsub#max_items"), "1000");
}

TEST(NodeConfig, HasTextsAndListsOfALimitedSize) {
  const auto fits = [](std::string_view var, std::vector<std::string> values) {
    NodeConfig config;
    auto form = config_form();
    form.add_values(var, std::move(values), "list-multi");
    EXPECT_TRUE(config.apply(form)) << var;
    return config.check_sizes().has_value();
  };
  for (const auto* var : {"pubsub#title", "pubsub#description", "pubsub#type", "pubsub#language"}) {
    EXPECT_TRUE(fits(var, {std::string(NodeConfig::most_text_bytes, 'x')})) << var;
    EXPECT_FALSE(fits(var, {std::string(NodeConfig::most_text_bytes + 1, 'x')})) << var;
  }
  for (const auto* var : {"pubsub#roster_groups_allowed", "pubsub#contact"}) {
    EXPECT_TRUE(fits(var, std::vector<std::string>(20, "a group of friends"))) << var;
    EXPECT_FALSE(fits(var, std::vector<std::string>(200, "abc"))) << var;
  }
}

TEST(NodeConfig, ComparesPublishOptions) {  // XEP-0060 §7.1.5
  const NodeConfig config = NodeConfig::pep();
  EXPECT_TRUE(
      config.check_publish_options(options_form().add("pubsub#access_model", "presence").add("pubsub#max_items", "1")));
  const auto unmet = config.check_publish_options(options_form().add("pubsub#access_model", "open"));
  ASSERT_FALSE(unmet);
  EXPECT_EQ(unmet.error().condition, Condition::conflict);
  EXPECT_EQ(unmet.error().application_name, "precondition-not-met");
  EXPECT_FALSE(config.check_publish_options(options_form().add("pubsub#unheard_of", "1")));
  EXPECT_EQ(config.check_publish_options(config_form()).error().condition, Condition::bad_request);

  NodeConfig created = NodeConfig::pep();
  ASSERT_TRUE(created.apply_publish_options(options_form().add("pubsub#access_model", "open")));
  EXPECT_EQ(created.access_model, AccessModel::open);
}

TEST(NodeConfig, TellsItsMetadata) {
  NodeConfig config;
  config.type = "http://www.w3.org/2005/Atom";
  const auto form = config.metadata();
  EXPECT_EQ(form.form_type(), "http://jabber.org/protocol/pubsub#meta-data");
  EXPECT_EQ(form.value("pubsub#type"), "http://www.w3.org/2005/Atom");
  EXPECT_EQ(form.value("pubsub#access_model"), "open");
}

}  // namespace
}  // namespace rookery::xmpp::pubsub
