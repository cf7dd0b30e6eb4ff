#include "server/home/contacts.h"

#include <algorithm>

namespace rookery::server {

namespace {

// A record: a byte of flags, then the texts, each after its size; numbers in groups of seven bits, the lowest first.
enum Flag : uint8_t { subscription_bits = 3, asks = 4, is_approved = 8, is_in_roster = 16, has_a_request = 32 };

void append_number(std::string& out, size_t number) {
  for (; number >= 128; number >>= 7) out += static_cast<char>(number | 128);
  out += static_cast<char>(number);
}

void append_text(std::string& out, std::string_view text) {
  append_number(out, text.size());
  out += text;
}

class Reader {
 public:
  explicit Reader(const char* at) : at_(at) {}
  size_t number() {
    size_t number = 0;
    for (unsigned shift = 0;; shift += 7) {
      const auto byte = static_cast<unsigned char>(*at_++);
      number |= static_cast<size_t>(byte & 127) << shift;
      if (byte < 128) return number;
    }
  }
  std::string_view text() {
    const size_t size = number();
    return {std::exchange(at_, at_ + size), size};
  }

 private:
  const char* at_;
};

void append_record(std::string& out, const storage::RosterItem& item) {
  out += static_cast<char>(static_cast<uint8_t>(item.subscription) | (item.ask ? asks : 0) |
                           (item.approved ? is_approved : 0) | (item.in_roster ? is_in_roster : 0) |
                           (item.request.empty() ? 0 : has_a_request));
  append_text(out, item.jid.text());
  append_text(out, item.name);
  append_text(out, item.request);
  append_number(out, item.groups.size());
  for (const auto& group : item.groups) append_text(out, group);
}

}  // namespace

std::string_view Contact::jid() const { return Reader(record_ + 1).text(); }

Contact::Subscription Contact::subscription() const { return static_cast<Subscription>(*record_ & subscription_bits); }

bool Contact::sees_us() const { return subscription() == Subscription::from || subscription() == Subscription::both; }

bool Contact::is_seen() const { return subscription() == Subscription::to || subscription() == Subscription::both; }

bool Contact::has_request() const { return (*record_ & has_a_request) != 0; }

storage::RosterItem Contact::item() const {
  storage::RosterItem item;
  item.subscription = subscription();
  item.ask = (*record_ & asks) != 0;
  item.approved = (*record_ & is_approved) != 0;
  item.in_roster = (*record_ & is_in_roster) != 0;
  Reader reader(record_ + 1);
  auto jid = xmpp::Jid::parse(reader.text());
  ensure(jid.has_value());
  item.jid = std::move(*jid);
  item.name = reader.text();
  item.request = reader.text();
  item.groups.resize(reader.number());
  for (auto& group : item.groups) group = reader.text();
  return item;
}

void Contacts::assign(const std::vector<storage::RosterItem>& items) {
  std::vector<const storage::RosterItem*> ordered;
  ordered.reserve(items.size());
  for (const auto& item : items) ordered.push_back(&item);
  std::ranges::sort(ordered, {}, [](const auto* item) { return item->jid.text(); });
  records_.clear();
  starts_.clear();
  starts_.reserve(items.size());
  for (const auto* item : ordered) {
    starts_.push_back(static_cast<uint32_t>(records_.size()));
    append_record(records_, *item);
  }
  records_.shrink_to_fit();
}

void Contacts::put(const storage::RosterItem& item) {
  std::string record;
  append_record(record, item);
  const size_t place = place_of(item.jid.text());
  replace(place, is_at(place, item.jid.text()), record);
}

void Contacts::remove(std::string_view bare_jid) {
  const size_t place = place_of(bare_jid);
  if (is_at(place, bare_jid)) replace(place, true, {});
}

std::optional<Contact> Contacts::find(std::string_view bare_jid) const {
  const size_t place = place_of(bare_jid);
  if (!is_at(place, bare_jid)) return std::nullopt;
  return at(starts_[place]);
}

size_t Contacts::place_of(std::string_view bare_jid) const {
  const auto found =
      std::ranges::lower_bound(starts_, bare_jid, {}, [this](uint32_t start) { return at(start).jid(); });
  return static_cast<size_t>(found - starts_.begin());
}

bool Contacts::is_at(size_t place, std::string_view bare_jid) const {
  return place < starts_.size() && at(starts_[place]).jid() == bare_jid;
}

void Contacts::replace(size_t place, bool has_old, std::string_view record) {
  const auto start_of = [this](size_t index) { return index < starts_.size() ? starts_[index] : records_.size(); };
  const size_t start = start_of(place);
  const size_t old_size = has_old ? start_of(place + 1) - start : 0;
  records_.replace(start, old_size, record);
  const auto at = starts_.begin() + static_cast<ptrdiff_t>(place);
  auto behind = at;
  if (has_old && record.empty()) {
    behind = starts_.erase(at);
  } else if (has_old) {
    ++behind;
  } else {
    behind = starts_.insert(at, static_cast<uint32_t>(start)) + 1;
  }
  for (; behind != starts_.end(); ++behind) *behind = static_cast<uint32_t>(*behind + record.size() - old_size);
}

}  // namespace rookery::server
