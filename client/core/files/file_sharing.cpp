#include "client/core/files/file_sharing.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <system_error>

#include "client/core/conversations.h"
#include "crypto/aes.h"
#include "crypto/random.h"
#include "xmpp/namespaces.h"
#include "xmpp/payloads/disco.h"

namespace rookery::client {

namespace ns = xmpp::ns;

namespace {

constexpr int most_names = 1000;

std::string system_message(const std::filesystem::path& file, int error) {
  return file.string() + ": " + std::generic_category().message(error);
}

Result<std::string> read_file(const std::filesystem::path& file, size_t limit_bytes) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(file, error))
    return fail(Failure::not_found, error ? system_message(file, error.value()) : file.string() + " is not a file");
  const auto size = std::filesystem::file_size(file, error);
  if (error) return fail(Failure::io, system_message(file, error.value()));
  if (size == 0) return fail(Failure::invalid, file.string() + " is empty");
  if (size > limit_bytes)
    return fail(Failure::full, file.string() + " is larger than " + std::to_string(limit_bytes) + " bytes");
  std::ifstream input(file, std::ios::binary);
  std::string content(size, '\0');
  if (!input.read(content.data(), static_cast<std::streamsize>(size)))
    return fail(Failure::io, "cannot read " + file.string());
  return content;
}

const xmpp::Element* result_of(const xmpp::Element* iq, std::string_view name, std::string_view space) {
  return iq && iq->attr("type") == "result" ? iq->child(name, space) : nullptr;
}

std::string refusal(const xmpp::Element* iq) {
  const auto error = iq ? xmpp::StanzaError::parse(*iq) : std::nullopt;
  if (!error) return "the upload service does not answer";
  return "the upload service refuses: " +
         (error->text.empty() ? std::string(to_string(error->condition)) : error->text);
}

/// The server is told the ending only of what it cannot read: the name would tell what it is.
std::string hidden_name(const std::string& name) {
  const auto ending = std::filesystem::path(name).extension().string();
  return crypto::random_token() + (ending.size() <= 8 ? ending : "");
}

/// "a.jpg", "a (1).jpg", …
std::filesystem::path numbered(const std::filesystem::path& file, int number) {
  if (number == 0) return file;
  return file.parent_path() / (file.stem().string() + " (" + std::to_string(number) + ")" + file.extension().string());
}

bool write_all(int descriptor, std::string_view content) {
  while (!content.empty()) {
    const ssize_t size = ::write(descriptor, content.data(), content.size());
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return false;
    content.remove_prefix(static_cast<size_t>(size));
  }
  return ::fsync(descriptor) == 0;
}

}  // namespace

Status FileSharing::send(const xmpp::Jid& to, const std::filesystem::path& file, bool plain) {
  if (!parts_.connection.online()) return fail(Failure::unavailable, "files can be sent only while online");
  auto content = read_file(file, options_.limit_bytes);
  if (!content) return std::unexpected(content.error());
  auto sending =
      std::make_shared<Sending>(Sending{to.bare(), safe_file_name(file.string()), std::move(*content), plain, {}});
  ++open_;
  find_service([this, sending](const Service* service) {
    if (!service) {
      const bool online = parts_.connection.online();
      return give_up(sending->to, sending->name,
                     online ? "the server has no upload service" : "the connection was lost");
    }
    if (service->most_bytes != 0 && sending->content.size() + crypto::aes_gcm_tag_size > service->most_bytes)
      return give_up(sending->to, sending->name,
                     "the server takes files of " + std::to_string(service->most_bytes) + " bytes at most");
    prepare(sending);
  });
  return {};
}

void FileSharing::find_service(Found found) {
  if (service_) return found(&*service_);
  auto iq = xmpp::Element::make("iq", ns::client);
  iq->set_attr("type", "get").set_attr("to", parts_.connection.account().domain());
  iq->add("query", ns::disco_items);
  parts_.connection.send_iq(std::move(iq), [this, found](const xmpp::Element* answer) {
    auto left = std::make_shared<std::vector<xmpp::Jid>>();
    if (const auto* query = result_of(answer, "query", ns::disco_items)) {
      const auto items = xmpp::DiscoItems::parse(*query);
      for (const auto& item : items ? items->items : std::vector<xmpp::DiscoItems::Item>())
        if (item.node.empty() && item.jid.is_domain()) left->push_back(item.jid);
    }
    // XEP-0363 §4: the server itself may be the service.
    left->push_back(parts_.connection.account().domain_jid());
    ask_services(left, found);
  });
}

