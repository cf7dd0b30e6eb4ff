// Which messages are kept, and who gets them: pure functions of the message and the sessions (RFC 6121 §8, XEP-0160,
// 0313).
#pragma once

#include <span>
#include <vector>

#include "server/home/session.h"
#include "xmpp/element.h"

namespace rookery::server {

enum class MessageType { normal, chat, groupchat, headline, error };
MessageType message_type(const xmpp::Element& message);

/// REQUIREMENTS 15: what only a server says to its own user: no client gets another's carbons or archive results.
bool speaks_as_server(const xmpp::Element& message);
/// Worth an entry in the log: it says something to a person or an application that a late reader must see.
/// Chat states alone, headlines without <store/>, errors, group chat and <no-store/> are not.
bool is_storable(const xmpp::Element& message);
/// The same whatever the type: what a room keeps.
bool says_something(const xmpp::Element& message);
/// XEP-0334 §4.1: kept for offline delivery, not in the archive.
bool forbids_archive(const xmpp::Element& message);
/// Whose other sessions get copies.
enum class CarbonSide { sender, receiver };
/// XEP-0280 §6.1: eligible for copies to the other sessions.
bool is_carbon_copied(const xmpp::Element& message, CarbonSide side);

struct Recipients {
  std::vector<Session*> direct;
  std::vector<Session*> copies;  ///< XEP-0280
  bool offline = false;          ///< nobody gets it now: keep it for later if it is storable
  bool is_late = false;          ///< nobody can be reached right now (path_choice.h)
  bool bounce = false;           ///< answer service-unavailable
};
/// RFC 6121 §8.5. `to` is ours; sessions are those of its account. `answers_copied`: an error, for a message that the
/// other sessions got copies of.
Recipients recipients(const xmpp::Element& message, const xmpp::Jid& to, std::span<Session* const> sessions,
                      bool answers_copied = false);

/// Puts `child` (XML) at the end of a serialised element.
std::string with_child(const std::string& xml, std::string_view child);
/// The message as it is forwarded: with its namespace, which inside a stream is only inherited.
std::string with_client_namespace(const std::string& xml);
std::string stanza_id_element(const xmpp::Jid& by, storage::LogId id);
/// XEP-0280 §7-8: the copy for another session of the account; `type` is the message's.
std::string carbon_copy(std::string_view direction, const xmpp::Jid& account, const xmpp::Jid& to,
                        std::string_view type, const std::string& xml);

}  // namespace rookery::server
