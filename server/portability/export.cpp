#include <algorithm>
#include <limits>

#include "crypto/hash.h"
#include "server/home/home.h"
#include "server/portability/portability.h"
#include "server/pubsub/leaf.h"
#include "xmpp/namespaces.h"
#include "xmpp/payloads/delay.h"
#include "xmpp/payloads/roster.h"
#include "xmpp/payloads/stanza_id.h"
#include "xmpp/stream_parser.h"

namespace rookery::server::portability {

namespace {

constexpr size_t accounts_at_once = 500;
constexpr size_t messages_at_once = 500;

/// One account. Each part is a line, so that two exports can be compared.
class AccountWriter {
 public:
  AccountWriter(storage::Stores& stores, storage::MessageLog& log, const xmpp::Jid& jid, const Sink& sink,
                Counts& counts)
      : stores_(stores), log_(log), jid_(jid), sink_(sink), counts_(counts) {}

  Status write() {
    auto account = stores_.accounts().find(jid_);
    if (!account) return std::unexpected<Error>(account.error());
    std::string tag = "<user name='";
    xmpp::append_escaped(tag, jid_.local());
    if (auto put = sink_(tag + "'>\n"); !put) return put;
    if (auto done = credentials(*account); !done) return done;
    for (const auto part : {&AccountWriter::values, &AccountWriter::roster, &AccountWriter::nodes,
                            &AccountWriter::waiting, &AccountWriter::archive}) {
      if (auto done = (this->*part)(); !done) return done;
    }
    ++counts_.accounts;
    return sink_("</user>\n");
  }

 private:
  Status put(const xmpp::Element& element) { return sink_(element.to_xml(ns::pie) + "\n"); }
  Status put(const xmpp::ElementPtr& element) { return put(*element); }

  Status credentials(const storage::Account& account) {
    for (const auto& keys : account.keys) {
      auto element = xmpp::Element::make("scram-credentials", ns::scram);
      element->set_attr("mechanism", scram_name(keys.hash));
      element->add_text_child("iter-count", std::to_string(keys.iterations))
          .add_text_child("salt", crypto::base64_encode(keys.salt))
          .add_text_child("server-key", crypto::base64_encode(keys.server_key))
          .add_text_child("stored-key", crypto::base64_encode(keys.stored_key));
      if (auto done = put(element); !done) return done;
    }
    return account.disabled ? put(xmpp::Element::make("disabled", ns::own)) : Status();
  }

  /// Private XML, vCard, block list, preferences of the archive.
  Status values() {
    const auto privates = stores_.values().all(jid_, "private");
    const auto vcard = stores_.values().get(jid_, "vcard", "");
    const auto blocked = stores_.values().all(jid_, "blocking");
    const auto preferences = stores_.values().get(jid_, "mam-prefs", "");
    for (const auto* each : {&privates, &blocked}) {
      if (!*each) return std::unexpected<Error>(each->error());
    }
    for (const auto* each : {&vcard, &preferences}) {
      if (!*each) return std::unexpected<Error>(each->error());
      const auto document = *each && **each ? xmpp::parse_own(***each) : std::unexpected(xmpp::StreamError{});
      if (!document) continue;
      counts_.vcards += each == &vcard;
      if (auto done = put(*document); !done) return done;
    }
    auto query = xmpp::Element::make("query", xmpp::ns::private_xml);
    for (const auto& [key, xml] : *privates) {
      const auto document = xmpp::parse_own(xml);
      if (!document) continue;
      query->add_copy(**document);
      ++counts_.private_elements;
    }
    if (query->first_element() != nullptr) {
      if (auto done = put(query); !done) return done;
    }
    return blocked->empty() ? Status() : block_list(*blocked);
  }

  // XEP-0016 §2.2: a default list that denies all stanzas of these addresses.
  Status block_list(const std::vector<std::pair<std::string, std::string>>& blocked) {
    auto query = xmpp::Element::make("query", ns::privacy);
    query->add("default").set_attr("name", "blocked");
    auto& list = query->add("list").set_attr("name", "blocked");
    size_t order = 0;
    for (const auto& [jid, unused] : blocked) {
      list.add("item")
          .set_attr("type", "jid")
          .set_attr("value", jid)
          .set_attr("action", "deny")
          .set_attr("order", std::to_string(++order));
      ++counts_.blocked;
    }
    return put(query);
  }

