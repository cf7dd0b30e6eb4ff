// An account's devices that an app server wakes (XEP-0357), and what each was told. At most one push of a device is on
// its way: what comes meanwhile is told with the next one, as a number.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/loop.h"
#include "storage/push.h"

namespace rookery::server {

class Session;

class PushDevices {
 public:
  struct Device {
    storage::PushTarget target;
    uint32_t waiting = 0;   ///< messages that it has not come for
    uint32_t requests = 0;  ///< and requests for a subscription
    std::string last_from;  ///< who sent the newest of the messages
    std::string sent_id;    ///< of the push that its app server has not answered yet; empty: there is none
    Clock::time_point sent_at{};
    bool owed = false;      ///< something came after that push was sent
    unsigned failures = 0;  ///< in a row

    bool belongs_to(const Session& session) const;
  };

  explicit PushDevices(std::vector<storage::PushTarget> targets);

  std::vector<Device>& all() { return devices_; }
  bool is_full() const;
  bool has(const xmpp::Jid& service, std::string_view node) const;
  void put(storage::PushTarget target);
  void remove(const xmpp::Jid& service, std::optional<std::string_view> node);
  void came_back(const Session& session);

  enum class News { message, request };
  /// Something came for a device that cannot be reached. True: send a push now, under the id that is then in sent_id.
  bool told(Device& device, News news, const xmpp::Jid& from, Clock::time_point now);

  /// The app server's answer. `send` once more, with what came meanwhile; or its time is over: `drop` it.
  struct Outcome {
    Device* device = nullptr;  ///< null: nobody asked this
    bool send = false, drop = false;
  };
  Outcome answered(std::string_view id, const xmpp::Jid& from, bool failed, bool is_final, Clock::time_point now);

 private:
  static void begin(Device& device, Clock::time_point now);
  std::vector<Device> devices_;
};

}  // namespace rookery::server
