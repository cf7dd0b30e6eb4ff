#include "server/admin/session_line.h"

#include "server/home/session.h"

namespace rookery::server {

namespace {

std::string health_text(const LinkHealth& health) {
  return " rtt_us=" + std::to_string(health.rtt.count()) + " retransmits=" + std::to_string(health.retransmits) +
         " unacked=" + std::to_string(health.unacked_bytes) + " outbox=" + std::to_string(health.outbox_bytes);
}

std::string state_text(const Session& session) {
  if (session.is_detached()) return "detached";
  const Path path = session.path();
  if (path == Path::stalled) return "stalled";
  return std::string(session.is_active() ? "active" : "inactive") + " path=" + std::string(to_string(path));
}

}  // namespace

std::string session_line(Session& session) {
  const ClientLink* link = session.link();
  return session.jid().text() + " ip=" + (link != nullptr ? link->peer_address() : "-") +
         " tls=" + (link != nullptr && link->is_encrypted() ? "yes" : "no") + " state=" + state_text(session) +
         " presence=" + (session.available ? "available" : "none") + " priority=" + std::to_string(session.priority) +
         (link != nullptr ? health_text(link->health()) : "");
}

}  // namespace rookery::server
