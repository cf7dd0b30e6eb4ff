// How an edge gets a session for its client: at a home of this process, or of another node. All of what passes between
// edge and home is here and in ClientLink, so that the two can live on different machines.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "server/home/session.h"

namespace rookery::server {

class Homes;
class Node;

/// RFC 6120 §7; with `options`, what Bind 2 (XEP-0386) asks for beside.
struct BindRequest {
  std::string resource;  ///< prepared; empty: one is generated
  /// `<bind xmlns='urn:xmpp:bind:0'/>` as XML, or empty. The edge sets its attribute "client", and nobody else: the
  /// storage::Client::id of the installation, whose earlier sessions end.
  std::string options;
};
struct BindOutcome {
  ClientSession* session = nullptr;
  std::string xml;                           ///< what answers the options: the children of `<bound/>`
  std::optional<xmpp::StanzaError> refused;  ///< no session and no error: there is no such account, or it
  bool moved = false;  ///< … is on its way to another node: ask again, or let the client come again
};

/// XEP-0198 §5.
struct ResumeRequest {
  std::string previous;
  uint32_t handled = 0;
};
struct ResumeOutcome {
  ClientSession* session = nullptr;
  std::string resumed;  ///< `<resumed/>`
  bool known_account = true;
  bool moved = false;                      ///< as in BindOutcome; nothing else is known then
  std::optional<uint32_t> handled;         ///< no session: the h of `<failed/>`, when it is known
  std::optional<xmpp::StreamError> error;  ///< no session, and the stream ends
};

// Both run `then` once, on the calling loop, unless the link has closed meanwhile; `link` has to live until then. The
// edge answers its client first and calls ClientSession::begin() afterwards.
void bind_session(Node& node, const xmpp::Jid& account, BindRequest request, ClientLink& link,
                  std::function<void(BindOutcome)> then);
void resume_session(Node& node, const xmpp::Jid& account, ResumeRequest request, ClientLink& link,
                    std::function<void(ResumeOutcome)> then);

// The same where the account's home is this loop's.
void bind_here(Homes& homes, const xmpp::Jid& account, BindRequest request, ClientLink& link,
               std::function<void(BindOutcome)> then);
void resume_here(Homes& homes, const xmpp::Jid& account, ResumeRequest request, ClientLink& link,
                 std::function<void(ResumeOutcome)> then);

}  // namespace rookery::server
