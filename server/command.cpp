#include "server/command.h"

#include <ranges>

#include "server/feature.h"

namespace rookery::server {

std::vector<std::string> CommandCall::values(std::string_view var) const {
  for (const auto& form : std::views::reverse(answers)) {
    if (form.field(var) != nullptr) return form.values(var);
  }
  return {};
}

std::string CommandCall::value(std::string_view var) const {
  auto all = values(var);
  return all.empty() ? std::string() : std::move(all.front());
}

std::unexpected<xmpp::StanzaError> refused(xmpp::Condition condition, std::string text) {
  return std::unexpected(xmpp::StanzaError{.condition = condition, .text = std::move(text)});
}

std::unexpected<xmpp::StanzaError> refused(const Error& error) {
  const auto condition = condition_of(error);
  // What went wrong inside is for the log, not for the wire.
  return refused(condition, condition == xmpp::Condition::internal_server_error ? std::string() : error.message);
}

}  // namespace rookery::server
