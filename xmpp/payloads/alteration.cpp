#include "xmpp/payloads/alteration.h"

#include "xmpp/namespaces.h"

namespace rookery::xmpp {

std::optional<Alteration> Alteration::find(const Element& parent) {
  const auto* replace = parent.child("replace", ns::message_correct);
  const auto* retract = parent.child("retract", ns::retract);
  const auto* found = retract ? retract : replace;
  if (!found || found->attr("id").empty()) return std::nullopt;
  return Alteration{retract ? Kind::retraction : Kind::correction, std::string(found->attr("id"))};
}

void Alteration::add_to(Element& parent) const {
  if (kind == Kind::correction) {
    parent.add("replace", ns::message_correct).set_attr("id", id);
    return;
  }
  parent.add("retract", ns::retract).set_attr("id", id);
  // XEP-0424 §3: the body is for clients that do not know retractions, and this says so.
  parent.add("fallback", ns::fallback).set_attr("for", ns::retract);
}

}  // namespace rookery::xmpp
