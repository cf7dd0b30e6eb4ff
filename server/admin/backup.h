// A copy of an embedded node's data while it runs, for `rookeryctl backup`.
#pragma once

#include <filesystem>
#include <string>

#include "server/config.h"

namespace rookery::server {

class Node;

/// Makes `folder`, which must not exist, and puts into it what data_dir holds, except for uploads: a node that is
/// started on it knows everything that was acknowledged before the call. Blocks for as long as copying takes; the node
/// serves meanwhile.
Status back_up(Node& node, const std::filesystem::path& folder);
/// Where lies what is not copied, for people; empty when there is nothing.
std::string not_backed_up(const Config& config);

}  // namespace rookery::server
