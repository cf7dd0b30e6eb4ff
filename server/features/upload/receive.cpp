#include <charconv>
#include <ctime>

#include "server/features/upload/service.h"
#include "server/log.h"

namespace rookery::server {

namespace {

// How long the space of an upload that has begun stays claimed when the server dies over it.
constexpr auto longest_upload = std::chrono::hours(6);
constexpr size_t most_queued_bytes = 512 * 1024;

storage::TimePoint in_future(std::chrono::seconds delay) {
  return std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now()) + delay;
}

/// One file on its way from the connection to the store. Lives as long as somebody owes it an answer.
class Reception final : public BodySink, public std::enable_shared_from_this<Reception> {
 public:
  Reception(std::shared_ptr<UploadService> service, std::shared_ptr<HttpConnection> connection, UploadSlot slot)
      : service_(std::move(service)), connection_(std::move(connection)), slot_(std::move(slot)) {}

  void begin() {
    storage::Upload upload{.id = slot_.id,
                           .account = slot_.account,
                           .name = slot_.name,
                           .type = slot_.type,
                           .size_bytes = slot_.size_bytes,
                           .expires = in_future(longest_upload)};
    auto claim = [upload, quota = node().config().upload_quota_bytes](storage::Stores& stores) {
      return stores.uploads().begin(upload, quota);
    };
    node().stores().run(claim, [self = shared_from_this()](Status claimed) {
      if (claimed) return self->open();
      switch (claimed.error().failure) {
        case Failure::conflict:
          return self->answer(409, "This slot has been used.");
        case Failure::full:
          return self->answer(413, "There is no space left for your files.");
        default:
          return self->answer(500, "The file could not be stored.");
      }
    });
  }

  void on_body(std::string bytes) override {
    queue_ += bytes;
    if (queue_.size() > most_queued_bytes) connection_->pause_body();
    write_next();
  }
  void on_body_end() override {
    is_whole_ = true;
    write_next();
  }
  void on_body_lost() override {
    is_lost_ = true;
    write_next();
  }

 private:
  using Writer = std::unique_ptr<storage::BlobWriter>;
  Node& node() { return service_->node; }

  void open() {
    node().files().run([this] { return node().blobs().create(slot_.id); },
                       [self = shared_from_this()](Result<Writer> writer) {
                         if (!writer) return self->give_up(writer.error());
                         self->writer_ = std::move(*writer);
                         self->connection_->stream_body(self);
                       });
  }

  /// The next step when no other is under way; the writer is used by one job at a time.
  void write_next() {
    if (is_busy_ || writer_ == nullptr) return;
    if (is_lost_) return give_up({Failure::unavailable, "the connection ended"});
    if (!queue_.empty()) {
      is_busy_ = true;
      return node().files().run([this, bytes = std::exchange(queue_, {})] { return writer_->append(bytes); },
                                [self = shared_from_this()](Status written) {
                                  self->is_busy_ = false;
                                  if (!written) return self->give_up(written.error());
                                  self->connection_->resume_body();
                                  self->write_next();
                                });
    }
    if (!is_whole_) return;
    is_busy_ = true;
    node().files().run([this] { return writer_->commit(); },
                       [self = shared_from_this()](Status committed) {
                         if (!committed) return self->give_up(committed.error());
                         self->complete();
                       });
  }

  void complete() {
    drop_writer();
    auto note = [id = slot_.id, expires = in_future(node().config().upload_keep)](storage::Stores& stores) {
      return stores.uploads().complete(id, expires);
    };
    node().stores().run(note, [self = shared_from_this()](Status noted) {
      if (!noted) return self->give_up(noted.error());
      log::debug("uploaded",
                 {{"account", self->slot_.account.text()}, {"bytes", std::to_string(self->slot_.size_bytes)}});
      self->answer(201, "Stored.");
    });
  }

  void give_up(const Error& error) {
    is_busy_ = true;  // nothing follows
    drop_writer();
    if (!is_lost_) log::warning("upload_failed", {{"error", error.message}});
    const int status = error.failure == Failure::not_found ? 500 : status_of(error.failure);
    // Whom the store does not answer now it will not answer about the deletion: the client need not wait for that, too.
    const bool is_told = status == 503;
    if (is_told) answer(status, "Files cannot be stored now.");
    node().files().run([&blobs = node().blobs(), id = slot_.id] { return blobs.remove(id); },
                       [self = shared_from_this(), status, is_told](const Status& removed) {
                         self->forget(removed, is_told ? 0 : status);
                       });
  }

  /// The claim goes when the content has gone: what is left the sweep deletes, which goes by the claims.
  void forget(const Status& removed, int status) {
    auto forget = [id = slot_.id, is_gone = removed.has_value()](storage::Stores& stores) {
      return is_gone ? stores.uploads().remove(id) : stores.uploads().expire(id);
    };
    node().stores().run(forget, [self = shared_from_this(), status](const Status&) {
      if (status != 0) self->answer(status, "The file could not be stored.");
    });
  }

  void answer(int status, std::string_view sentence) { connection_->respond(upload_response(status, sentence)); }

  /// It deletes its unfinished file, which blocks.
  void drop_writer() {
    if (writer_ == nullptr) return;
    auto drop = [writer = std::move(writer_)]() mutable -> Status {
      writer.reset();
      return {};
    };
    node().files().run(std::move(drop), [](const Status&) {});
  }

  const std::shared_ptr<UploadService> service_;
  const std::shared_ptr<HttpConnection> connection_;
  const UploadSlot slot_;
  Writer writer_;
  std::string queue_;
  bool is_busy_ = false, is_whole_ = false, is_lost_ = false;
};

/// The slot that the URL and the request claim to be; nothing when it is not one of ours for exactly this file.
std::optional<UploadSlot> verified_slot(const UploadService& service, const HttpRequest& request) {
  const auto path = parse_upload_path(request.path);
  const auto until = query_value(request.query, "until"), by = query_value(request.query, "by"),
             key = query_value(request.query, "key");
  if (!path || !until || !by || !key || !request.content_length) return std::nullopt;
  const auto account = xmpp::Jid::parse(*by);
  if (!account) return std::nullopt;
  UploadSlot slot{.id = path->id,
                  .name = path->name,
                  .type = media_type(request.header("content-type")).value_or(""),
                  .size_bytes = *request.content_length,
                  .account = *account};
  const auto [end, error] = std::from_chars(until->data(), until->data() + until->size(), slot.until);
  if (error != std::errc() || end != until->data() + until->size()) return std::nullopt;
  if (slot.is_signed(service.key, *key)) return slot;
  // Without a type in the slot any may be said in the request, and none is believed.
  slot.type.clear();
  if (!slot.is_signed(service.key, *key)) return std::nullopt;
  return slot;
}

}  // namespace

void receive_upload(std::shared_ptr<UploadService> service, std::shared_ptr<HttpConnection> connection) {
  const auto slot = verified_slot(*service, connection->request());
  if (!slot)
    return connection->respond(upload_response(
        403, "This is no slot for this file: its size, type and name must be those that were asked for."));
  if (slot->until < std::time(nullptr))
    return connection->respond(upload_response(403, "This slot has expired: ask for another one."));
  connection->trust();
  std::make_shared<Reception>(std::move(service), std::move(connection), *slot)->begin();
}

}  // namespace rookery::server
