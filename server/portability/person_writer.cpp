#include <algorithm>
#include <tuple>

#include "server/accounts.h"
#include "server/portability/person.h"
#include "server/pubsub/avatar.h"
#include "server/pubsub/conversions.h"
#include "server/pubsub/leaf.h"
#include "xmpp/namespaces.h"
#include "xmpp/payloads/vcard.h"
#include "xmpp/stream_parser.h"

namespace rookery::server::portability {

namespace {

/// Do both say the same of a contact?
bool same_contact(const storage::RosterItem& a, const storage::RosterItem& b) {
  const auto seen = [](const auto& item) {
    return std::tie(item.jid, item.in_roster, item.name, item.subscription, item.ask, item.approved, item.groups);
  };
  return seen(a) == seen(b);
}

class PersonWriter {
 public:
  PersonWriter(storage::Stores& stores, const Person& person, const ImportOptions& options, Counts& counts)
      : stores_(stores), person_(person), options_(options), counts_(counts) {}

  Status write() {
    for (const auto part : {&PersonWriter::account, &PersonWriter::roster, &PersonWriter::vcard, &PersonWriter::values,
                            &PersonWriter::nodes}) {
      if (auto done = (this->*part)(); !done) return done;
    }
    return {};
  }

 private:
  bool dry() const { return options_.dry_run; }
  void warn(const std::string& sentence) const { options_.warn(person_.jid.text() + ": " + sentence); }

  Status account() {
    const auto exists = stores_.accounts().exists(person_.jid);
    if (!exists) return std::unexpected<Error>(exists.error());
    if (*exists) {
      ++counts_.present_accounts;
      return {};
    }
    std::vector<crypto::ScramKeys> keys = person_.keys;
    if (keys.empty() && !person_.password.empty()) {
      auto derived = derive_keys(person_.password, options_.scram_iterations);
      if (derived)
        keys = std::move(*derived);
      else
        warn("the password cannot be used: " + derived.error().message);
    }
    if (keys.empty()) warn("comes without a password; set one with rookeryctl account set-password");
    ++counts_.accounts;
    counts_.weak_keys += keys.size() == 1 && keys.front().hash == crypto::Hash::sha1;
    if (dry()) return {};
    if (auto made = create_account(stores_, person_.jid, std::move(keys)); !made) return made;
    // What this import or an earlier one has written into its log is to stay.
    if (auto kept = stores_.values().remove(person_.jid, new_log_kind, ""); !kept) return kept;
    return person_.disabled ? stores_.accounts().set_disabled(person_.jid, true) : Status();
  }

  Status roster() {
    auto roster = stores_.rosters().load(person_.jid);
    if (!roster) return std::unexpected<Error>(roster.error());
    std::map<xmpp::Jid, storage::RosterItem> items;
    for (auto& item : roster->items) items[item.jid] = std::move(item);
    for (const auto& entry : person_.roster) {
      storage::RosterItem item = items[entry.jid];
      item.jid = entry.jid;
      item.name = entry.name;
      item.subscription = static_cast<storage::RosterItem::Subscription>(entry.subscription);
      item.ask = entry.ask;
      item.approved = entry.approved;
      item.groups = entry.groups;
      item.in_roster = true;
      if (same_contact(items[entry.jid], item)) continue;
      ++counts_.contacts;
      if (auto put = put_item(item, ++roster->version); !put) return put;
      items[entry.jid] = std::move(item);
    }
    for (const auto& [from, presence] : person_.requests) {
      const bool known = items.contains(from);
      storage::RosterItem& item = items[from];
      if (item.request == presence) continue;
      if (!known) item.in_roster = false;
      item.jid = from;
      item.request = presence;
      ++counts_.requests;
      if (auto put = put_item(item, roster->version); !put) return put;
    }
    return {};
  }

  Status put_item(const storage::RosterItem& item, uint64_t version) {
    return dry() ? Status() : stores_.rosters().put(person_.jid, item, version);
  }

  Status vcard() {
    if (person_.vcard.empty()) return {};
    auto document = xmpp::parse_own(person_.vcard);
    if (!document) return {};
    const auto before = stores_.values().get(person_.jid, "vcard", "");
    if (!before) return std::unexpected<Error>(before.error());
    const bool has_photo = xmpp::find_photo(**document).has_value();
    auto bare = (*document)->clone();
    xmpp::remove_photo(*bare);
    if (*before && **before == bare->to_xml()) return {};
    ++counts_.vcards;
    if (dry()) return {};
    // A photograph becomes what it is when a client sets it (XEP-0398); a vCard without one says nothing against an
    // avatar.
    if (!has_photo) return stores_.values().put(person_.jid, "vcard", "", person_.vcard);
    pubsub::Effects nobody_listens;
    const auto kept = pubsub::vcard_changed(stores_, person_.jid, person_.vcard, nobody_listens);
    if (!kept) return std::unexpected<Error>(kept.error());
    return stores_.values().put(person_.jid, "vcard", "", *kept);
  }

