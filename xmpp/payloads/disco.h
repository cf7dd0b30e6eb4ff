// Service Discovery, XEP-0030, with the extended information of XEP-0128.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "xmpp/payloads/data_form.h"
#include "xmpp/payloads/result_set.h"

namespace rookery::xmpp {

struct DiscoInfo {
  struct Identity {
    std::string category, type, name, lang;
    bool operator==(const Identity&) const = default;
  };

  std::string node;
  std::vector<Identity> identities;
  std::vector<std::string> features;
  std::vector<DataForm> forms;

  /// `<query/>` of a result; identities without category or type are bad-request, malformed forms are passed over.
  static Parsed<DiscoInfo> parse(const Element& query);
  void add_to(Element& iq) const;
  bool has_feature(std::string_view feature) const;
  bool has_identity(std::string_view category, std::string_view type) const;
  bool operator==(const DiscoInfo&) const = default;
};

struct DiscoItems {
  struct Item {
    Jid jid;
    std::string node, name;
    bool operator==(const Item&) const = default;
  };

  std::string node;
  std::vector<Item> items;
  std::optional<RsmResult> page;  ///< when the answer was limited

  static Parsed<DiscoItems> parse(const Element& query);
  void add_to(Element& iq) const;
  bool operator==(const DiscoItems&) const = default;
};

}  // namespace rookery::xmpp
