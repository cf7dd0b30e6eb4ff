#include "server/portability/person.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "crypto/hash.h"
#include "xmpp/namespaces.h"
#include "xmpp/payloads/delay.h"
#include "xmpp/payloads/mam.h"
#include "xmpp/payloads/stanza_id.h"

namespace rookery::server::portability {

namespace {

using Sentences = std::vector<std::string>;
constexpr std::string_view blocklist_ns = "urn:xmpp:blocking";

/// ejabberd 23.01 writes base64 of base64: its keys then have not the size that they must have.
std::optional<std::string> decode(const std::string& text, size_t size, bool& twice) {
  auto raw = crypto::base64_decode(text);
  if (!raw) return std::nullopt;
  if (size == 0 || raw->size() != size) {
    auto again = crypto::base64_decode(*raw);
    if (size == 0 ? twice : again && again->size() == size) {
      twice = true;
      return again ? std::optional(std::move(*again)) : std::nullopt;
    }
  }
  return size == 0 || raw->size() == size ? std::optional(std::move(*raw)) : std::nullopt;
}

Sentences read_credentials(Person& person, const xmpp::Element& part) {
  crypto::ScramKeys keys;
  const auto mechanism = part.attr("mechanism");
  bool known = false;
  for (const auto hash : {crypto::Hash::sha1, crypto::Hash::sha256, crypto::Hash::sha512}) {
    if (mechanism != scram_name(hash)) continue;
    keys.hash = hash;
    known = true;
  }
  if (!known) return {"credentials for " + std::string(mechanism) + " are of no use here"};
  const std::string count = part.child_text("iter-count", ns::scram);
  const auto [end, error] = std::from_chars(count.data(), count.data() + count.size(), keys.iterations);
  bool twice = false;
  auto stored = decode(part.child_text("stored-key", ns::scram), crypto::digest_size(keys.hash), twice);
  auto server = decode(part.child_text("server-key", ns::scram), crypto::digest_size(keys.hash), twice);
  auto salt = decode(part.child_text("salt", ns::scram), 0, twice);
  const bool right =
      error == std::errc() && end == count.data() + count.size() && keys.iterations >= crypto::scram_minimum_iterations;
  if (!right || !stored || !server || !salt || salt->empty())
    return {"the credentials for " + std::string(mechanism) + " are malformed"};
  keys.stored_key = std::move(*stored);
  keys.server_key = std::move(*server);
  keys.salt = std::move(*salt);
  std::erase_if(person.keys, [&](const auto& other) { return other.hash == keys.hash; });
  person.keys.push_back(std::move(keys));
  return {};
}

Sentences read_roster(Person& person, const xmpp::Element& query) {
  Sentences problems;
  for (const auto& item : query.elements()) {
    auto entry = xmpp::RosterEntry::parse(item);
    if (entry && entry->jid.is_bare() && entry->subscription != xmpp::RosterEntry::Subscription::remove &&
        entry->jid != person.jid) {
      person.roster.push_back(std::move(*entry));
    } else {
      problems.push_back("the contact \"" + std::string(item.attr("jid")) + "\" is malformed");
    }
  }
  return problems;
}

// XEP-0016 §2.2: what the default list denies wholly is what XEP-0191 blocks.
Sentences read_privacy(Person& person, const xmpp::Element& query) {
  const auto* chosen = query.child("default", ns::privacy);
  Sentences problems;
  for (const auto& list : query.elements()) {
    if (list.name() != "list") continue;
    if (chosen == nullptr || list.attr("name") != chosen->attr("name")) {
      problems.push_back("the privacy list \"" + std::string(list.attr("name")) + "\" is not the default one");
      continue;
    }
    for (const auto& item : list.elements()) {
      auto jid = xmpp::Jid::parse(item.attr("value"));
      const bool blocks =
          item.attr("type") == "jid" && item.attr("action") == "deny" && item.first_element() == nullptr && jid;
      if (blocks)
        person.blocked.push_back(std::move(*jid));
      else if (item.attr("action") != "allow" || item.has_attr("type"))
        problems.push_back("a rule of a privacy list is more than blocking an address");
    }
  }
  return problems;
}

Sentences read_blocklist(Person& person, const xmpp::Element& list) {
  Sentences problems;
  for (const auto& item : list.elements()) {
    auto jid = xmpp::Jid::parse(item.attr("jid"));
    if (jid)
      person.blocked.push_back(std::move(*jid));
    else
      problems.push_back("\"" + std::string(item.attr("jid")) + "\" is no address to block");
  }
  return problems;
}

Sentences read_request(Person& person, const xmpp::Element& presence) {
  auto from = xmpp::Jid::parse(presence.attr("from"));
  if (!from || presence.attr("type") != "subscribe") return {"a presence that is no subscription request"};
  auto copy = presence.clone();
  copy->rename_ns(ns::pie, xmpp::ns::client);
  copy->set_attr("from", from->bare().text()).set_attr("to", person.jid.text());
  person.requests.emplace_back(from->bare(), copy->to_xml(xmpp::ns::client));
  return {};
}

Sentences read_private(Person& person, const xmpp::Element& query) {
  for (const auto& element : query.elements()) {
    person.privates.emplace_back(std::string(element.name()) + " " + std::string(element.ns()), element.to_xml());
  }
  return {};
}

}  // namespace

Sentences read_part(Person& person, const xmpp::Element& part) {
  if (part.is("scram-credentials", ns::scram)) return read_credentials(person, part);
  if (part.is("query", xmpp::ns::roster)) return read_roster(person, part);
  if (part.is("query", xmpp::ns::private_xml)) return read_private(person, part);
  if (part.is("query", ns::privacy)) return read_privacy(person, part);
  if (part.is("blocklist", blocklist_ns)) return read_blocklist(person, part);
  // Prosody 0.12 leaves out the namespace.
  if (part.is("presence", xmpp::ns::client) || part.is("presence", ns::pie)) return read_request(person, part);
  if (part.is("disabled", ns::own)) return person.disabled = true, Sentences();
  if (part.is("vCard", xmpp::ns::vcard_temp)) return person.vcard = part.to_xml(), Sentences();
  if (part.is("prefs", xmpp::ns::mam)) {
    const auto preferences = xmpp::MamPreferences::parse(part);
    if (!preferences) return {"the preferences of the archive are malformed"};
    return person.preferences = part.to_xml(), Sentences();
  }
  return {"<" + std::string(part.name()) + " xmlns='" + std::string(part.ns()) + "'/> is not known"};
}

Sentences read_node_part(Person& person, const xmpp::Element& part) {
  const std::string name(part.attr("node"));
  if (name.empty()) return {"a part of no node"};
  PersonsNode& node = person.nodes[name];
  if (part.name() == "configure") {
    auto form = xmpp::DataForm::parse_child(part);
    if (!form || !*form) return {"the configuration of node " + name + " is malformed"};
    node.config = std::move(**form);
    return {};
  }
  Sentences problems;
  for (const auto& each : part.elements()) {
    const auto jid = xmpp::Jid::parse(each.attr("jid"));
    if (!jid) {
      problems.push_back("\"" + std::string(each.attr("jid")) + "\" at node " + name + " is no address");
    } else if (part.name() == "affiliations") {
      const std::array<std::string_view, 5> known = {"owner", "publisher", "publish-only", "member", "outcast"};
      if (std::ranges::find(known, each.attr("affiliation")) == known.end()) continue;
      if (!jid->same_bare(person.jid))
        node.affiliations.push_back({std::string(jid->bare_text()), std::string(each.attr("affiliation"))});
    } else if (part.name() == "subscriptions") {
      if (each.attr("subscription") == "none" || each.attr("subscription").empty()) continue;
      std::string options;
      if (const auto* given = each.child("options", part.ns())) {
        if (const auto form = xmpp::DataForm::parse_child(*given); form && *form) {
          auto root = xmpp::Element::make("config", xmpp::ns::pubsub);  // as server/pubsub/leaf.cpp keeps it
          (*form)->add_to(*root);
          options = root->to_xml();
        }
      }
      node.subscriptions.push_back(
          {jid->text(), std::string(each.attr("subid")), std::string(each.attr("subscription")), std::move(options)});
    }
  }
  return problems;
}

Sentences read_item(Person& person, const std::string& node, const xmpp::Element& item) {
  if (item.name() != "item" || item.attr("id").empty()) return {"an item without id at node " + node};
  const auto* payload = item.first_element();
  person.nodes[node].items.push_back({.id = std::string(item.attr("id")),
                                      .publisher = std::string(item.attr("publisher")),
                                      .payload = payload != nullptr ? payload->to_xml() : std::string(),
                                      .published = {}});
  return {};
}

Sentences read_waiting(Person& person, xmpp::ElementPtr message) {
  if (!message->is("message", xmpp::ns::client)) return {"an offline message that is no message"};
  const auto from = xmpp::Jid::parse(message->attr("from"));
  if (!from) return {"an offline message from nobody"};
  WaitingMessage waiting;
  waiting.received = std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
  waiting.archive_id = xmpp::find_stanza_id(*message, person.jid).value_or("");
  xmpp::remove_stanza_ids(*message, person.jid);
  std::vector<const xmpp::Element*> added;
  for (const auto& child : message->elements()) {
    if (child.is("archived", "urn:xmpp:mam:tmp")) added.push_back(&child);
    const auto delay = child.is("delay", xmpp::ns::delay) ? xmpp::Delay::parse(child) : std::nullopt;
    // The one whom the account lived with held it back; another server's delay belongs to the message.
    if (!delay || (!delay->from.empty() && delay->from.domain() != person.jid.domain())) continue;
    waiting.received = delay->stamp;
    added.push_back(&child);
  }
  for (const auto* child : added) message->remove(*child);
  waiting.message = std::move(message);
  person.waiting.push_back(std::move(waiting));
  return {};
}

}  // namespace rookery::server::portability