void FileSharing::ask_services(std::shared_ptr<std::vector<xmpp::Jid>> left, Found found) {
  if (left->empty()) return found(nullptr);
  const xmpp::Jid jid = left->front();
  left->erase(left->begin());
  auto iq = xmpp::Element::make("iq", ns::client);
  iq->set_attr("type", "get").set_attr("to", jid.text()).add("query", ns::disco_info);
  parts_.connection.send_iq(std::move(iq), [this, left, jid, found](const xmpp::Element* answer) {
    const auto* query = result_of(answer, "query", ns::disco_info);
    const auto info = query ? xmpp::DiscoInfo::parse(*query) : xmpp::DiscoInfo();
    if (!info || !info->has_feature(ns::http_upload)) return ask_services(left, found);
    service_ = Service{jid, 0};
    for (const auto& form : info->forms)
      if (form.form_type() == ns::http_upload)
        service_->most_bytes = xmpp::parse_unsigned(form.value("max-file-size").value_or("")).value_or(0);
    found(&*service_);
  });
}

void FileSharing::prepare(const std::shared_ptr<Sending>& sending) {
  if (sending->plain) return request_slot(sending);
  parts_.omemo.prepare(sending->to, [this, sending](Status status) {
    if (!status) return give_up(sending->to, sending->name, status.error().message);
    if (!parts_.omemo.has_devices(sending->to) && !is_encrypted_chat(parts_.store, sending->to))
      return request_slot(sending);
    sending->link = FileLink::with_key();
    sending->content = sending->link.seal(sending->content);
    sending->name = hidden_name(sending->name);
    request_slot(sending);
  });
}

void FileSharing::request_slot(const std::shared_ptr<Sending>& sending) {
  auto iq = xmpp::Element::make("iq", ns::client);
  iq->set_attr("type", "get").set_attr("to", service_->jid.text());
  xmpp::UploadRequest{sending->name, sending->content.size()}.add_to(*iq);
  parts_.connection.send_iq(std::move(iq), [this, sending](const xmpp::Element* answer) {
    const auto* element = result_of(answer, "slot", ns::http_upload);
    if (!element) return give_up(sending->to, sending->name, refusal(answer));
    const auto slot = xmpp::UploadSlot::parse(*element);
    if (!slot) return give_up(sending->to, sending->name, "the upload service gives no https address");
    upload(sending, *slot);
  });
}

void FileSharing::upload(const std::shared_ptr<Sending>& sending, const xmpp::UploadSlot& slot) {
  sending->link.url = slot.get_url;
  parts_.http.put(slot.put_url, slot.headers, std::exchange(sending->content, {}),
                  [this, sending](Result<std::string> answer) {
                    if (!answer)
                      return give_up(sending->to, sending->name, "the upload failed: " + answer.error().message);
                    --open_;
                    submit(*sending);
                  });
}

void FileSharing::submit(const Sending& sending) {
  ChatMessage message;
  message.peer = sending.to;
  message.text = sending.link.to_text();
  message.is_file = true;
  // The key to the file goes nowhere but into an encrypted message.
  if (sending.link.is_encrypted()) {
    if (auto marked = mark_encrypted_chat(parts_.store, sending.to); !marked)
      return parts_.events(event::FileFailed{sending.to, sending.name, marked.error().message});
  }
  if (auto sent = parts_.outbox.submit(std::move(message), sending.plain); !sent)
    parts_.events(event::FileFailed{sending.to, sending.name, sent.error().message});
}

void FileSharing::give_up(const xmpp::Jid& peer, const std::string& name, const std::string& reason) {
  --open_;
  parts_.events(event::FileFailed{peer, name, reason});
}

void FileSharing::fetch(const xmpp::Jid& from, FileLink link) {
  ++open_;
  const size_t limit = options_.limit_bytes + (link.is_encrypted() ? crypto::aes_gcm_tag_size : 0);
  parts_.http.get(link.url, limit, [this, from, link](Result<std::string> content) {
    if (content && link.is_encrypted()) content = link.open(*content);
    if (!content) return give_up(from, link.name, content.error().message);
    const auto file = save(link.name, *content);
    if (!file) return give_up(from, link.name, file.error().message);
    --open_;
    parts_.events(event::FileSaved{from, file->string(), content->size()});
  });
}

Result<std::filesystem::path> FileSharing::save(const std::string& name, std::string_view content) const {
  std::error_code error;
  std::filesystem::create_directories(options_.folder, error);
  if (error) return fail(Failure::io, system_message(options_.folder, error.value()));
  // Never over what is there, never through a link, never executable.
  for (int number = 0; number < most_names; ++number) {
    const auto file = numbered(options_.folder / name, number);
    const int descriptor =
        ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (descriptor < 0 && errno == EEXIST) continue;
    if (descriptor < 0) return fail(Failure::io, system_message(file, errno));
    const bool written = write_all(descriptor, content);
    const int failure = errno;
    ::close(descriptor);
    if (written) return file;
    ::unlink(file.c_str());
    return fail(failure == ENOSPC ? Failure::full : Failure::io, system_message(file, failure));
  }
  return fail(Failure::conflict, "there are too many files of that name in " + options_.folder.string());
}

}  // namespace rookery::client
