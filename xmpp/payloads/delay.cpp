#include "xmpp/payloads/delay.h"

#include "xmpp/namespaces.h"

namespace rookery::xmpp {

std::optional<Delay> Delay::parse(const Element& delay) {
  const auto stamp = parse_date_time(delay.attr("stamp"));
  if (!stamp) return std::nullopt;
  Delay result{*stamp, {}, delay.text()};
  if (!delay.has_attr("from")) return result;
  auto from = Jid::parse(delay.attr("from"));
  if (!from) return std::nullopt;
  result.from = std::move(*from);
  return result;
}

std::optional<Delay> Delay::find(const Element& parent) {
  for (const Element& child : parent.elements()) {
    if (!child.is("delay", ns::delay)) continue;
    if (auto delay = parse(child)) return delay;
  }
  return std::nullopt;
}

void Delay::add_to(Element& parent) const {
  Element& delay = parent.add("delay", ns::delay);
  if (!from.empty()) delay.set_attr("from", from.text());
  delay.set_attr("stamp", format_date_time(stamp));
  if (!reason.empty()) delay.add_text(reason);
}

}  // namespace rookery::xmpp
