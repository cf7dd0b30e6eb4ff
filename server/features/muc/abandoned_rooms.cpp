// XEP-0045 §10.1.1: a temporary room ends with its last occupant. Where the process, or the node that owned it, has
// ended before that, the room is still in storage: its new owner loads it, and as a room in which nobody is it goes
// after the usual time.
#include "server/features/muc/rooms.h"
#include "server/log.h"
#include "server/node.h"

namespace rookery::server::muc {

namespace {
constexpr size_t at_once = 100;
}

/// Through the rooms of one service after the other.
struct Rooms::Search {
  Shards shards;  ///< that have become this loop's since the last one
  std::vector<std::string> services;
  std::string after;
};

/// In a cluster those that nobody else can write to; among loops those of this one.
Rooms::Shards Rooms::own_shards() const {
  Shards own;
  const size_t loops = node_.loops().size();
  for (uint32_t shard = 0; shard < shard_count; ++shard)
    own[shard] =
        shard % loops == loop_.index() && (node_.cluster() == nullptr || node_.homes(loop_).epoch_of(shard) != 0);
  return own;
}

void Rooms::find_abandoned() {
  const Shards own = own_shards();
  searched_ &= own;
  if (is_searching_ || own == searched_) return;
  auto begun = std::make_shared<Search>();
  begun->shards = own & ~searched_;
  for (const auto& domain : node_.config().domains)
    begun->services.push_back(node_.config().muc_subdomain + "." + domain);
  searched_ = own;
  is_searching_ = true;
  search(std::move(begun));
}

void Rooms::search(std::shared_ptr<Search> search) {
  if (search->services.empty()) {
    is_searching_ = false;
    return;
  }
  struct Page {
    std::vector<xmpp::Jid> temporary;
    std::string last;  ///< empty: there is no more
  };
  auto read = [shards = search->shards, service = search->services.back(),
               after = search->after](storage::Stores& stores) -> Result<Page> {
    const auto jids = stores.rooms().all(service, after, at_once);
    if (!jids) return std::unexpected<Error>(jids.error());
    Page page;
    if (jids->size() == at_once) page.last = jids->back().text();
    for (const auto& jid : *jids) {
      if (!shards[shard_of(jid.text())]) continue;
      const auto record = stores.rooms().load(jid);
      if (!record && record.error().failure == Failure::not_found) continue;
      if (!record) return std::unexpected<Error>(record.error());
      if (is_temporary(*record)) page.temporary.push_back(jid);
    }
    return page;
  };
  node_.stores().read(std::move(read), [this, search = std::move(search)](Result<Page> page) mutable {
    if (!page) return search_failed(*search);
    for (const auto& jid : page->temporary) {
      if (find(jid) != nullptr || !node_.homes(loop_).owns(jid.text())) continue;
      if (loading_.try_emplace(jid.text()).second) load(jid, jid);
    }
    search->after = page->last;
    if (page->last.empty()) search->services.pop_back();
    this->search(std::move(search));
  });
}

/// With the next sweep once more.
void Rooms::search_failed(const Search& search) {
  log::warning("rooms_not_searched");
  searched_ &= ~search.shards;
  is_searching_ = false;
}

}  // namespace rookery::server::muc
