#include "client/core/net/transport.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <strophe.h>
#include <sys/socket.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <optional>
#include <system_error>

#include "client/core/net/service_records.h"
#include "xmpp/namespaces.h"
#include "xmpp/stream_parser.h"

namespace rookery::client {

namespace {

/// libstrophe reads 4096 bytes a turn and does not tell what remains of a TLS record of at most 16 KiB.
constexpr int turns_per_process = 6;

/// RFC 5929 §4.1: the certificate's digest with its signature's hash, SHA-256 in place of MD5 and SHA-1.
std::string server_end_point(const char* pem) {
  BIO* bio = BIO_new_mem_buf(pem, -1);
  X509* certificate = bio ? PEM_read_bio_X509(bio, nullptr, nullptr, nullptr) : nullptr;
  BIO_free(bio);
  if (!certificate) return {};
  int digest_id = NID_undef;
  X509_get_signature_info(certificate, &digest_id, nullptr, nullptr, nullptr);
  if (digest_id == NID_md5 || digest_id == NID_sha1) digest_id = NID_sha256;
  const EVP_MD* digest = digest_id == NID_undef ? nullptr : EVP_get_digestbynid(digest_id);
  unsigned char bytes[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  const bool done = digest && X509_digest(certificate, digest, bytes, &size) == 1;
  X509_free(certificate);
  return done ? std::string(reinterpret_cast<char*>(bytes), size) : std::string();
}

/// A server's roster may be longer than what clients send.
constexpr xmpp::ParserLimits from_server{.stanza_bytes = 16 << 20, .elements = 1 << 18};

/// Through the text, so that every element passes the same checks as on the server.
xmpp::ElementPtr to_element(xmpp_ctx_t* context, xmpp_stanza_t* stanza) {
  char* text = nullptr;
  size_t size = 0;
  if (xmpp_stanza_to_text(stanza, &text, &size) != XMPP_EOK) return nullptr;
  auto parsed = xmpp::parse_document({text, size}, from_server, xmpp::ns::client);
  xmpp_free(context, text);
  return parsed ? std::move(*parsed) : nullptr;
}

}  // namespace

struct Transport::State {
  State(xmpp::Jid jid, Endpoint where, TransportObserver& who)
      : account(std::move(jid)), endpoint(std::move(where)), observer(who) {
    xmpp_initialize();
    // A peer that goes away while we write is an error of write(), not the end of the program.
    std::signal(SIGPIPE, SIG_IGN);
    context = xmpp_ctx_new(nullptr, nullptr);
  }
  ~State() {
    release();
    xmpp_ctx_free(context);
  }

  void release() {
    if (connection) xmpp_conn_release(connection);
    connection = nullptr;
    socket = -1;
  }
  static void on_event(xmpp_conn_t*, xmpp_conn_event_t event, int error, xmpp_stream_error_t*, void* self);
  static int on_stanza(xmpp_conn_t*, xmpp_stanza_t* stanza, void* self);
  static int on_socket(xmpp_conn_t*, void* socket);
  static int on_bad_certificate(const xmpp_tlscert_t*, const char* message);
  Error closing_error() const;
  std::string server_text() const;
  Status connect_next();
  bool connect_to_target();

  xmpp::Jid account;
  Endpoint endpoint;
  std::vector<ServiceTarget> targets;
  size_t next_target = 0;
  ServiceTarget target;  ///< that is connected to
  TransportObserver& observer;
  xmpp_ctx_t* context = nullptr;
  xmpp_conn_t* connection = nullptr;
  int socket = -1;
  bool closed = false;  ///< libstrophe said so; reported at the end of process()
  int close_error = 0;
  bool reached = false;  ///< TCP, and TLS when it is direct, were there
  bool awaiting_stream = true;
  std::string certificate_problem;
  std::optional<Error> problem;

