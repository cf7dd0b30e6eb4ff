// Notices that this database is an older copy of itself: a backup that was restored, or one of two twins. Its ratchets
// would use keys that were used before; such a database has to go on as a new device (REQUIREMENTS 33).
#pragma once

#include <functional>
#include <optional>

#include "client/core/omemo/pep.h"
#include "client/core/store/local_store.h"

namespace rookery::client {

/// Two signs, neither of which lies in the database. The server counts the logins of each device in a PEP node that
/// only the account reads: whoever remembers fewer is behind. And the archive, or a copy of what another device sends,
/// shows a message of this device that the history does not have.
class CopyGuard {
 public:
  CopyGuard(Connection& connection, Pep& pep, LocalStore& store) : connection_(connection), pep_(pep), store_(store) {}

  Status load();
  /// Compares with the server's count for `device`, then counts this login. A server without PEP cannot tell: `done`
  /// all the same.
  void check(uint32_t device, std::function<void(Status)> done);
  /// This device wrote what we do not remember. To be called in the transaction that handles the message: it must
  /// outlive a crash.
  Status suspect();
  bool suspected() const { return suspected_; }
  /// For the new device; in the transaction that makes it.
  Status forget();

 private:
  Status compare(uint32_t counted);
  Result<uint32_t> remembered() const;

  Connection& connection_;
  Pep& pep_;
  LocalStore& store_;
  bool suspected_ = false;
};

}  // namespace rookery::client
