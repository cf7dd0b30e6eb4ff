// Chat Notification Settings, XEP-0492.
#pragma once

#include "xmpp/payloads/payload.h"

namespace rookery::xmpp {

enum class Notify { always, on_mention, never };

/// What `<notify/>` says to clients of this identity, the most specific first (§3); nullopt when it says nothing to
/// them.
std::optional<Notify> notify_setting(const Element& notify, std::string_view category, std::string_view type);

}  // namespace rookery::xmpp