  Status roster() {
    const auto roster = stores_.rosters().load(jid_);
    if (!roster) return std::unexpected<Error>(roster.error());
    auto query = xmpp::Element::make("query", xmpp::ns::roster);
    for (const auto& item : roster->items) {
      if (!item.in_roster) continue;
      to_entry(item).add_to(*query);
      ++counts_.contacts;
    }
    if (auto done = query->first_element() != nullptr ? put(query) : Status(); !done) return done;
    for (const auto& item : roster->items) {
      const auto request =
          item.request.empty() ? std::unexpected(xmpp::StreamError{}) : xmpp::parse_own(item.request, xmpp::ns::client);
      if (!request) continue;
      ++counts_.requests;
      if (auto done = put(*request); !done) return done;
    }
    return {};
  }

  // XEP-0227 §4.11
  Status nodes() {
    const auto nodes = stores_.pubsub().nodes(jid_, {}, std::numeric_limits<size_t>::max());
    if (!nodes) return std::unexpected<Error>(nodes.error());
    if (nodes->empty()) return {};
    auto owner = xmpp::Element::make("pubsub", xmpp::ns::pubsub_owner);
    for (const auto& node : *nodes) {
      if (auto done = describe(node, *owner); !done) return done;
    }
    if (auto done = put(owner); !done) return done;
    if (auto done = sink_("<pubsub xmlns='http://jabber.org/protocol/pubsub'>\n"); !done) return done;
    for (const auto& node : *nodes) {
      if (auto done = items(node.name); !done) return done;
    }
    return sink_("</pubsub>\n");
  }

  Status describe(const storage::PubsubNode& node, xmpp::Element& owner) {
    const auto config = pubsub::decode_config(jid_, node.config);
    config.to_form(xmpp::DataForm::Type::submit).add_to(owner.add("configure").set_attr("node", node.name));
    const auto affiliations = stores_.pubsub().affiliations(jid_, node.name);
    if (!affiliations) return std::unexpected<Error>(affiliations.error());
    if (!affiliations->empty()) {
      auto& list = owner.add("affiliations").set_attr("node", node.name);
      for (const auto& one : *affiliations)
        list.add("affiliation").set_attr("jid", one.jid).set_attr("affiliation", one.affiliation);
    }
    const auto subscriptions = stores_.pubsub().subscriptions(jid_, node.name);
    if (!subscriptions) return std::unexpected<Error>(subscriptions.error());
    if (subscriptions->empty()) return {};
    auto& list = owner.add("subscriptions").set_attr("node", node.name);
    for (const auto& one : *subscriptions) {
      auto& subscription = list.add("subscription")
                               .set_attr("jid", one.jid)
                               .set_attr("subscription", one.state)
                               .set_attr("subid", one.subid);
      if (!one.options.empty())
        pubsub::decode_options(one.options).to_form(xmpp::DataForm::Type::submit).add_to(subscription.add("options"));
    }
    return {};
  }

  Status items(const std::string& node) {
    auto items = stores_.pubsub().items(jid_, node, pubsub::most_items);
    if (!items) return std::unexpected<Error>(items.error());
    std::ranges::reverse(*items);  // the oldest first
    auto element = xmpp::Element::make("items", xmpp::ns::pubsub);
    element->set_attr("node", node);
    for (const auto& item : *items) {
      auto& entry = element->add("item").set_attr("id", item.id);
      if (!item.publisher.empty()) entry.set_attr("publisher", item.publisher);
      const auto payload = item.payload.empty() ? std::unexpected(xmpp::StreamError{}) : xmpp::parse_own(item.payload);
      if (payload) entry.add_copy(**payload);
      ++counts_.items;
    }
    ++counts_.nodes;
    return sink_(element->to_xml(xmpp::ns::pubsub) + "\n");
  }

  Status waiting() {
    const auto state = log_.load(jid_.text());
    if (!state) return std::unexpected<Error>(state.error());
    bool opened = false;
    for (storage::LogId after = state->cursor;;) {
      const auto page = log_.inbox(jid_.text(), after, messages_at_once);
      if (!page) return std::unexpected<Error>(page.error());
      for (const auto& entry : *page) {
        after = entry.id;
        const auto message = xmpp::parse_own(entry.xml, xmpp::ns::client);
        if (!message) continue;
        xmpp::Delay{.stamp = storage::time_of(entry.id), .from = jid_.domain_jid(), .reason = {}}.add_to(**message);
        xmpp::add_stanza_id(**message, jid_, storage::to_stanza_id(entry.id));
        if (!std::exchange(opened, true)) {
          if (auto done = sink_("<offline-messages>\n"); !done) return done;
        }
        ++counts_.waiting;
        if (auto done = put(*message); !done) return done;
      }
      if (page->size() < messages_at_once) break;
    }
    return opened ? sink_("</offline-messages>\n") : Status();
  }

