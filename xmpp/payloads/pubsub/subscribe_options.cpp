#include "xmpp/payloads/pubsub/subscribe_options.h"

#include "xmpp/namespaces.h"
#include "xmpp/payloads/pubsub/request.h"

namespace rookery::xmpp::pubsub {
namespace {

constexpr std::string_view deliver_var = "pubsub#deliver";
constexpr std::string_view expire_var = "pubsub#expire";

std::unexpected<StanzaError> invalid_options(std::string text) {
  return refuse_pubsub(Condition::bad_request, "invalid-options", std::move(text));
}

}  // namespace

Parsed<void> SubscribeOptions::apply(const DataForm& submitted) {
  if (submitted.type == DataForm::Type::cancel) return {};
  if (submitted.type != DataForm::Type::submit || submitted.form_type() != ns::pubsub_subscribe_options)
    return invalid_options("not a submitted form of subscription options");
  SubscribeOptions changed = *this;
  for (const auto& field : submitted.fields) {
    if (field.var == "FORM_TYPE" || field.type == "fixed" || field.values.empty()) continue;
    const std::string& value = field.values.front();
    if (field.var == deliver_var) {
      const auto parsed = parse_boolean(value);
      if (!parsed) return invalid_options("pubsub#deliver is true or false");
      changed.deliver = *parsed;
    } else if (field.var == expire_var) {
      changed.expire = parse_date_time(value);
      if (!changed.expire && !value.empty()) return invalid_options("pubsub#expire is a date and time");
    } else {
      return invalid_options("unknown option " + field.var);
    }
  }
  *this = std::move(changed);
  return {};
}

DataForm SubscribeOptions::to_form(DataForm::Type type) const {
  const bool labels = type == DataForm::Type::form;
  auto form = DataForm::make(type, ns::pubsub_subscribe_options);
  form.add_boolean(deliver_var, deliver, labels ? "Receive notifications" : "");
  if (labels || expire) {
    form.add(expire_var, expire ? format_date_time(*expire) : std::string(), "text-single",
             labels ? "When the subscription ends" : "");
  }
  return form;
}

}  // namespace rookery::xmpp::pubsub
