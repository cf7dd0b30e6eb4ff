#include "client/core/files/http.h"

#include <curl/curl.h>

#include <algorithm>
#include <cstring>
#include <map>

namespace rookery::client {

namespace {

constexpr long connect_seconds = 20;
constexpr long stalled_seconds = 60;
constexpr long most_redirects = 3;

struct Global {
  Global() { curl_global_init(CURL_GLOBAL_DEFAULT); }
};

/// curl_multi_poll() has flags of its own.
short to_curl(short events) {
  return static_cast<short>((events & POLLIN ? CURL_WAIT_POLLIN : 0) | (events & POLLOUT ? CURL_WAIT_POLLOUT : 0));
}
short from_curl(short events) {
  return static_cast<short>((events & CURL_WAIT_POLLIN ? POLLIN : 0) | (events & CURL_WAIT_POLLOUT ? POLLOUT : 0));
}

}  // namespace

struct Http::Transfer {
  CURL* handle = curl_easy_init();
  curl_slist* headers = nullptr;
  std::string sent, received;
  size_t position = 0;
  size_t limit_bytes = 0;
  bool is_too_large = false;
  bool is_upload = false;
  Done done;

  ~Transfer() {
    curl_easy_cleanup(handle);
    curl_slist_free_all(headers);
  }
  static size_t read(char* buffer, size_t, size_t room, void* self) {
    auto& transfer = *static_cast<Transfer*>(self);
    const size_t size = std::min(room, transfer.sent.size() - transfer.position);
    std::memcpy(buffer, transfer.sent.data() + transfer.position, size);
    transfer.position += size;
    return size;
  }
  static size_t write(char* data, size_t, size_t size, void* self) {
    auto& transfer = *static_cast<Transfer*>(self);
    transfer.is_too_large = size > transfer.limit_bytes - transfer.received.size();
    if (transfer.is_too_large) return 0;  // ends the transfer
    transfer.received.append(data, size);
    return size;
  }
  Result<std::string> result(CURLcode code);
};

struct Http::State {
  std::string ca_file;
  CURLM* multi = curl_multi_init();
  std::map<CURL*, std::unique_ptr<Transfer>> transfers;

  ~State() {
    for (const auto& [handle, transfer] : transfers) curl_multi_remove_handle(multi, handle);
    transfers.clear();
    curl_multi_cleanup(multi);
  }
};

Result<std::string> Http::Transfer::result(CURLcode code) {
  if (is_too_large || code == CURLE_FILESIZE_EXCEEDED)
    return fail(Failure::full, "it is larger than " + std::to_string(limit_bytes) + " bytes");
  if (code != CURLE_OK) return fail(Failure::unavailable, curl_easy_strerror(code));
  long status = 0;
  curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
  if (status == 404 || status == 410) return fail(Failure::not_found, "it is no longer there");
  // XEP-0363 §7 speaks of 201; some say 200.
  if (status / 100 != 2) return fail(Failure::unavailable, "the server answers " + std::to_string(status));
  return std::move(received);
}

Http::Http(std::string ca_file) {
  static const Global once;
  state_ = std::make_unique<State>();
  state_->ca_file = std::move(ca_file);
}

Http::~Http() = default;

bool Http::busy() const { return !state_->transfers.empty(); }

void Http::get(const std::string& url, size_t limit_bytes, Done done) {
  auto transfer = std::make_unique<Transfer>();
  transfer->limit_bytes = limit_bytes;
  transfer->done = std::move(done);
  curl_easy_setopt(transfer->handle, CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(transfer->handle, CURLOPT_MAXREDIRS, most_redirects);
  curl_easy_setopt(transfer->handle, CURLOPT_MAXFILESIZE_LARGE, static_cast<curl_off_t>(limit_bytes));
  start(std::move(transfer), url);
}

void Http::put(const std::string& url, const std::vector<std::pair<std::string, std::string>>& headers,
               std::string content, Done done) {
  auto transfer = std::make_unique<Transfer>();
  transfer->limit_bytes = 65536;  // of an answer that nobody reads
  transfer->sent = std::move(content);
  transfer->done = std::move(done);
  transfer->headers = curl_slist_append(nullptr, "Content-Type: application/octet-stream");
  for (const auto& [name, value] : headers)
    transfer->headers = curl_slist_append(transfer->headers, (name + ": " + value).c_str());
  curl_easy_setopt(transfer->handle, CURLOPT_UPLOAD, 1L);
  curl_easy_setopt(transfer->handle, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(transfer->sent.size()));
  curl_easy_setopt(transfer->handle, CURLOPT_READFUNCTION, &Transfer::read);
  curl_easy_setopt(transfer->handle, CURLOPT_READDATA, transfer.get());
  curl_easy_setopt(transfer->handle, CURLOPT_HTTPHEADER, transfer->headers);
  start(std::move(transfer), url);
}

void Http::start(std::unique_ptr<Transfer> transfer, const std::string& url) {
  CURL* handle = transfer->handle;
  curl_easy_setopt(handle, CURLOPT_URL, url.c_str());
  curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "https");
  curl_easy_setopt(handle, CURLOPT_REDIR_PROTOCOLS_STR, "https");
  curl_easy_setopt(handle, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2);
  // The system's folder of certificates stays in force beside it.
  if (!state_->ca_file.empty()) curl_easy_setopt(handle, CURLOPT_CAINFO, state_->ca_file.c_str());
  curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT, connect_seconds);
  curl_easy_setopt(handle, CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl_easy_setopt(handle, CURLOPT_LOW_SPEED_TIME, stalled_seconds);
  curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, &Transfer::write);
  curl_easy_setopt(handle, CURLOPT_WRITEDATA, transfer.get());
  curl_multi_add_handle(state_->multi, handle);
  state_->transfers[handle] = std::move(transfer);
}

int Http::wait(std::span<pollfd> others, std::chrono::milliseconds timeout) const {
  if (!busy()) return ::poll(others.data(), others.size(), static_cast<int>(timeout.count()));
  std::vector<curl_waitfd> watched;
  for (const auto& other : others) watched.push_back({other.fd, to_curl(other.events), 0});
  int ready = 0;
  curl_multi_poll(state_->multi, watched.data(), static_cast<unsigned>(watched.size()),
                  static_cast<int>(timeout.count()), &ready);
  for (size_t i = 0; i < others.size(); ++i) others[i].revents = from_curl(watched[i].revents);
  return ready;
}

void Http::process() {
  if (!busy()) return;
  int running = 0;
  curl_multi_perform(state_->multi, &running);
  int waiting = 0;
  while (const CURLMsg* message = curl_multi_info_read(state_->multi, &waiting)) {
    if (message->msg != CURLMSG_DONE) continue;
    const CURLcode code = message->data.result;
    const auto found = state_->transfers.find(message->easy_handle);
    const auto transfer = std::move(found->second);
    state_->transfers.erase(found);
    curl_multi_remove_handle(state_->multi, transfer->handle);
    transfer->done(transfer->result(code));
  }
}

}  // namespace rookery::client
