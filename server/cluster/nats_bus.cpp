#include <nats/nats.h>

#include <atomic>
#include <future>

#include "server/cluster/bus.h"
#include "server/log.h"

namespace rookery::server::cluster {

namespace {

// While no server is there, this much of what is published waits; channels send again what does not fit.
constexpr int reconnect_buffer_bytes = 8 * 1024 * 1024;
constexpr int64_t connect_timeout_ms = 5'000;
constexpr int64_t ping_interval_ms = 2'000;  // two unanswered ones and another server of the cluster is tried
constexpr int delivery_threads = 1;  // all that handlers do is to post: a second one would only be woken in turn
constexpr auto last_call_time = std::chrono::seconds(5);
constexpr int64_t least_max_payload = 64 * 1024;  // with less, what is long would come in too many pieces
constexpr int most_logins = 4;  // libnats 3.4.1 signs about one login of 200 wrongly, and the server refuses it

std::unexpected<Error> failed(std::string what, natsStatus status) {
  return fail(Failure::unavailable, std::move(what) + ": " + natsStatus_GetText(status));
}

struct Closure {
  Bus::Handler handler;
  std::promise<void> ended;  ///< set when no call of the handler can follow
};

void on_message(natsConnection*, natsSubscription*, natsMsg* message, void* closure) {
  BusMessage out{.subject = natsMsg_GetSubject(message),
                 .reply = {},
                 .data = {},
                 .no_responders = natsMsg_IsNoResponders(message)};
  if (const char* reply = natsMsg_GetReply(message)) out.reply = reply;
  if (!out.no_responders)
    out.data.assign(natsMsg_GetData(message), static_cast<size_t>(natsMsg_GetDataLength(message)));
  natsMsg_Destroy(message);
  static_cast<Closure*>(closure)->handler(std::move(out));
}

void ended_calling(void* closure) {
  const std::unique_ptr<Closure> owned(static_cast<Closure*>(closure));
  owned->ended.set_value();
}

class NatsSubscription final : public Bus::Subscription {
 public:
  NatsSubscription(natsSubscription* subscription, std::future<void> ended)
      : subscription_(subscription), ended_(std::move(ended)) {}
  ~NatsSubscription() override {
    natsSubscription_Unsubscribe(subscription_);
    natsSubscription_Destroy(subscription_);
    ended_.wait_for(last_call_time);  // a call that is running may still use what its owner is about to free
  }

 private:
  natsSubscription* subscription_;
  std::future<void> ended_;
};

class NatsBus final : public Bus {
 public:
  explicit NatsBus(std::function<void()> on_reconnected) : on_reconnected_(std::move(on_reconnected)) {}
  ~NatsBus() override {
    if (connection_ == nullptr) return;
    natsConnection_Close(connection_);
    // Its threads outlive it, and must not log when main() has ended.
    closed_.get_future().wait_for(last_call_time);
    natsConnection_Destroy(connection_);
  }

  Status connect(natsOptions* options) {
    natsOptions_SetReconnectedCB(options, reconnected, this);
    natsOptions_SetDisconnectedCB(options, disconnected, this);
    natsOptions_SetErrorHandler(options, errored, this);
    natsOptions_SetClosedCB(options, closed, this);
    natsStatus status = NATS_CONNECTION_AUTH_FAILED;
    for (int attempt = 0; attempt < most_logins && status == NATS_CONNECTION_AUTH_FAILED; ++attempt)
      status = natsConnection_Connect(&connection_, options);
    if (status != NATS_OK) return failed("cannot connect to NATS", status);
    if (natsConnection_GetMaxPayload(connection_) < least_max_payload) {
      return fail(Failure::invalid, "cluster.nats: the server's max_payload is " +
                                        std::to_string(natsConnection_GetMaxPayload(connection_)) +
                                        " bytes; at least " + std::to_string(least_max_payload) + " are needed");
    }
    return {};
  }

  void publish(const std::string& subject, const std::string& reply, std::string_view data) override {
    const natsStatus status =
        reply.empty() ? natsConnection_Publish(connection_, subject.c_str(), data.data(), static_cast<int>(data.size()))
                      : natsConnection_PublishRequest(connection_, subject.c_str(), reply.c_str(), data.data(),
                                                      static_cast<int>(data.size()));
    if (status == NATS_OK) return;
    // What is lost here is sent again by its channel. That does not help where another server of the cluster takes
    // less.
    if (status == NATS_MAX_PAYLOAD && !told_of_payload_.exchange(true))
      log::error("bus_max_payload", {{"subject", subject}, {"bytes", std::to_string(data.size())}});
    log::debug("bus_publish_failed", {{"subject", subject}, {"error", natsStatus_GetText(status)}});
  }

