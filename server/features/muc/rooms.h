// The rooms whose shards one loop owns: loaded on demand, dropped when idle. What homes.h is to accounts.
#pragma once

#include <bitset>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "server/features/muc/room.h"
#include "server/quarantine.h"
#include "server/rate_limit.h"
#include "server/routing/router.h"

namespace rookery::server::muc {

class Rooms {
 public:
  /// `invitations`: how many each inviter has sent lately, shared by all loops; null: that is not limited.
  Rooms(Node& node, Loop& loop, RateLimit* invitations);

  Node& node() { return node_; }
  Loop& loop() { return loop_; }

  void receive(Envelope envelope);
  /// Before everything that this turn still writes.
  void purge_log(const xmpp::Jid& room);
  void forget(const xmpp::Jid& room);  ///< it was destroyed
  /// Storage knows it already.
  void member_deleted(const xmpp::Jid& room, const xmpp::Jid& account);
  bool has(const Room& room) const;  ///< false: it was dropped, with its shard or for a write that was refused
  void shut_down();                  ///< the process ends, the rooms stay
  /// False when this would be too many invitations in an hour; else they are counted.
  bool may_invite(const xmpp::Jid& inviter, size_t count);

 private:
  struct Loaded {
    std::optional<RoomData> room;
    size_t created = 0;  ///< rooms that the one who may want to create it has created
    Quarantine creator;  ///< of the same
  };
  static Result<Loaded> read(storage::Stores& stores, storage::MessageLog& log, const xmpp::Jid& room,
                             const xmpp::Jid& creator);
  std::shared_ptr<Room> find(const xmpp::Jid& room) const;
  void load(const xmpp::Jid& room, const xmpp::Jid& creator);
  void on_loaded(const xmpp::Jid& room, const xmpp::Jid& creator, Result<Loaded> data);
  void receive_absent(Envelope envelope, const Loaded& known);
  void create(Envelope envelope, const Loaded& known);
  void sweep();

  // abandoned_rooms.cpp
  using Shards = std::bitset<shard_count>;
  struct Search;
  Shards own_shards() const;
  void find_abandoned();
  void search(std::shared_ptr<Search> search);
  void search_failed(const Search& search);

  Node& node_;
  Loop& loop_;
  RateLimit* invitations_;
  std::unordered_map<std::string, std::shared_ptr<Room>> rooms_;
  std::unordered_map<std::string, std::vector<Envelope>> loading_;
  Shards searched_;  ///< that are ours, and whose rooms from before have been looked through
  bool is_searching_ = false;
};

}  // namespace rookery::server::muc
