#include "xmpp/payloads/notification_settings.h"

#include "xmpp/namespaces.h"

namespace rookery::xmpp {

namespace {

std::optional<Notify> setting_named(const Element& child) {
  if (child.ns() != ns::notification_settings) return std::nullopt;
  if (child.name() == "always") return Notify::always;
  if (child.name() == "on-mention") return Notify::on_mention;
  if (child.name() == "never") return Notify::never;
  return std::nullopt;
}

}  // namespace

std::optional<Notify> notify_setting(const Element& notify, std::string_view category, std::string_view type) {
  std::optional<Notify> best;
  int best_rank = -1;
  for (const Element& child : notify.elements()) {
    const auto setting = setting_named(child);
    const auto for_category = child.attr("identity-category"), for_type = child.attr("identity-type");
    const bool is_for_us = (for_category.empty() && for_type.empty()) ||
                           (for_category == category && (for_type.empty() || for_type == type));
    if (!setting || !is_for_us) continue;
    const int rank = for_category.empty() ? 0 : for_type.empty() ? 1 : 2;
    if (rank <= best_rank) continue;
    best = setting;
    best_rank = rank;
  }
  return best;
}

}  // namespace rookery::xmpp
