#include "xmpp/payloads/hints.h"

#include "xmpp/namespaces.h"

namespace rookery::xmpp {

Hints Hints::of(const Element& message) {
  const auto has = [&](std::string_view name) { return message.child(name, ns::hints) != nullptr; };
  return {has("no-permanent-store"), has("no-store"), has("no-copy"), has("store")};
}

void Hints::add_to(Element& message) const {
  if (no_permanent_store) message.add("no-permanent-store", ns::hints);
  if (no_store) message.add("no-store", ns::hints);
  if (no_copy) message.add("no-copy", ns::hints);
  if (store) message.add("store", ns::hints);
}

}  // namespace rookery::xmpp
