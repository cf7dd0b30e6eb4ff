// The names and namespaces that nearly every stanza repeats: kept once, never copied into an arena.
#pragma once

#include <string_view>

namespace rookery::xmpp {

/// The same string with static storage, or a view with a null data() when it is none of the well-known ones.
std::string_view well_known(std::string_view text);

}  // namespace rookery::xmpp
