#include "storage/s3/http_client.h"

#include <curl/curl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace rookery::storage::s3 {

namespace {

constexpr long connect_timeout_ms = 4000;
constexpr long answer_timeout_s = 20;  // of what carries little
constexpr long stalled_after_s = 30;   // of what carries a file: so long it may stand still
constexpr size_t most_reply_bytes = 4 * 1024 * 1024;
constexpr size_t most_idle = 32;

/// One call's body on its way, both ways.
struct Exchange {
  const HttpCall& call;
  const std::atomic<bool>& stopping;
  uint64_t sent = 0;
  std::string received;
};

size_t on_send(char* buffer, size_t size, size_t count, void* context) {
  auto& exchange = *static_cast<Exchange*>(context);
  const auto most = static_cast<size_t>(std::min<uint64_t>(size * count, exchange.call.body_bytes - exchange.sent));
  ssize_t got = -1;
  do got = pread(exchange.call.body, buffer, most, static_cast<off_t>(exchange.sent));
  while (got < 0 && errno == EINTR);
  if (got < 0) return CURL_READFUNC_ABORT;
  exchange.sent += static_cast<uint64_t>(got);
  return static_cast<size_t>(got);
}

/// A kept connection that was closed meanwhile is made anew, and the body sent again.
int on_seek(void* context, curl_off_t offset, int origin) {
  if (origin != SEEK_SET) return CURL_SEEKFUNC_CANTSEEK;
  static_cast<Exchange*>(context)->sent = static_cast<uint64_t>(offset);
  return CURL_SEEKFUNC_OK;
}

size_t on_receive(char* bytes, size_t size, size_t count, void* context) {
  auto& exchange = *static_cast<Exchange*>(context);
  if (exchange.received.size() + size * count > most_reply_bytes) return 0;
  exchange.received.append(bytes, size * count);
  return size * count;
}

int on_progress(void* context, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<Exchange*>(context)->stopping ? 1 : 0;
}

struct FreeList {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

}  // namespace

class HttpClient::Handle {
 public:
  Handle() : curl_(curl_easy_init()) {}
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  ~Handle() { curl_easy_cleanup(curl_); }

  Result<HttpReply> perform(Exchange& exchange, const std::filesystem::path& ca_file) {
    if (curl_ == nullptr) return fail(Failure::unavailable, "no memory for a request");
    curl_easy_reset(curl_);
    std::array<char, CURL_ERROR_SIZE> reason{};
    curl_easy_setopt(curl_, CURLOPT_ERRORBUFFER, reason.data());
    const auto headers = headers_of(exchange.call);
    curl_easy_setopt(curl_, CURLOPT_HTTPHEADER, headers.get());
    prepare_connection(exchange.call, ca_file);
    prepare_body(exchange);
    const CURLcode code = curl_easy_perform(curl_);
    // The error buffer and the headers end with this call.
    curl_easy_setopt(curl_, CURLOPT_ERRORBUFFER, nullptr);
    curl_easy_setopt(curl_, CURLOPT_HTTPHEADER, nullptr);
    if (code != CURLE_OK)
      return fail(Failure::unavailable,
                  "no answer: " + std::string(reason[0] != 0 ? reason.data() : curl_easy_strerror(code)));
    HttpReply reply{.body = std::move(exchange.received)};
    curl_off_t length = -1;
    curl_easy_getinfo(curl_, CURLINFO_RESPONSE_CODE, &reply.status);
    curl_easy_getinfo(curl_, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    reply.length = length < 0 ? 0 : static_cast<uint64_t>(length);
    return reply;
  }

 private:
  static std::unique_ptr<curl_slist, FreeList> headers_of(const HttpCall& call) {
    std::unique_ptr<curl_slist, FreeList> list(
        curl_slist_append(nullptr, "Expect:"));  // a store that does not know it costs a second
    for (const auto& [name, value] : call.headers) {
      curl_slist* longer = curl_slist_append(list.get(), (name + ": " + value).c_str());
      if (longer != nullptr) (void)list.release(), list.reset(longer);
    }
    return list;
  }

  void prepare_connection(const HttpCall& call, const std::filesystem::path& ca_file) {
    curl_easy_setopt(curl_, CURLOPT_URL, call.url.c_str());
    curl_easy_setopt(curl_, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(curl_, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl_, CURLOPT_FOLLOWLOCATION,
                     0L);  // another host is asked for in the configuration, never by an answer
    curl_easy_setopt(curl_, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(curl_, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl_, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(curl_, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    if (!ca_file.empty()) curl_easy_setopt(curl_, CURLOPT_CAINFO, ca_file.c_str());
    curl_easy_setopt(curl_, CURLOPT_CONNECTTIMEOUT_MS, connect_timeout_ms);
    if (call.body < 0) {
      curl_easy_setopt(curl_, CURLOPT_TIMEOUT, answer_timeout_s);
      return;
    }
    curl_easy_setopt(curl_, CURLOPT_LOW_SPEED_LIMIT, 1024L);
    curl_easy_setopt(curl_, CURLOPT_LOW_SPEED_TIME, stalled_after_s);
  }

  void prepare_body(Exchange& exchange) {
    curl_easy_setopt(curl_, CURLOPT_WRITEFUNCTION, &on_receive);
    curl_easy_setopt(curl_, CURLOPT_WRITEDATA, &exchange);
    curl_easy_setopt(curl_, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl_, CURLOPT_XFERINFOFUNCTION, &on_progress);
    curl_easy_setopt(curl_, CURLOPT_XFERINFODATA, &exchange);
    const HttpCall& call = exchange.call;
    if (call.method == "HEAD") curl_easy_setopt(curl_, CURLOPT_NOBODY, 1L);
    if (call.method == "DELETE") curl_easy_setopt(curl_, CURLOPT_CUSTOMREQUEST, "DELETE");
    if (call.body < 0) return;
    curl_easy_setopt(curl_, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(curl_, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(call.body_bytes));
    curl_easy_setopt(curl_, CURLOPT_READFUNCTION, &on_send);
    curl_easy_setopt(curl_, CURLOPT_READDATA, &exchange);
    curl_easy_setopt(curl_, CURLOPT_SEEKFUNCTION, &on_seek);
    curl_easy_setopt(curl_, CURLOPT_SEEKDATA, &exchange);
  }

  CURL* const curl_;
};

HttpClient::HttpClient(std::filesystem::path ca_file) : ca_file_(std::move(ca_file)) {
  // Once a process, and for its lifetime.
  static const CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);
  ensure(ready == CURLE_OK);
}

HttpClient::~HttpClient() = default;

Result<HttpReply> HttpClient::perform(const HttpCall& call) {
  if (stopping_) return fail(Failure::unavailable, "this process is ending");
  Exchange exchange{.call = call, .stopping = stopping_};
  auto handle = take();
  auto reply = handle->perform(exchange, ca_file_);
  give_back(std::move(handle));
  return reply;
}

std::unique_ptr<HttpClient::Handle> HttpClient::take() {
  const std::lock_guard lock(mutex_);
  if (idle_.empty()) return std::make_unique<Handle>();
  auto handle = std::move(idle_.back());
  idle_.pop_back();
  return handle;
}

void HttpClient::give_back(std::unique_ptr<Handle> handle) {
  const std::lock_guard lock(mutex_);
  if (idle_.size() < most_idle) idle_.push_back(std::move(handle));
}

}  // namespace rookery::storage::s3
