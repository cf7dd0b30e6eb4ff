#include "server/home/push_devices.h"

#include <algorithm>

#include "crypto/random.h"
#include "server/home/session.h"

namespace rookery::server {

namespace {
constexpr size_t most_devices = 16;
constexpr auto answer_timeout = std::chrono::seconds(60);
constexpr unsigned most_failures = 8;
}  // namespace

bool PushDevices::Device::belongs_to(const Session& session) const {
  return target.device == (session.client.empty() ? session.jid().resource() : std::string_view(session.client));
}

PushDevices::PushDevices(std::vector<storage::PushTarget> targets) {
  for (auto& target : targets) put(std::move(target));
}

bool PushDevices::is_full() const { return devices_.size() >= most_devices; }

bool PushDevices::has(const xmpp::Jid& service, std::string_view node) const {
  return std::ranges::any_of(
      devices_, [&](const Device& device) { return device.target.service == service && device.target.node == node; });
}

void PushDevices::put(storage::PushTarget target) {
  // §5: of the same address and node the last request counts.
  for (Device& device : devices_) {
    if (device.target.service == target.service && device.target.node == target.node) {
      device = Device{.target = std::move(target)};
      return;
    }
  }
  devices_.push_back({.target = std::move(target)});
}

void PushDevices::remove(const xmpp::Jid& service, std::optional<std::string_view> node) {
  std::erase_if(devices_, [&](const Device& device) {
    return device.target.service == service && (!node || device.target.node == *node);
  });
}

void PushDevices::came_back(const Session& session) {
  for (Device& device : devices_) {
    if (!device.belongs_to(session)) continue;
    device.waiting = device.requests = 0;
    device.owed = false;
  }
}

void PushDevices::begin(Device& device, Clock::time_point now) {
  device.owed = false;
  device.sent_id = crypto::random_token();
  device.sent_at = now;
}

bool PushDevices::told(Device& device, News news, const xmpp::Jid& from, Clock::time_point now) {
  if (news == News::request) ++device.requests;
  if (news == News::message) {
    ++device.waiting;
    device.last_from = from.text();
  }
  // An answer that never came must not silence the device for ever.
  const bool is_under_way = !device.sent_id.empty() && now - device.sent_at < answer_timeout;
  if (is_under_way) {
    device.owed = true;
    return false;
  }
  begin(device, now);
  return true;
}

PushDevices::Outcome PushDevices::answered(std::string_view id, const xmpp::Jid& from, bool failed, bool is_final,
                                           Clock::time_point now) {
  const auto found =
      std::ranges::find_if(devices_, [&](const Device& device) { return !id.empty() && device.sent_id == id; });
  // Only who was asked may answer (REQUIREMENTS 30).
  if (found == devices_.end() || found->target.service != from) return {};
  found->sent_id.clear();
  found->failures = failed ? found->failures + 1 : 0;
  // §7.1: an error disables; one that may pass does so only when it does not.
  if (failed) return {.device = &*found, .drop = is_final || found->failures >= most_failures};
  if (!found->owed) return {.device = &*found};
  begin(*found, now);
  return {.device = &*found, .send = true};
}

}  // namespace rookery::server
