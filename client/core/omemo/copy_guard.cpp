#include "client/core/omemo/copy_guard.h"

#include "client/core/store/packed.h"
#include "xmpp/payloads/payload.h"

namespace rookery::client {

namespace {

constexpr std::string_view node = "https://rookery.im/device-logins";
constexpr std::string_view count_kind = "device-logins";
constexpr std::string_view suspicion_kind = "older-copy";

}  // namespace

Status CopyGuard::load() {
  const auto stored = store_.get(suspicion_kind, "");
  if (!stored) return std::unexpected(stored.error());
  suspected_ = stored->has_value();
  return {};
}

void CopyGuard::check(uint32_t device, std::function<void(Status)> done) {
  const std::string item = std::to_string(device);
  pep_.fetch(connection_.account(), std::string(node), item, [this, item, done](Result<const xmpp::Element*> payload) {
    const bool is_told = payload || payload.error().failure == Failure::not_found;
    if (!is_told) return done({});
    const uint32_t counted = payload ? xmpp::parse_uint32((*payload)->attr("count")).value_or(0) : 0;
    if (auto status = compare(counted); !status) return done(status);
    const auto now = remembered();
    if (!now) return done(std::unexpected(now.error()));
    // On our disk before it is on the server's: a crash in between must not look like a backup.
    if (auto status = store_.put(count_kind, "", std::to_string(*now + 1)); !status) return done(status);
    const auto wrapper = xmpp::Element::make("wrapper", "");
    wrapper->add("logins", node).set_attr("count", std::to_string(*now + 1));
    pep_.publish({std::string(node), item, "max", true}, *wrapper->first_element(), [done](Status) { done({}); });
  });
}

Status CopyGuard::compare(uint32_t counted) {
  const auto known = remembered();
  if (!known) return std::unexpected(known.error());
  // Fewer on the server: it was restored itself.
  return counted > *known ? suspect() : Status();
}

Result<uint32_t> CopyGuard::remembered() const {
  const auto stored = store_.get(count_kind, "");
  if (!stored) return std::unexpected(stored.error());
  return *stored ? static_cast<uint32_t>(number(**stored)) : 0;
}

Status CopyGuard::suspect() {
  suspected_ = true;
  return store_.put(suspicion_kind, "", "1");
}

Status CopyGuard::forget() {
  if (auto status = store_.remove(suspicion_kind, ""); !status) return status;
  if (auto status = store_.remove(count_kind, ""); !status) return status;
  suspected_ = false;
  return {};
}

}  // namespace rookery::client
