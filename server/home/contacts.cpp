#include "server/home/contacts.h"

#include <algorithm>
#include <cstring>

namespace rookery::server {

namespace {

// A block: a byte of flags, then the texts, each after its size; numbers in groups of seven bits, the lowest first.
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

std::unique_ptr<char[]> pack(const storage::RosterItem& item) {
  std::string out(1, static_cast<char>(static_cast<uint8_t>(item.subscription) | (item.ask ? asks : 0) |
                                       (item.approved ? is_approved : 0) | (item.in_roster ? is_in_roster : 0) |
                                       (item.request.empty() ? 0 : has_a_request)));
  append_text(out, item.jid.text());
  append_text(out, item.name);
  append_text(out, item.request);
  append_number(out, item.groups.size());
  for (const auto& group : item.groups) append_text(out, group);
  auto block = std::make_unique_for_overwrite<char[]>(out.size());
  std::memcpy(block.get(), out.data(), out.size());
  return block;
}

}  // namespace

std::string_view Contact::jid() const { return Reader(block_ + 1).text(); }

Contact::Subscription Contact::subscription() const { return static_cast<Subscription>(*block_ & subscription_bits); }

bool Contact::sees_us() const { return subscription() == Subscription::from || subscription() == Subscription::both; }

bool Contact::is_seen() const { return subscription() == Subscription::to || subscription() == Subscription::both; }

bool Contact::has_request() const { return (*block_ & has_a_request) != 0; }

storage::RosterItem Contact::item() const {
  storage::RosterItem item;
  item.subscription = subscription();
  item.ask = (*block_ & asks) != 0;
  item.approved = (*block_ & is_approved) != 0;
  item.in_roster = (*block_ & is_in_roster) != 0;
  Reader reader(block_ + 1);
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
  blocks_.clear();
  blocks_.reserve(items.size());
  for (const auto& item : items) put(item);
  blocks_.shrink_to_fit();
}

void Contacts::put(const storage::RosterItem& item) {
  const auto place = place_of(item.jid.text());
  const auto at = blocks_.begin() + (place - blocks_.cbegin());
  if (at != blocks_.end() && Contact(at->get()).jid() == item.jid.text()) {
    *at = pack(item);
    return;
  }
  blocks_.insert(at, pack(item));
}

void Contacts::remove(std::string_view bare_jid) {
  const auto at = place_of(bare_jid);
  if (at != blocks_.end() && Contact(at->get()).jid() == bare_jid) blocks_.erase(at);
}

std::optional<Contact> Contacts::find(std::string_view bare_jid) const {
  const auto at = place_of(bare_jid);
  if (at == blocks_.end() || Contact(at->get()).jid() != bare_jid) return std::nullopt;
  return Contact(at->get());
}

std::vector<Contacts::Block>::const_iterator Contacts::place_of(std::string_view bare_jid) const {
  return std::ranges::lower_bound(blocks_, bare_jid, {}, [](const Block& block) { return Contact(block.get()).jid(); });
}

}  // namespace rookery::server
