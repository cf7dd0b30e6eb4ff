// `rookeryd --export` and `--import`: XEP-0227 files of a node that is stopped.
#pragma once

#include "server/config.h"
#include "server/portability/portability.h"

namespace rookery::server::portability {

/// Writes a new file that its owner alone may read, or one for each account where `path` is a folder. Failure::conflict
/// when a node runs or the file is there already.
Result<Counts> export_to(const Config& config, const std::optional<xmpp::Jid>& only, const std::filesystem::path& path);
Result<Counts> import_from(const Config& config, const std::filesystem::path& path, bool dry_run,
                           std::function<void(const std::string&)> warn);

}  // namespace rookery::server::portability