  // XEP-0227 §4.12
  Status archive() {
    storage::ArchiveQuery query;
    query.owner = jid_.text();
    query.limit = messages_at_once;
    for (bool opened = false;;) {
      const auto page = log_.query(query);
      if (!page) return std::unexpected<Error>(page.error());
      for (const auto& entry : page->entries) {
        query.after = entry.id;
        const auto message = xmpp::parse_own(entry.xml, xmpp::ns::client);
        if (!message) continue;
        if (!std::exchange(opened, true)) {
          if (auto done = sink_("<archive xmlns='" + std::string(ns::archive) + "'>\n"); !done) return done;
        }
        auto result = xmpp::Element::make("result", xmpp::ns::mam);
        auto& forwarded = result->set_attr("id", storage::to_stanza_id(entry.id)).add("forwarded", xmpp::ns::forward);
        xmpp::Delay{.stamp = storage::time_of(entry.id), .from = {}, .reason = {}}.add_to(forwarded);
        forwarded.add_copy(**message);
        ++counts_.archived;
        if (auto done = put(result); !done) return done;
      }
      if (page->complete || page->entries.empty()) return opened ? sink_("</archive>\n") : Status();
    }
  }

  storage::Stores& stores_;
  storage::MessageLog& log_;
  const xmpp::Jid& jid_;
  const Sink& sink_;
  Counts& counts_;
};

Status export_domain(storage::Stores& stores, storage::MessageLog& log, const std::string& domain, const Sink& sink,
                     Counts& counts) {
  for (std::string after;;) {
    const auto accounts = stores.accounts().list(domain, after, accounts_at_once);
    if (!accounts) return std::unexpected<Error>(accounts.error());
    for (const auto& account : *accounts) {
      if (auto done = export_account(stores, log, account, sink, counts); !done) return done;
      after = account.text();
    }
    if (accounts->size() < accounts_at_once) return {};
  }
}

}  // namespace

std::string_view scram_name(crypto::Hash hash) {
  switch (hash) {
    case crypto::Hash::sha1:
      return "SCRAM-SHA-1";
    case crypto::Hash::sha256:
      return "SCRAM-SHA-256";
    case crypto::Hash::sha512:
      return "SCRAM-SHA-512";
  }
  return {};
}

std::string Counts::text() const {
  std::string lines;
  const auto add = [&lines](std::string_view name, size_t count) {
    if (count != 0) lines.append(name).append(" ").append(std::to_string(count)).append("\n");
  };
  add("accounts", accounts);
  add("accounts_that_were_there", present_accounts);
  add("accounts_with_sha_1_only", weak_keys);
  add("contacts", contacts);
  add("subscription_requests", requests);
  add("vcards", vcards);
  add("private_elements", private_elements);
  add("blocked", blocked);
  add("pep_nodes", nodes);
  add("pep_items", items);
  add("archived_messages", archived);
  add("waiting_messages", waiting);
  add("messages_that_were_there", present_messages);
  return lines;
}

Status export_account(storage::Stores& stores, storage::MessageLog& log, const xmpp::Jid& account, const Sink& sink,
                      Counts& counts) {
  return AccountWriter(stores, log, account, sink, counts).write();
}

Status export_accounts(storage::Stores& stores, storage::MessageLog& log, const std::vector<std::string>& domains,
                       const std::optional<xmpp::Jid>& only, const Sink& sink, Counts& counts) {
  if (auto done = sink("<?xml version='1.0' encoding='UTF-8'?>\n<server-data xmlns='" + std::string(ns::pie) + "'>\n");
      !done)
    return done;
  for (const auto& domain : only ? std::vector{std::string(only->domain())} : domains) {
    std::string tag = "<host jid='";
    xmpp::append_escaped(tag, domain);
    if (auto done = sink(tag + "'>\n"); !done) return done;
    const Status written =
        only ? export_account(stores, log, *only, sink, counts) : export_domain(stores, log, domain, sink, counts);
    if (!written) return written;
    if (auto done = sink("</host>\n"); !done) return done;
  }
  return sink("</server-data>\n");
}

}  // namespace rookery::server::portability
