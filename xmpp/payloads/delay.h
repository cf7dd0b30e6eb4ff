// Delayed Delivery, XEP-0203.
#pragma once

#include "xmpp/payloads/payload.h"
#include "xmpp/time.h"

namespace rookery::xmpp {

struct Delay {
  TimePoint stamp{};
  Jid from;  ///< who held the stanza back; empty when not said
  std::string reason;

  /// nullopt when the stamp or the address is malformed.
  static std::optional<Delay> parse(const Element& delay);
  /// The first well-formed one among the children.
  static std::optional<Delay> find(const Element& parent);
  void add_to(Element& parent) const;
  bool operator==(const Delay&) const = default;
};

}  // namespace rookery::xmpp
