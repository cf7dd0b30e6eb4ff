// Who has which OMEMO devices: our cache of the published lists, and our own entries in them (XEP-0384 §5.3).
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "client/core/event.h"
#include "client/core/omemo/pep.h"
#include "client/core/origin_gate.h"
#include "client/core/store/local_store.h"
#include "xmpp/payloads/omemo.h"

namespace rookery::client {

class DeviceLists {
 public:
  using Version = crypto::omemo::Version;
  static constexpr Version versions[] = {Version::legacy, Version::v2};

  DeviceLists(Connection& connection, Pep& pep, LocalStore& store, const EventSink& events)
      : connection_(connection), pep_(pep), store_(store), events_(events) {}

  Status load();
  /// A new session: what was fetched before may be old, and our device has to be in our lists.
  /// `done` when it is known, and being published, whether it is.
  void on_bound(uint32_t own_device, std::function<void()> done);
  /// A former device of this database: it leaves the lists when its successor enters them.
  void retire(uint32_t former_device) { retired_ = former_device; }
  /// True when the event was a device list.
  bool on_event(const origin::PepEvent& event);

  /// Fetches the lists of `jid` unless they are known to be current. Failure::unavailable when nobody could tell.
  using Done = std::function<void(Status)>;
  void refresh(const xmpp::Jid& jid, Done done);

  const std::set<uint32_t>& devices(Version version, const xmpp::Jid& jid) const;
  bool any_device(const xmpp::Jid& jid) const;

 private:
  using Key = std::pair<Version, std::string>;
  void set(Version version, const xmpp::Jid& owner, const std::vector<uint32_t>& devices);
  void check_own(Version version);
  void publish_own(Version version);

  Connection& connection_;
  Pep& pep_;
  LocalStore& store_;
  const EventSink& events_;
  uint32_t own_device_ = 0, retired_ = 0;
  std::map<Key, std::set<uint32_t>> lists_;
  std::set<Key> current_;  ///< fetched or announced in this session
  int publications_ = 0;   ///< against two devices that keep removing each other
};

}  // namespace rookery::client
