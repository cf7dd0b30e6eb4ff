// A room's configuration, XEP-0045 §10.1.3 and §15.5.3: the muc#roomconfig form.
#pragma once

#include <set>

#include "xmpp/payloads/data_form.h"
#include "xmpp/payloads/muc.h"

namespace rookery::xmpp {

struct RoomConfig {
  enum class Whois { moderators, anyone };
  enum class PrivateMessages { anyone, participants, moderators, none };

  std::string name, description, language;
  bool is_persistent = false;
  bool is_public = true;
  bool members_only = false;
  bool is_moderated = false;
  bool password_protected = false;
  std::string password;
  Whois whois = Whois::moderators;  ///< anyone: the room is non-anonymous
  uint32_t max_users = 0;           ///< 0: as many as the service allows
  bool change_subject = false;      ///< participants may
  bool allow_invites = true;        ///< occupants who are no admins may; unless said, not into a members-only room
  bool is_logged = true;            ///< messages are kept, for XEP-0313 and the history
  PrivateMessages private_messages = PrivateMessages::anyone;
  uint32_t history_length = 20;  ///< messages that are sent to one who enters and asks for no other number
  std::set<Role> presence_broadcast = {Role::visitor, Role::participant,
                                       Role::moderator};              ///< whose presence others see
  std::set<Role> member_list = {Role::participant, Role::moderator};  ///< who may ask for the lists

  bool is_anonymous() const { return whois == Whois::moderators; }
  /// The form with the present values, for owners; `limit` is what the service allows at most.
  DataForm to_form(DataForm::Type type) const;
  /// Takes over the fields that the submitted form has; what it lacks stays. bad-request for what is no value of a
  /// field, not-acceptable for what contradicts itself (§10.1.3: a password-protected room without a password).
  Parsed<RoomConfig> changed_by(const DataForm& submitted) const;
  /// not-acceptable for a text that is not as in `before` and longer than a service should have to show to everybody.
  Parsed<void> check_lengths(const RoomConfig& before) const;
  bool operator==(const RoomConfig&) const = default;
};

std::string_view to_string(RoomConfig::PrivateMessages who);

}  // namespace rookery::xmpp
