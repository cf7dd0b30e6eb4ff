#include "server/features/upload/service.h"
#include "server/log.h"

namespace rookery::server {

namespace {

constexpr size_t chunk_bytes = 128 * 1024;

/// One file on its way to a client, piece by piece as the client takes it.
class Delivery final : public std::enable_shared_from_this<Delivery> {
 public:
  Delivery(std::shared_ptr<UploadService> service, std::shared_ptr<HttpConnection> connection)
      : service_(std::move(service)), connection_(std::move(connection)) {}

  void begin(UploadPath path) {
    auto read = [id = path.id](storage::Stores& stores) { return stores.uploads().find(id); };
    service_->node.stores().run(read, [self = shared_from_this(), name = path.name](Result<storage::Upload> upload) {
      const bool is_there =
          upload && upload->complete && upload->name == name && upload->expires > std::chrono::system_clock::now();
      if (!upload && upload.error().failure != Failure::not_found) return self->refuse(500);
      if (!is_there) return self->refuse(404);
      self->upload_ = std::move(*upload);
      if (!self->redirect()) self->open();
    });
  }

 private:
  void refuse(int status) {
    connection_->respond(
        upload_response(status, status == 404 ? "There is nothing here." : "The file cannot be read now."));
  }

  std::string disposition() const {
    return std::string(is_shown(upload_.type) ? "inline" : "attachment") + "; filename*=UTF-8''" +
           percent_encode(upload_.name);
  }

  /// Sends the client to the store, when clients may go there. The store cannot add our other headers (REQUIREMENTS
  /// 26): so what a browser could run has no type there, beside being an attachment.
  bool redirect() {
    const storage::BlobLink link{.method = connection_->request().method,
                                 .type = is_shown(upload_.type) ? upload_.type : "application/octet-stream",
                                 .disposition = disposition()};
    std::string url = service_->node.blobs().link(upload_.id, link);
    if (url.empty()) return false;
    // RFC 9110 §15.4.8: HEAD and Range are sent again there.
    connection_->respond(
        upload_response(307, "It is elsewhere.").with("Location", std::move(url)).with("Cache-Control", "no-store"));
    return true;
  }

  void open() {
    service_->node.files().run([this] { return service_->node.blobs().open(upload_.id); },
                               [self = shared_from_this()](Result<std::unique_ptr<storage::BlobReader>> reader) {
                                 if (!reader) return self->fail(reader.error());
                                 self->reader_ = std::move(*reader);
                                 self->answer();
                               });
  }

  void fail(const Error& error) {
    log::warning("download_failed", {{"error", error.message}});
    refuse(status_of(error.failure));
  }

  void answer() {
    const auto& request = connection_->request();
    // RFC 9110 §13.1.5: we give no validators, so a conditional range is none.
    const bool may_range = request.method == "GET" && request.header("if-range").empty();
    const auto asked = parse_range(may_range ? request.header("range") : "", reader_->size());
    HttpResponse head{.status = asked.status, .headers = {}, .body = {}};
    add_upload_headers(head);
    head.with("Accept-Ranges", "bytes");
    const std::string size = std::to_string(reader_->size());
    if (asked.status == 416) {
      head.with("Content-Range", "bytes */" + size);
      return connection_->respond(std::move(head));
    }
    const auto& [first, count] = asked.range;
    if (asked.status == 206)
      head.with("Content-Range",
                "bytes " + std::to_string(first) + "-" + std::to_string(first + count - 1) + "/" + size);
    // REQUIREMENTS 26: what a browser could run it saves instead.
    head.with("Content-Type", upload_.type.empty() ? "application/octet-stream" : upload_.type)
        .with("Content-Disposition", disposition())
        .with("Cache-Control", "private, max-age=86400")
        .with("Cross-Origin-Resource-Policy", "cross-origin");
    next_ = first;
    left_ = count;
    connection_->start(head, count, [self = shared_from_this()] { self->send_next(); });
  }

  void send_next() {
    if (is_busy_ || left_ == 0) return;
    is_busy_ = true;
    const auto count = static_cast<size_t>(std::min<uint64_t>(left_, chunk_bytes));
    service_->node.files().run([this, count] { return reader_->read(next_, count); },
                               [self = shared_from_this()](Result<std::string> bytes) {
                                 self->is_busy_ = false;
                                 if (!bytes || bytes->empty()) {
                                   log::warning("download_failed",
                                                {{"error", bytes ? "too short" : bytes.error().message}});
                                   return self->connection_->abort();
                                 }
                                 self->next_ += bytes->size();
                                 self->left_ -= bytes->size();
                                 self->connection_->write(*bytes);
                               });
  }

  const std::shared_ptr<UploadService> service_;
  const std::shared_ptr<HttpConnection> connection_;
  storage::Upload upload_;
  std::unique_ptr<storage::BlobReader> reader_;
  uint64_t next_ = 0, left_ = 0;
  bool is_busy_ = false;
};

}  // namespace

void deliver_upload(std::shared_ptr<UploadService> service, std::shared_ptr<HttpConnection> connection) {
  auto path = parse_upload_path(connection->request().path);
  if (!path) return connection->respond(upload_response(404, "There is nothing here."));
  std::make_shared<Delivery>(std::move(service), std::move(connection))->begin(std::move(*path));
}

}  // namespace rookery::server