  Result<std::unique_ptr<Subscription>> subscribe(const std::string& subject, Handler handler) override {
    auto closure = std::make_unique<Closure>(Closure{std::move(handler), {}});
    auto ended = closure->ended.get_future();
    natsSubscription* subscription = nullptr;
    const natsStatus status =
        natsConnection_Subscribe(&subscription, connection_, subject.c_str(), on_message, closure.get());
    if (status != NATS_OK) return failed("cannot subscribe to " + subject, status);
    natsSubscription_SetOnCompleteCB(subscription, ended_calling, closure.release());
    natsSubscription_SetPendingLimits(subscription, -1, 64 * 1024 * 1024);
    return std::make_unique<NatsSubscription>(subscription, std::move(ended));
  }

  Status flush() override {
    const natsStatus status = natsConnection_FlushTimeout(connection_, connect_timeout_ms);
    if (status != NATS_OK) return failed("NATS does not answer", status);
    return {};
  }

  bool is_connected() const override { return natsConnection_Status(connection_) == NATS_CONN_STATUS_CONNECTED; }
  size_t max_payload() const override { return static_cast<size_t>(natsConnection_GetMaxPayload(connection_)); }

 private:
  static void reconnected(natsConnection*, void* self) {
    log::info("bus_reconnected");
    static_cast<NatsBus*>(self)->on_reconnected_();
  }
  static void disconnected(natsConnection*, void*) { log::warning("bus_disconnected"); }
  static void closed(natsConnection*, void* self) {
    static_cast<NatsBus*>(self)->closed_.set_value();
  }  ///< the last call
  static void errored(natsConnection*, natsSubscription*, natsStatus status, void*) {
    log::warning("bus_error", {{"error", natsStatus_GetText(status)}});
  }

  std::function<void()> on_reconnected_;
  natsConnection* connection_ = nullptr;
  std::atomic<bool> told_of_payload_ = false;
  std::promise<void> closed_;
};

natsStatus apply(const NatsOptions& wanted, natsOptions* options) {
  std::vector<const char*> urls;
  bool secure = !wanted.ca_file.empty() || !wanted.certificate_file.empty();
  for (const auto& url : wanted.servers) {
    urls.push_back(url.c_str());
    secure = secure || url.starts_with("tls://");
  }
  natsStatus status = natsOptions_SetServers(options, urls.data(), static_cast<int>(urls.size()));
  const auto then = [&](natsStatus next) {
    if (status == NATS_OK) status = next;
  };
  then(natsOptions_SetName(options, wanted.name.c_str()));
  then(natsOptions_SetTimeout(options, connect_timeout_ms));
  then(natsOptions_SetSendAsap(options, true));
  then(natsOptions_UseGlobalMessageDelivery(options, true));
  then(natsOptions_SetMaxReconnect(options, -1));
  then(natsOptions_SetReconnectWait(options, 100));
  then(natsOptions_SetReconnectJitter(options, 50, 50));
  then(natsOptions_SetReconnectBufSize(options, reconnect_buffer_bytes));
  then(natsOptions_SetPingInterval(options, ping_interval_ms));
  then(natsOptions_SetMaxPingsOut(options, 2));
  if (secure) then(natsOptions_SetSecure(options, true));
  if (!wanted.ca_file.empty()) then(natsOptions_LoadCATrustedCertificates(options, wanted.ca_file.c_str()));
  if (!wanted.certificate_file.empty()) {
    then(natsOptions_LoadCertificatesChain(options, wanted.certificate_file.c_str(), wanted.key_file.c_str()));
  }
  if (!wanted.credentials_file.empty())
    then(natsOptions_SetUserCredentialsFromFiles(options, wanted.credentials_file.c_str(), nullptr));
  return status;
}

}  // namespace

Result<std::unique_ptr<Bus>> connect_nats(NatsOptions wanted) {
  // Its threads wait for one another's locks asleep: by default they spin, on cores that others could use.
  nats_Open(0);
  nats_SetMessageDeliveryPoolSize(delivery_threads);
  natsOptions* options = nullptr;
  natsStatus status = natsOptions_Create(&options);
  if (status != NATS_OK) return failed("NATS options", status);
  const std::unique_ptr<natsOptions, decltype(&natsOptions_Destroy)> owned(options, natsOptions_Destroy);
  status = apply(wanted, options);
  if (status != NATS_OK) return failed("cluster.nats: an option is not accepted", status);
  auto bus = std::make_unique<NatsBus>(wanted.on_reconnected ? std::move(wanted.on_reconnected) : [] {});
  if (const Status connected = bus->connect(options); !connected) return std::unexpected<Error>(connected.error());
  return bus;
}

}  // namespace rookery::server::cluster
