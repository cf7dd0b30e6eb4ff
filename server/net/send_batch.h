// What the connections of one loop have to say at the end of a turn, given to the kernel together.
#pragma once

#include <memory>

#include "server/loop.h"

namespace rookery::server {

class SendRing;
class Transport;

/// A room's message goes to a thousand connections. To seal some first and to send them then keeps the code of both in
/// the caches; and by io_uring, where the kernel lets us use it, they cost one system call.
class SendBatch {
 public:
  static SendBatch& here();  ///< the calling thread's
  /// Its unsent() is sent at the end of this turn at the latest; then comes its on_turn_end().
  void add(Transport& transport);

 private:
  SendBatch();
  ~SendBatch();
  void run();

  boost::intrusive::list<Watcher, boost::intrusive::constant_time_size<false>> members_;  ///< who ends leaves by itself
  size_t added_ = 0;                                                                      ///< since the last run
  std::unique_ptr<SendRing> ring_;  ///< null: the kernel has none for us
};

}  // namespace rookery::server
