// All homes of one loop, and the loop's group commit.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "server/home/home.h"

namespace rookery::server {

class Homes {
 public:
  Homes(Node& node, Loop& loop);
  ~Homes();

  Node& node() { return node_; }
  Loop& loop() { return loop_; }

  /// Calls `then` with the home, loading it if need be; null when there is no such account.
  void with_home(const xmpp::Jid& bare, std::move_only_function<void(Home*)> then);
  Home* find_loaded(const xmpp::Jid& bare);
  void receive(Envelope envelope);  ///< to a local account of this loop
  std::vector<Home*> loaded();
  void forget(const xmpp::Jid& bare);  ///< the account was deleted: sessions end, the home goes

  // Group commit: what is added during one turn is written together; the jobs run when it is durable, in order.
  storage::LogBatch& batch();
  /// Moves what the sender's home wants written into this turn's commit; false: there was nothing.
  bool write_for_sender(Envelope& envelope);
  void after_commit(Job job);
  bool accepts_input() const;  ///< false while the log cannot keep its promise or is far behind

 private:
  struct Loading {
    std::vector<std::move_only_function<void(Home*)>> waiting;
  };
  void load(const xmpp::Jid& bare);
  void schedule_flush();
  void flush();
  void sweep();

  Node& node_;
  Loop& loop_;
  std::unordered_map<std::string, std::unique_ptr<Home>> homes_;
  std::unordered_map<std::string, Loading> loading_;
  storage::LogBatch batch_;
  std::vector<Job> after_commit_;
  bool flush_scheduled_ = false;
  size_t commits_in_flight_ = 0;
};

}  // namespace rookery::server
