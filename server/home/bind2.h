// Bind 2 (XEP-0386) at the home: one atomic step from a login to a session that is set up.
#pragma once

#include <string>

#include "server/home/attach.h"
#include "storage/message_log.h"
#include "xmpp/payloads/mam.h"

namespace rookery::server {

class Homes;

/// What XEP-0313 §5 tells of the archive, as of entry `up_to`. Reads the disk: off the loops.
Result<xmpp::MamMetadata> archive_metadata(const storage::MessageLog& log, const std::string& owner, storage::LogId up_to);

/// bind_session() where `request` has options. Calls `then` in the moment in which the session begins to exist, so that the
/// archive's metadata is of that moment.
void bind2(Homes& homes, const xmpp::Jid& account, BindRequest request, ClientLink& link, std::function<void(BindOutcome)> then);

}  // namespace rookery::server