  Status put_value(std::string_view kind, const std::string& key, const std::string& value, size_t& count) {
    const auto before = stores_.values().get(person_.jid, kind, key);
    if (!before) return std::unexpected<Error>(before.error());
    if (*before && **before == value) return {};
    ++count;
    return dry() ? Status() : stores_.values().put(person_.jid, kind, key, value);
  }

  Status values() {
    for (const auto& [key, xml] : person_.privates) {
      if (auto put = put_value("private", key, xml, counts_.private_elements); !put) return put;
    }
    for (const auto& jid : person_.blocked) {
      if (auto put = put_value("blocking", jid.text(), "", counts_.blocked); !put) return put;
    }
    size_t unused = 0;
    return person_.preferences.empty() ? Status() : put_value("mam-prefs", "", person_.preferences, unused);
  }

  // XEP-0227 §4.11.1: options that are not known are passed over.
  xmpp::pubsub::NodeConfig config_of(const std::string& name, const PersonsNode& node) {
    auto config = pubsub::default_config(person_.jid);
    if (!node.config) {
      // Such an item's readers are unknown: its owner alone is on the safe side.
      config.access_model = xmpp::pubsub::AccessModel::whitelist;
      warn("node " + name + " comes without a configuration and is private now");
      return config;
    }
    for (const auto& field : node.config->fields) {
      if (field.var == "FORM_TYPE" || field.values.empty() || field.values.front().empty()) continue;
      auto form = xmpp::DataForm::make(xmpp::DataForm::Type::submit, xmpp::ns::pubsub_node_config);
      form.fields.push_back(
          {.var = field.var, .type = {}, .label = {}, .values = field.values, .options = {}, .required = false});
      if (config.apply(form)) continue;
      if (field.var == "pubsub#access_model") config.access_model = xmpp::pubsub::AccessModel::whitelist;
    }
    // Where nothing is said the other server had no such limit, or a higher one: no item may get lost by ours.
    const auto said = node.config->value("pubsub#max_items");
    if (!said || said->empty() || node.items.size() > config.max_items)
      config.max_items = xmpp::pubsub::NodeConfig::unlimited;
    return config;
  }

  Status nodes() {
    for (const auto& [name, node] : person_.nodes) {
      if (auto done = write_node(name, node); !done) return done;
    }
    if (dry() || person_.nodes.empty()) return {};
    pubsub::Effects nobody_listens;
    return pubsub::avatar_from_node(stores_, person_.jid, nobody_listens);
  }

  Status write_node(const std::string& name, const PersonsNode& node) {
    auto& store = stores_.pubsub();
    const pubsub::Leaf leaf{person_.jid, name, config_of(name, node), node.affiliations};
    const auto before = store.node(person_.jid, name);
    if (!before && before.error().failure != Failure::not_found) return std::unexpected<Error>(before.error());
    const std::string config = pubsub::encode_config(leaf.config);
    counts_.nodes += !before || before->config != config;
    std::vector<storage::PubsubItem> present;
    if (before) {
      auto items = store.items(person_.jid, name, pubsub::most_items);
      if (!items) return std::unexpected<Error>(items.error());
      present = std::move(*items);
    }
    if (!dry()) {
      if (auto made = before ? store.configure(person_.jid, {name, config}) : store.create(person_.jid, {name, config});
          !made)
        return made;
      if (auto set = write_people(name, node); !set) return set;
    }
    const size_t limit = leaf.item_limit();
    auto published = pubsub::now() - std::chrono::microseconds(node.items.size());
    for (storage::PubsubItem item : node.items) {
      item.published = published += std::chrono::microseconds(1);
      const auto same = [&](const auto& other) { return other.id == item.id && other.payload == item.payload; };
      if (std::ranges::any_of(present, same)) continue;
      ++counts_.items;
      if (dry() || limit == 0) continue;
      if (auto put = store.publish(person_.jid, name, item, limit); !put) return put;
    }
    return {};
  }

  Status write_people(const std::string& name, const PersonsNode& node) {
    for (const auto& one : node.affiliations) {
      if (auto set = stores_.pubsub().set_affiliation(person_.jid, name, one); !set) return set;
    }
    for (const auto& one : node.subscriptions) {
      if (auto set = stores_.pubsub().set_subscription(person_.jid, name, one); !set) return set;
    }
    return {};
  }

  storage::Stores& stores_;
  const Person& person_;
  const ImportOptions& options_;
  Counts& counts_;
};

}  // namespace

Status write_person(storage::Stores& stores, const Person& person, const ImportOptions& options, Counts& counts) {
  return PersonWriter(stores, person, options, counts).write();
}

}  // namespace rookery::server::portability
