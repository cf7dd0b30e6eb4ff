// POST /http-bind: finds the session that a request belongs to, or makes one.
#include "server/edge/bosh_wire.h"
#include "server/edge/client_stream.h"
#include "server/http/http_connection.h"
#include "server/node.h"

namespace rookery::server {

std::string bosh_terminated(std::string_view condition);

namespace {

/// The sid in the first tag, before anything is parsed: it decides which limits the parser gets. The wire checks it
/// again.
std::string probable_sid(std::string_view xml) {
  const auto tag = xml.substr(0, std::min(xml.find('>'), xml.size()));
  for (const char quote : {'\'', '"'}) {
    const std::string begin = std::string("sid=") + quote;
    const auto at = tag.find(begin);
    if (at == std::string_view::npos) continue;
    const auto value = tag.substr(at + begin.size());
    return std::string(value.substr(0, value.find(quote)));
  }
  return {};
}

}  // namespace

void BoshSessions::add(const std::shared_ptr<BoshWire>& wire) {
  const std::lock_guard lock(mutex_);
  wires_[wire->sid()] = wire;
}

void BoshSessions::remove(const std::string& sid) {
  const std::lock_guard lock(mutex_);
  wires_.erase(sid);
}

void BoshSessions::lose_all_here() {
  std::vector<std::shared_ptr<BoshWire>> here;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [sid, known] : wires_) {
      auto wire = known.lock();
      if (wire && &wire->loop() == Loop::current()) here.push_back(std::move(wire));
    }
  }
  for (const auto& wire : here) wire->lose("the server stops");
}

std::shared_ptr<BoshWire> BoshSessions::find(const std::string& sid) {
  const std::lock_guard lock(mutex_);
  const auto found = wires_.find(sid);
  return found == wires_.end() ? nullptr : found->second.lock();
}

void BoshSessions::serve(const std::shared_ptr<HttpConnection>& connection) {
  const auto& method = connection->request().method;
  if (method == "OPTIONS") {
    return connection->respond({.status = 204,
                                .headers = {{"Access-Control-Allow-Origin", "*"},
                                            {"Access-Control-Allow-Methods", "POST, OPTIONS"},
                                            {"Access-Control-Allow-Headers", "Content-Type"},
                                            {"Access-Control-Max-Age", "86400"}},
                                .body = {}});
  }
  if (method != "POST")
    return connection->respond(
        HttpResponse::text(405, "BOSH (XEP-0124) is spoken here.").with("Allow", "POST, OPTIONS"));
  connection->read_body(node_.config().stanza_bytes + 4096, [this, connection](std::string xml) {
    const std::string sid = probable_sid(xml);
    const auto request = std::make_shared<BoshRequest>(connection, std::move(xml));
    if (sid.empty()) return create(connection, request);
    const auto wire = find(sid);
    if (!wire) return request->answer(bosh_terminated("item-not-found"));
    if (wire->is_authenticated()) connection->trust();
    wire->take(request);
  });
}

void BoshSessions::create(const std::shared_ptr<HttpConnection>& connection, const BoshRequestPtr& request) {
  const auto wire = std::make_shared<BoshWire>(*this, connection->loop(), connection->is_encrypted());
  if (!wire->create(request)) return;
  add(wire);
  ClientStream::accept(node_, connection->loop(), wire, connection->client_ip(),
                       {Security::web, "http", ConnectionKind::bosh});
}

}  // namespace rookery::server
