// One account as a file of XEP-0227 tells of it.
#pragma once

#include <map>

#include "server/portability/portability.h"
#include "xmpp/element.h"
#include "xmpp/payloads/data_form.h"
#include "xmpp/payloads/roster.h"

namespace rookery::server::portability {

struct PersonsNode {
  std::optional<xmpp::DataForm> config;
  std::vector<storage::PubsubAffiliation> affiliations;
  std::vector<storage::PubsubSubscription> subscriptions;
  std::vector<storage::PubsubItem> items;  ///< in the order of the file
};

/// A message that nobody has read yet.
struct WaitingMessage {
  xmpp::ElementPtr message;  ///< without our own stanza-id and the delay of whoever kept it
  storage::TimePoint received{};
  std::string archive_id;  ///< its place in the archive of the same file, where it is said
};

struct Person {
  xmpp::Jid jid;
  std::string password;  ///< in the clear, prepared by nobody yet
  std::vector<crypto::ScramKeys> keys;
  bool disabled = false;
  std::vector<xmpp::RosterEntry> roster;
  std::vector<std::pair<xmpp::Jid, std::string>> requests;  ///< who asked, and the presence
  std::string vcard, preferences;
  std::vector<std::pair<std::string, std::string>> privates;  ///< by the key of XEP-0049's store
  std::vector<xmpp::Jid> blocked;
  std::map<std::string, PersonsNode, std::less<>> nodes;
  std::vector<WaitingMessage> waiting;
};

/// Takes a child of `<user/>` that is no container. What is wrong with it, or with a part of it, comes back as
/// sentences.
std::vector<std::string> read_part(Person& person, const xmpp::Element& part);
/// A child of `<pubsub xmlns='…#owner'/>`.
std::vector<std::string> read_node_part(Person& person, const xmpp::Element& part);
/// A child of `<items/>`.
std::vector<std::string> read_item(Person& person, const std::string& node, const xmpp::Element& item);
/// A child of `<offline-messages/>`.
std::vector<std::string> read_waiting(Person& person, xmpp::ElementPtr message);

/// Writes everything but messages, in one transaction of the caller's.
Status write_person(storage::Stores& stores, const Person& person, const ImportOptions& options, Counts& counts);

}  // namespace rookery::server::portability
