// Small questions to an entity: ping (XEP-0199), software version (XEP-0092), time (XEP-0202), last activity
// (XEP-0012).
#pragma once

#include "xmpp/payloads/payload.h"
#include "xmpp/time.h"

namespace rookery::xmpp {

void add_ping(Element& iq);

struct SoftwareVersion {
  std::string name, version, os;

  static std::optional<SoftwareVersion> parse(const Element& query);
  void add_to(Element& iq) const;
  bool operator==(const SoftwareVersion&) const = default;
};

struct EntityTime {
  TimePoint utc{};
  std::chrono::minutes offset{0};  ///< local time minus UTC, less than a day

  static std::optional<EntityTime> parse(const Element& time);
  void add_to(Element& iq) const;
  bool operator==(const EntityTime&) const = default;
};

struct LastActivity {
  std::chrono::seconds ago{0};
  std::string status;

  static std::optional<LastActivity> parse(const Element& query);
  void add_to(Element& iq) const;
  bool operator==(const LastActivity&) const = default;
};

}  // namespace rookery::xmpp
