// Invitations (XEP-0401, XEP-0445): who holds the token may make an account, or become somebody's contact.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/result.h"
#include "storage/message_log.h"

namespace rookery::storage {

struct Invite {
  std::string id;         ///< made from the token, which is only known to whoever holds the link
  std::string domain;     ///< where the account may be made
  std::string creator;    ///< bare JID text; empty: the operator
  std::string contact;    ///< bare JID text of an account whose contact the invited one becomes; may be empty
  std::string username;   ///< the only one that may be taken, kept free until then; empty: any
  bool registers = true;  ///< it lets make an account
  uint64_t uses = 1;      ///< that are left
  TimePoint created{}, expires{};
};

class InviteStore {
 public:
  virtual ~InviteStore() = default;
  virtual Status create(const Invite& invite) = 0;       ///< Failure::conflict when the id was used before
  virtual Result<Invite> find(std::string_view id) = 0;  ///< Failure::not_found; also of one that is used up or expired
  /// Takes one use. Failure::not_found when none is left; the time is the caller's matter (XEP-0445 §4).
  virtual Status use(std::string_view id) = 0;
  virtual Status remove(std::string_view id) = 0;                                       ///< Failure::not_found
  virtual Result<std::vector<Invite>> list(std::string_view domain, size_t limit) = 0;  ///< newest first
  /// Of those that can still be used:
  virtual Result<size_t> count(std::string_view creator, TimePoint now) = 0;
  virtual Result<bool> is_reserved(std::string_view domain, std::string_view username, TimePoint now) = 0;
  virtual Status expire(TimePoint before) = 0;  ///< forgets those that expired before
};

}  // namespace rookery::storage
