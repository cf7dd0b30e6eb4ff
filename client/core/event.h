// What the core tells its user interface: one typed stream.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "client/core/message.h"
#include "crypto/result.h"
#include "xmpp/jid.h"

namespace rookery::client {

struct Contact {
  xmpp::Jid jid;
  std::string name;
  std::string subscription;  ///< none, to, from, both; "remove" in an event
  bool asked = false;        ///< our request waits for an answer
  std::vector<std::string> groups;
  bool operator==(const Contact&) const = default;
  /// RFC 6121 §3: may this contact see our presence, so receipts and typing too (REQUIREMENTS 35)?
  bool may_see_us() const { return subscription == "from" || subscription == "both"; }
};

struct DeviceInfo {
  xmpp::Jid owner;
  uint32_t device = 0;
  std::string fingerprint;  ///< empty while no session was ever made
  crypto::omemo::Trust trust = crypto::omemo::Trust::undecided;
  bool legacy = false, v2 = false;  ///< published in these lists
  bool own = false;                 ///< this very device
};

namespace event {

struct Online {
  xmpp::Jid jid;
  bool resumed = false;
  std::string mechanism, channel_binding;
};
struct Offline {
  Error error;
  std::optional<std::chrono::milliseconds> retry_in;  ///< unset: it stays offline
};
struct CaughtUp {
  size_t messages = 0;
};
enum class Via : uint8_t { live, carbon, archive, own };
struct MessageAdded {
  ChatMessage message;
  Via via = Via::live;
};
struct MessageChanged {
  ChatMessage message;
};
/// Its author corrected or retracted it.
struct MessageAltered {
  ChatMessage message;
  Via via = Via::live;
};
/// `path` is where it lies now.
struct FileSaved {
  xmpp::Jid peer;
  std::string path;
  size_t bytes = 0;
};
/// It was not sent, or not fetched.
struct FileFailed {
  xmpp::Jid peer;
  std::string name, reason;
};
struct RosterChanged {
  Contact contact;
};
struct PresenceChanged {
  xmpp::Jid from;
  bool available = false;
  std::string show, status;
};
struct SubscriptionRequest {
  xmpp::Jid from;
};
struct DevicesChanged {
  xmpp::Jid owner;
  size_t devices = 0;
};
/// A device that gets nothing until the person decides.
struct UndecidedDevice {
  DeviceInfo device;
};
struct Notice {
  std::string text;
};

}  // namespace event

using Event = std::variant<event::Online, event::Offline, event::CaughtUp, event::MessageAdded, event::MessageChanged,
                           event::MessageAltered, event::FileSaved, event::FileFailed, event::RosterChanged,
                           event::PresenceChanged, event::SubscriptionRequest, event::DevicesChanged,
                           event::UndecidedDevice, event::Notice>;
/// Called on the core's one thread; may call the core's methods.
using EventSink = std::function<void(const Event&)>;

}  // namespace rookery::client
