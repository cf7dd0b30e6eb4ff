// What every backend's invitations must do.
#pragma once

#include "tests/unit/storage/stores_contract.h"

namespace rookery::storage {

class InvitesContract : public StoresContract {
 protected:
  static TimePoint at(int seconds) { return TimePoint(std::chrono::seconds(seconds)); }
  static Invite invite(std::string id, uint64_t uses = 1, int expires = 100) {
    return {.id = std::move(id),
            .domain = "example.com",
            .creator = "juliet@example.com",
            .contact = "juliet@example.com",
            .username = "näme",
            .registers = true,
            .uses = uses,
            .created = at(1),
            .expires = at(expires)};
  }
  InviteStore& invites() { return stores->invites(); }
};

}  // namespace rookery::storage
