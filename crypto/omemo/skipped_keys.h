// libomemo-c keeps up to 2,000 keys of skipped messages in each of five chains of each of forty sessions with a device.
// Ours is a limit for all of them, so that a peer that skips on purpose cannot fill the database.
#pragma once

#include <string>
#include <string_view>

namespace rookery::crypto::omemo {

/// How many keys of skipped messages a serialised session record holds.
size_t count_skipped_keys(std::string_view record);
/// The record with at most `limit` of them: those of old sessions, old chains and old messages go first. A record that
/// cannot be parsed comes back as it is.
std::string limit_skipped_keys(std::string_view record, size_t limit);

}  // namespace rookery::crypto::omemo
