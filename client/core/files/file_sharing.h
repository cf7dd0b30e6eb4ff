// Sends files through the server's upload service (XEP-0363), encrypted where the message is (XEP-0454), and saves
// those that came.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "client/core/event.h"
#include "client/core/files/file_link.h"
#include "client/core/files/http.h"
#include "client/core/net/connection.h"
#include "client/core/omemo/omemo.h"
#include "client/core/outbox.h"
#include "xmpp/payloads/upload.h"

namespace rookery::client {

struct DownloadOptions {
  std::filesystem::path folder;                    ///< where files are saved; made when needed
  size_t limit_bytes = size_t{100} * 1024 * 1024;  ///< of one file, either way
};

/// Nothing is fetched that the person did not ask for (REQUIREMENTS 34).
class FileSharing {
 public:
  struct Parts {
    Connection& connection;
    LocalStore& store;
    Omemo& omemo;
    Outbox& outbox;
    Http& http;
    const EventSink& events;
  };
  FileSharing(Parts parts, DownloadOptions options) : parts_(parts), options_(std::move(options)) {}

  /// The message goes out once the file is there; event::FileFailed when it never will.
  Status send(const xmpp::Jid& to, const std::filesystem::path& file, bool plain);
  /// Ends in event::FileSaved or event::FileFailed.
  void fetch(const xmpp::Jid& from, FileLink link);
  bool busy() const { return open_ > 0; }

 private:
  struct Sending {
    xmpp::Jid to;
    std::string name, content;
    bool plain = false;
    FileLink link;
  };
  struct Service {
    xmpp::Jid jid;
    uint64_t most_bytes = 0;  ///< 0: it does not say
  };
  using Found = std::function<void(const Service*)>;
  void find_service(Found found);
  void ask_services(std::shared_ptr<std::vector<xmpp::Jid>> left, Found found);
  void prepare(const std::shared_ptr<Sending>& sending);
  void request_slot(const std::shared_ptr<Sending>& sending);
  void upload(const std::shared_ptr<Sending>& sending, const xmpp::UploadSlot& slot);
  void submit(const Sending& sending);
  void give_up(const xmpp::Jid& peer, const std::string& name, const std::string& reason);
  Result<std::filesystem::path> save(const std::string& name, std::string_view content) const;

  Parts parts_;
  DownloadOptions options_;
  std::optional<Service> service_;
  size_t open_ = 0;  ///< files on their way
};

}  // namespace rookery::client
