// A session as rookeryctl shows it.
#pragma once

#include <string>

namespace rookery::server {

class Session;

/// Full JID and `name=value` pairs, without an end of line. On the loop of the session's home.
std::string session_line(Session& session);

}  // namespace rookery::server
