// Message Processing Hints, XEP-0334.
#pragma once

#include "xmpp/payloads/payload.h"

namespace rookery::xmpp {

struct Hints {
  bool no_permanent_store = false;
  bool no_store = false;
  bool no_copy = false;
  bool store = false;

  static Hints of(const Element& message);
  void add_to(Element& message) const;
  bool operator==(const Hints&) const = default;
};

}  // namespace rookery::xmpp
