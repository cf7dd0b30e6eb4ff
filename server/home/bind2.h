// Bind 2 (XEP-0386) at the home: one atomic step from a login to a session that is set up.
#pragma once

#include <string>

#include "server/home/attach.h"
#include "storage/message_log.h"
#include "xmpp/payloads/mam.h"

namespace rookery::server {

class Homes;

/// bind_session() where `request` has options. Calls `then` in the moment in which the session begins to exist, so that
/// the archive's metadata is of that moment.
void bind2(Homes& homes, const xmpp::Jid& account, BindRequest request, ClientLink& link,
           std::function<void(BindOutcome)> then);

}  // namespace rookery::server
