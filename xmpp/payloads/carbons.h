// Message Carbons, XEP-0280.
#pragma once

#include "xmpp/payloads/forwarded.h"

namespace rookery::xmpp {

struct Carbon {
  enum class Direction { received, sent };
  Direction direction = Direction::received;
  Forwarded forwarded;

  /// nullopt when the message carries no well-formed carbon copy. The caller checks first that the message's sender is
  /// its own bare JID (§11, REQUIREMENTS 30).
  static std::optional<Carbon> parse(const Element& message);
  /// The copy for one client of `account`: same type as the original (§6), which goes inside.
  static ElementPtr wrap(Direction direction, const Element& message, const Jid& account, const Jid& to);
};

/// Does it claim to be a carbon copy, well-formed or not? Servers drop such messages of others.
bool claims_to_be_carbon(const Element& message);
/// `<private/>`: no copies, please (§6.1).
bool is_carbon_private(const Element& message);

}  // namespace rookery::xmpp
