#include "server/edge/tcp_wire.h"

#include "xmpp/dialback.h"
#include "xmpp/namespaces.h"

namespace rookery::server {

TcpWire::TcpWire(Loop& loop, int fd, SSL_CTX* direct_tls)
    : transport_(loop, fd, *this), parser_(xmpp::ParserLimits::unauthenticated()) {
  if (direct_tls != nullptr) transport_.start_tls(direct_tls);
}

TcpWire::TcpWire(Loop& loop, int fd, crypto::SslPtr direct_tls)
    : transport_(loop, fd, *this), parser_(xmpp::ParserLimits::unauthenticated()) {
  if (direct_tls) transport_.start_tls_as_client(std::move(direct_tls));
}

void TcpWire::start(StreamWire::Owner& owner) {
  owner_ = &owner;
  transport_.start();
}

void TcpWire::on_bytes(std::string_view bytes) {
  parser_.feed(bytes);
  owner_->on_input(bytes.size());
}

void TcpWire::open(const xmpp::StreamHeader& header) {
  std::string out = "<?xml version='1.0'?><stream:stream xmlns:stream='http://etherx.jabber.org/streams' xmlns='";
  out.append(header.content_ns.empty() ? xmpp::ns::client : std::string_view(header.content_ns)).append("'");
  const auto add = [&out](std::string_view name, const std::string& value) {
    if (value.empty()) return;
    out.append(" ").append(name).append("='");
    xmpp::append_escaped(out, value);
    out += '\'';
  };
  if (header.content_ns == xmpp::ns::server) add("xmlns:db", std::string(xmpp::ns::dialback));  // XEP-0220 §2.1.1
  add("id", header.id);
  add("version", header.version);
  add("xml:lang", header.lang);
  add("from", header.from);
  add("to", header.to);
  transport_.send(out + ">");
}

void TcpWire::finish() {
  transport_.send("</stream:stream>");
  transport_.finish();
}

void TcpWire::finish_now() {
  transport_.send("</stream:stream>");
  transport_.finish_now();
}

void TcpWire::start_tls(std::string_view proceed, SSL_CTX* context) {
  transport_.send_now(proceed);
  transport_.start_tls(context);
  restart(xmpp::ParserLimits::unauthenticated());
}

void TcpWire::start_tls_as_client(crypto::SslPtr ssl) {
  transport_.start_tls_as_client(std::move(ssl));
  restart(xmpp::ParserLimits::unauthenticated());
}

void TcpWire::move_to(Loop& loop, Job then) {
  transport_.detach();
  loop.post([this, &loop, then = std::move(then)]() mutable {
    transport_.attach(loop);
    then();
  });
}

}  // namespace rookery::server
