// Who may have said a thing (REQUIREMENTS 30). Every stanza passes here before any handler sees it; ten clients got
// this wrong (CVE-2017-5589 and its family).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "xmpp/element.h"
#include "xmpp/jid.h"
#include "xmpp/payloads/delay.h"

namespace rookery::client {

/// What a stanza is, once its origin is checked. Pointers live as long as the stanza.
namespace origin {

/// Forged or malformed: to be ignored, `reason` is for the log.
struct Refused {
  std::string_view reason;
};
/// A chat message that came directly: the server vouches for `from`.
struct Message {
  const xmpp::Element* message;
  xmpp::Jid from;
};
/// A copy of what another device of ours sent or received; vouched for by our own account.
struct Carbon {
  const xmpp::Element* message;
  xmpp::Jid from;
  bool sent;
  std::optional<xmpp::Delay> delay;
};
/// A page entry of an archive. Whether its query is open is asked with is_open_query().
struct ArchiveResult {
  const xmpp::Element* message;
  xmpp::Jid archive;  ///< bare
  xmpp::Jid from;     ///< of the original
  std::string query_id, id;
  std::optional<xmpp::Delay> delay;
};
/// A change in `owner`'s PEP node.
struct PepEvent {
  xmpp::Jid owner;  ///< bare
  std::string node;
  const xmpp::Element* items;
};
struct Presence {
  const xmpp::Element* presence;
  xmpp::Jid from;
};
struct RosterPush {
  const xmpp::Element* iq;
  const xmpp::Element* query;
};
/// A request that wants an answer.
struct Request {
  const xmpp::Element* iq;
  xmpp::Jid from;
};

using Checked = std::variant<Refused, Message, Carbon, ArchiveResult, PepEvent, Presence, RosterPush, Request>;

}  // namespace origin

class OriginGate {
 public:
  /// `own`: the full JID that the server bound.
  explicit OriginGate(xmpp::Jid own) : own_(std::move(own)) {}

  origin::Checked check(const xmpp::Element& stanza) const;

  /// RFC 6120 §8.1.2.1: an IQ without `to` was for the own account, whose answer comes from it or without `from`.
  bool is_answer_from(const xmpp::Jid& asked, std::string_view from) const;
  /// Corrections, retractions, reactions and the like (XEP-0308 §5): only by the author of the original.
  static bool may_alter(const xmpp::Jid& author, const xmpp::Jid& sender) { return author.same_bare(sender); }
  /// A receipt or marker counts only when it comes from whom the message went to.
  static bool may_acknowledge(const xmpp::Jid& recipient, const xmpp::Jid& sender) {
    return recipient.same_bare(sender);
  }

 private:
  bool is_from_own_account(const xmpp::Element& stanza) const;
  origin::Checked check_message(const xmpp::Element& message) const;
  origin::Checked check_carbon(const xmpp::Element& message) const;
  origin::Checked check_archive_result(const xmpp::Element& message) const;
  origin::Checked check_event(const xmpp::Element& message, const xmpp::Element& event) const;
  origin::Checked check_iq(const xmpp::Element& iq) const;

  xmpp::Jid own_;
};

}  // namespace rookery::client
