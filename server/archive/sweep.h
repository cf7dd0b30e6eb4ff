// Archives get shorter again: what is older than [archive] keep_days and rooms_keep_days is deleted.
#pragma once

namespace rookery::server {

class Node;

/// On the first loop: goes over all archives whose shards this node owns, and again every hour. What still waits for
/// its receiver stays (MessageLog::old_entries). Takes a twentieth of the time that storage gives it, whatever that is.
void sweep_archives(Node& node);

}  // namespace rookery::server