  /// Some of libstrophe's callbacks carry no user data; they run inside calls of ours on this one thread.
  static thread_local State* current;
};
thread_local Transport::State* Transport::State::current = nullptr;

void Transport::State::on_event(xmpp_conn_t*, xmpp_conn_event_t event, int error, xmpp_stream_error_t*, void* self) {
  auto& state = *static_cast<State*>(self);
  if (event == XMPP_CONN_RAW_CONNECT) {
    state.reached = true;
    return state.observer.on_connected();
  }
  if (event == XMPP_CONN_CONNECT) {
    state.awaiting_stream = false;
    return state.observer.on_stream_opened();
  }
  state.closed = true;
  state.close_error = error;
}

int Transport::State::on_stanza(xmpp_conn_t*, xmpp_stanza_t* stanza, void* self) {
  auto& state = *static_cast<State*>(self);
  if (state.problem) return 1;
  // Bytes behind <proceed/> were not protected by TLS: whoever put them there must not be heard (CVE-2011-0411's
  // family).
  if (state.awaiting_stream) {
    state.problem = Error{Failure::denied, "the server sent data before its stream header"};
    if (state.socket >= 0) ::shutdown(state.socket, SHUT_RDWR);
    return 1;
  }
  if (auto element = to_element(state.context, stanza)) state.observer.on_element(*element);
  return 1;
}

int Transport::State::on_socket(xmpp_conn_t*, void* socket) {
  const int descriptor = *static_cast<int*>(socket);
  if (current) current->socket = descriptor;
  const int on = 1;
  // Nagle's algorithm and delayed acknowledgements together cost 40 ms a message.
  ::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  return 0;
}

int Transport::State::on_bad_certificate(const xmpp_tlscert_t*, const char* message) {
  if (current && message) current->certificate_problem = message;
  return 0;
}

Error Transport::State::closing_error() const {
  if (problem) return *problem;
  // libstrophe does not tell more.
  if (!reached) return {Failure::unavailable, "cannot connect to " + server_text() + "; is it running?"};
  if (close_error == 0) return {Failure::unavailable, "the connection to " + server_text() + " ended"};
  return {Failure::unavailable,
          "the connection to " + server_text() + " ended: " + std::generic_category().message(close_error)};
}

std::string Transport::State::server_text() const {
  if (target.host.empty()) return "the server of " + std::string(account.domain());
  return target.host + " (port " + std::to_string(target.port) + ")";
}

Transport::Transport(xmpp::Jid account, Endpoint endpoint, TransportObserver& observer)
    : state_(std::make_unique<State>(std::move(account), std::move(endpoint), observer)) {}

Transport::~Transport() = default;

Status Transport::connect() {
  State& state = *state_;
  const auto& [host, port, direct_tls, ca_file] = state.endpoint;
  const std::string domain(state.account.domain());
  if (host.empty() && port == 0 && !direct_tls) {
    state.targets = find_service(domain);
    if (state.targets.empty()) return fail(Failure::unavailable, domain + " has no XMPP service, says the DNS");
  } else {
    const uint16_t default_port = direct_tls ? 5223 : 5222;
    state.targets = {{host.empty() ? domain : host, port ? port : default_port, direct_tls}};
  }
  state.next_target = 0;
  return state.connect_next();
}

// RFC 6120 §3.2.1: one after the other, until one is reached.
Status Transport::State::connect_next() {
  while (next_target < targets.size()) {
    target = targets[next_target++];
    if (connect_to_target()) return {};
  }
  return fail(Failure::unavailable, "cannot reach " + server_text());
}

bool Transport::State::connect_to_target() {
  release();
  closed = reached = false;
  close_error = 0;
  awaiting_stream = true;
  problem.reset();
  certificate_problem.clear();
  State* const before = std::exchange(current, this);
  connection = xmpp_conn_new(context);
  xmpp_conn_set_flags(connection, XMPP_CONN_FLAG_DISABLE_SM);
  xmpp_conn_set_jid(connection, std::string(account.bare_text()).c_str());
  xmpp_conn_set_sockopt_callback(connection, on_socket);
  xmpp_conn_set_certfail_handler(connection, on_bad_certificate);
  if (!endpoint.ca_file.empty()) xmpp_conn_set_cafile(connection, endpoint.ca_file.c_str());
  xmpp_handler_add(connection, on_stanza, nullptr, nullptr, nullptr, this);
  const int result = xmpp_connect_raw(connection, target.host.c_str(), target.port, on_event, this);
  current = before;
  if (result == XMPP_EOK) return true;
  release();
  return false;
}

void Transport::open_stream() {
  state_->awaiting_stream = true;
  xmpp_conn_open_stream_default(state_->connection);
}

Status Transport::start_tls() {
  State& state = *state_;
  state.awaiting_stream = true;
  State* const before = std::exchange(State::current, &state);
  const int result = xmpp_conn_tls_start(state.connection);
  State::current = before;
  if (result == XMPP_EOK && is_secure()) return {};
  const std::string domain(state.account.domain());
  if (!state.certificate_problem.empty())
    return fail(Failure::denied, "the certificate of " + domain + " is not trusted: " + state.certificate_problem +
                                     ". The certificate of a server that made its own is given with --ca");
  return fail(Failure::unavailable, "the TLS handshake with the server of " + domain + " failed");
}

void Transport::send(std::string_view xml) {
  if (state_->connection && !state_->closed) xmpp_send_raw(state_->connection, xml.data(), xml.size());
}

void Transport::close_stream() {
  if (state_->connection) xmpp_disconnect(state_->connection);
}

void Transport::abort() {
  if (state_->socket >= 0) ::shutdown(state_->socket, SHUT_RDWR);
}

bool Transport::direct_tls() const { return state_->target.direct_tls; }

bool Transport::is_secure() const { return state_->connection && xmpp_conn_is_secured(state_->connection); }

xmpp::ChannelBindings Transport::bindings() const {
  xmpp::ChannelBindings bindings;
  if (!is_secure()) return bindings;
  xmpp_tlscert_t* certificate = xmpp_conn_get_peer_cert(state_->connection);
  if (!certificate) return bindings;
  if (const char* pem = xmpp_tlscert_get_pem(certificate)) bindings.tls_server_end_point = server_end_point(pem);
  xmpp_tlscert_free(certificate);
  return bindings;
}

int Transport::fd() const { return state_->connection ? state_->socket : -1; }

bool Transport::wants_write() const {
  if (!state_->connection) return false;
  return xmpp_conn_is_connecting(state_->connection) || xmpp_conn_send_queue_len(state_->connection) > 0;
}

void Transport::process() {
  State& state = *state_;
  if (!state.connection) return;
  State::current = &state;
  for (int turn = 0; turn < turns_per_process && !state.closed; ++turn) xmpp_run_once(state.context, 0);
  State::current = nullptr;
  if (!state.closed) return;
  if (!state.reached && !state.problem && state.connect_next()) return;
  const Error error = state.closing_error();
  state.release();
  state.observer.on_closed(error);
}

}  // namespace rookery::client
