#include "server/components/component.h"

#include <fstream>

#include "server/components/component_stream.h"
#include "server/components/rights.h"
#include "server/edge/tcp_wire.h"
#include "server/log.h"
#include "server/net/tls_holder.h"
#include "server/node.h"

namespace rookery::server {

namespace {

Result<crypto::Secret> read_secret(const ComponentConfig& config) {
  if (!config.secret.empty()) return crypto::Secret(config.secret);
  std::ifstream file(config.secret_file);
  std::string line;
  std::getline(file, line);
  while (line.ends_with('\r') || line.ends_with(' ')) line.pop_back();
  if (line.empty())
    return fail(Failure::invalid, "component " + config.domain + ": no secret in " + config.secret_file.string());
  return crypto::Secret(std::move(line));
}

}  // namespace

Component::Component(Node& node, ComponentConfig config, crypto::Secret secret)
    : node_(node),
      config_(std::move(config)),
      secret_(std::move(secret)),
      rights_(std::make_unique<ComponentRights>(node, *this)) {}
Component::~Component() = default;

Loop& Component::loop() const { return node_.router().owner(config_.domain); }

void Component::receive(Envelope envelope) {
  auto passed = std::make_shared<Envelope>(
      Envelope{.from = envelope.from, .to = envelope.to, .stanza = std::move(envelope.stanza)});
  // REQUIREMENTS 19: what the sender's archive keeps of it is durable before it leaves.
  node_.router().accept(envelope, [this, passed] {
    Loop& home = loop();
    if (&home == Loop::current()) return deliver(std::move(*passed));
    home.post([this, passed] { deliver(std::move(*passed)); });
  });
}

void Component::deliver(Envelope envelope) {
  if (stream_) return stream_->send(*envelope.stanza);
  if (sent_elsewhere(envelope)) return;
  if (envelope.stanza->name() == "presence") return;
  node_.router().bounce(
      envelope, {.condition = xmpp::Condition::remote_server_timeout, .text = "This service is not connected now."});
}

void Component::tell(xmpp::ElementPtr stanza) {
  loop().post([this, stanza = std::move(stanza)]() mutable {
    if (stream_) return stream_->send(*stanza);
    auto from = xmpp::Jid::parse(stanza->attr("from"));
    auto to = xmpp::Jid::parse(stanza->attr("to"));
    if (from && to) sent_elsewhere({.from = std::move(*from), .to = std::move(*to), .stanza = std::move(stanza)});
  });
}

void Component::attach(std::shared_ptr<ComponentStream> stream) {
  const auto former = std::exchange(stream_, std::move(stream));
  if (former) rights_->end();
  // Before others hear of it, and send what comes of that: the component learns first what it may do.
  rights_->begin();
  announce(true);
  if (former)
    former->close({.condition = xmpp::StreamCondition::conflict, .text = "Connected anew", .application = {}});
  log::info("component_connected", {{"domain", domain()}});
  if (config_.presence == "managed_entity") rights_->send_online();
}

void Component::detach(const ComponentStream& stream) {
  if (stream_.get() != &stream) return;
  stream_.reset();
  announce(false);
  rights_->end();
  log::info("component_gone", {{"domain", domain()}});
}

void Component::close(const xmpp::StreamError& error) {
  if (const auto stream = stream_) stream->close(error);
}

Status Components::load() {
  for (const auto& config : node_.config().components) {
    auto secret = read_secret(config);
    if (!secret) return std::unexpected<Error>(secret.error());
    all_.push_back(std::make_unique<Component>(node_, config, std::move(*secret)));
  }
  return {};
}

Status Components::open_listeners() {
  if (all_.empty()) return {};
  for (const auto& address : node_.config().components_listen) {
    for (auto& loop : node_.loops()) {
      const Status opened = node_.listen(address, *loop, [this, &loop = *loop, address](int fd, const std::string& ip) {
        SSL_CTX* tls = node_.config().components_tls ? node_.tls().direct() : nullptr;
        ComponentStream::accept(node_, loop, std::make_shared<TcpWire>(loop, fd, tls), ip, address);
      });
      if (!opened) return opened;
    }
  }
  return {};
}

Component* Components::find(std::string_view domain) const {
  for (const auto& component : all_) {
    if (component->domain() == domain) return component.get();
  }
  return nullptr;
}

void Components::close_here(const xmpp::StreamError& error) {
  for (const auto& component : all_) {
    if (&component->loop() == Loop::current()) component->close(error);
  }
}

}  // namespace rookery::server
