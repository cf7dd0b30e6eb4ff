// What the parts of the upload feature share: XMPP hands out slots, HTTP takes and gives the files, the clock deletes
// them.
#pragma once

#include <memory>
#include <string>

#include "server/features/upload/slot.h"
#include "server/http/http_connection.h"
#include "server/node.h"

namespace rookery::server {

struct UploadService {
  Node& node;
  std::string key;  ///< of the slots' HMAC
};

inline constexpr std::string_view upload_path = "/upload";

/// PUT: verifies the slot, claims the space, writes, syncs, and only then answers 201 (REQUIREMENTS 26).
void receive_upload(std::shared_ptr<UploadService> service, std::shared_ptr<HttpConnection> connection);
/// GET and HEAD.
void deliver_upload(std::shared_ptr<UploadService> service, std::shared_ptr<HttpConnection> connection);
/// Deletes what has expired, and comes back for the rest; in a cluster on the node that owns the service's address.
void sweep_uploads(std::shared_ptr<UploadService> service);

/// ID and name of "/upload/ID/NAME"; nothing when the path has another form.
struct UploadPath {
  std::string id, name;
};
std::optional<UploadPath> parse_upload_path(std::string_view path);

/// An answer with what makes it harmless and readable for web clients of other sites (XEP-0363 §8).
HttpResponse upload_response(int status, std::string_view sentence);
void add_upload_headers(HttpResponse& response);
/// What to answer when the store of files has failed: 404, 503 when it is away or does not let us in, 507, 500.
int status_of(Failure failure);

}  // namespace rookery::server
