#include "server/admin/backup.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include "server/node.h"
#include "storage/embedded.h"

namespace rookery::server {

namespace {

/// The certificate that the server has made for itself lies there too.
Status copy_own_certificate(const std::filesystem::path& from, const std::filesystem::path& to) {
  for (const auto* name : {"certificate.pem", "key.pem"}) {
    std::error_code error;
    if (!std::filesystem::exists(from / name, error)) continue;
    std::filesystem::copy_file(from / name, to / name, error);
    if (error) return fail(Failure::io, "cannot copy " + (from / name).string() + ": " + error.message());
  }
  return {};
}

Status copy_all(Node& node, const std::filesystem::path& folder) {
  const auto& data = node.config().data_dir;
  // Accounts first: the log may then know messages of an account that is too new, which do no harm, but no account
  // lacks its messages.
  if (const Status copied = storage::copy_sqlite(data / "rookery.sqlite", folder / "rookery.sqlite"); !copied)
    return copied;
  if (const Status copied = node.log().copy_to(folder / "log"); !copied) return copied;
  return copy_own_certificate(data, folder);
}

}  // namespace

Status back_up(Node& node, const std::filesystem::path& folder) {
  if (node.config().storage_kind != "embedded")
    return fail(Failure::invalid, "the data is in PostgreSQL: back it up there, with pg_basebackup or pg_dump");
  if (!folder.is_absolute())
    return fail(Failure::invalid, "name the folder from the root: /var/lib/rookery/backup, for example");
  if (mkdir(folder.c_str(), 0700) != 0)
    return fail(Failure::io, "cannot create " + folder.string() + ": " + std::strerror(errno));
  const Status copied = copy_all(node, folder);
  if (copied) return {};
  std::error_code unused;
  std::filesystem::remove_all(folder, unused);
  return copied;
}

std::string not_backed_up(const Config& config) {
  if (!config.upload) return {};
  const bool is_local = config.upload_store == "local";
  return "not copied: uploaded files, " + (is_local
                                               ? "in " + config.upload_folder.string()
                                               : "in the bucket " + config.s3_bucket + " at " + config.s3_endpoint);
}

}  // namespace rookery::server
