#include "client/core/omemo/device_lists.h"

#include "client/core/store/packed.h"

namespace rookery::client {

namespace {

constexpr std::string_view kind = "omemo-devices";
constexpr int publications_limit = 8;

std::string record_key(DeviceLists::Version version, std::string_view jid) {
  return std::to_string(static_cast<int>(version)) + '\n' + std::string(jid);
}

}  // namespace

Status DeviceLists::load() {
  auto records = store_.all(kind);
  if (!records) return std::unexpected(records.error());
  for (const auto& record : *records) {
    const auto fields = unpack(record.value);
    const size_t end = record.key.find('\n');
    if (!fields || end == std::string::npos)
      return fail(Failure::invalid, "a device list of the local database is damaged");
    auto& list = lists_[{static_cast<Version>(number(record.key.substr(0, end))), record.key.substr(end + 1)}];
    for (const auto& device : *fields) list.insert(static_cast<uint32_t>(number(device)));
  }
  return {};
}

void DeviceLists::on_bound(uint32_t own_device, std::function<void()> done) {
  own_device_ = own_device;
  current_.clear();
  publications_ = 0;
  refresh(connection_.account(), [done](Status) { done(); });
}

bool DeviceLists::on_event(const origin::PepEvent& event) {
  for (const auto version : versions) {
    if (event.node != xmpp::omemo::devices_node(version)) continue;
    const auto* item = event.items->first_element();
    const auto* list = item && item->name() == "item" ? item->first_element() : nullptr;
    // A retraction says nothing about what is there now.
    if (!list) return true;
    set(version, event.owner, xmpp::omemo::parse_device_list(version, *list));
    return true;
  }
  return false;
}

void DeviceLists::refresh(const xmpp::Jid& jid, Done done) {
  struct Progress {
    int open = 1;
    Status status;
  };
  auto progress = std::make_shared<Progress>();
  const auto finish = [progress, done] {
    if (--progress->open == 0) done(progress->status);
  };
  for (const auto version : versions) {
    if (current_.contains({version, std::string(jid.bare_text())})) continue;
    ++progress->open;
    const std::string node(xmpp::omemo::devices_node(version));
    pep_.fetch(jid, node, "", [this, version, jid, progress, finish](Result<const xmpp::Element*> list) {
      if (list)
        set(version, jid, xmpp::omemo::parse_device_list(version, **list));
      else if (list.error().failure == Failure::not_found)
        set(version, jid, {});
      else
        progress->status = std::unexpected(list.error());
      finish();
    });
  }
  finish();
}

void DeviceLists::set(Version version, const xmpp::Jid& owner, const std::vector<uint32_t>& devices) {
  const Key key{version, std::string(owner.bare_text())};
  const std::set<uint32_t> list(devices.begin(), devices.end());
  current_.insert(key);
  if (const auto known = lists_.find(key); known == lists_.end() || known->second != list) {
    lists_[key] = list;
    std::vector<std::string> fields;
    for (const auto device : list) fields.push_back(std::to_string(device));
    // The list is only a cache: when it cannot be stored it is fetched again.
    if (auto status = store_.put(kind, record_key(version, key.second), pack(fields)); !status)
      events_(event::Notice{status.error().message});
    events_(event::DevicesChanged{owner, list.size()});
  }
  if (owner.same_bare(connection_.account())) check_own(version);
}

void DeviceLists::check_own(Version version) {
  if (own_device_ == 0 || devices(version, connection_.account()).contains(own_device_)) return;
  if (++publications_ > publications_limit) return;
  publish_own(version);
}

void DeviceLists::publish_own(Version version) {
  const xmpp::Jid account = connection_.account();
  auto list = devices(version, account);
  list.insert(own_device_);
  list.erase(retired_);
  auto wrapper = xmpp::Element::make("wrapper", "");
  xmpp::omemo::add_device_list(*wrapper, version, {list.begin(), list.end()});
  const std::string node(xmpp::omemo::devices_node(version));
  pep_.publish({node, std::string(xmpp::omemo::devices_item), ""}, *wrapper->first_element(), [this](Status status) {
    if (!status) events_(event::Notice{"cannot publish the OMEMO device list: " + status.error().message});
  });
}

const std::set<uint32_t>& DeviceLists::devices(Version version, const xmpp::Jid& jid) const {
  static const std::set<uint32_t> none;
  const auto found = lists_.find({version, std::string(jid.bare_text())});
  return found == lists_.end() ? none : found->second;
}

bool DeviceLists::any_device(const xmpp::Jid& jid) const {
  for (const auto version : versions)
    if (!devices(version, jid).empty()) return true;
  return false;
}

}  // namespace rookery::client
