#include "xmpp/payloads/pubsub/node_config.h"

#include <algorithm>
#include <span>

#include "xmpp/namespaces.h"
#include "xmpp/payloads/pubsub/request.h"

namespace rookery::xmpp::pubsub {
namespace {

constexpr std::string_view access_models[] = {"authorize", "open", "presence", "roster", "whitelist"};
constexpr std::string_view publish_models[] = {"publishers", "subscribers", "open"};
constexpr std::string_view send_last_names[] = {"never", "on_sub", "on_sub_and_presence"};
constexpr std::string_view notification_types[] = {"normal", "headline"};
constexpr std::string_view item_replies[] = {"none", "owner", "publisher"};

// One table a kind of field serves both directions.
struct Flag {
  std::string_view var;
  bool NodeConfig::* member;
  std::string_view label;
};
constexpr Flag flags[] = {
    {"pubsub#persist_items", &NodeConfig::persist_items, "Keep items in storage"},
    {"pubsub#deliver_notifications", &NodeConfig::deliver_notifications, "Send notifications"},
    {"pubsub#deliver_payloads", &NodeConfig::deliver_payloads, "Include the payload in notifications"},
    {"pubsub#notify_config", &NodeConfig::notify_config, "Notify of changes to the configuration"},
    {"pubsub#notify_delete", &NodeConfig::notify_delete, "Notify when the node is deleted"},
    {"pubsub#notify_retract", &NodeConfig::notify_retract, "Notify when items are removed"},
    {"pubsub#notify_sub", &NodeConfig::notify_sub, "Notify owners of new subscribers"},
    {"pubsub#presence_based_delivery", &NodeConfig::presence_based_delivery, "Notify only who is online"},
    {"pubsub#subscribe", &NodeConfig::allows_subscriptions, "Allow subscriptions"},
};

struct Number {
  std::string_view var;
  uint32_t NodeConfig::* member;
  std::string_view label;
};
constexpr Number numbers[] = {
    {"pubsub#max_items", &NodeConfig::max_items, "How many items are kept"},
    {"pubsub#max_payload_size", &NodeConfig::max_payload_size, "Largest payload in bytes"},
    {"pubsub#item_expire", &NodeConfig::item_expire, "Seconds after which items are removed"},
};

struct Text {
  std::string_view var;
  std::string NodeConfig::* member;
  std::string_view label;
};
constexpr Text texts[] = {
    {"pubsub#title", &NodeConfig::title, "Name of the node"},
    {"pubsub#description", &NodeConfig::description, "Description of the node"},
    {"pubsub#type", &NodeConfig::type, "Namespace of the payloads"},
    {"pubsub#language", &NodeConfig::language, "Language of the node"},
};

struct List {
  std::string_view var;
  std::vector<std::string> NodeConfig::* member;
  std::string_view type, label;
};
constexpr List lists[] = {
    {"pubsub#roster_groups_allowed", &NodeConfig::roster_groups_allowed, "list-multi",
     "Roster groups that may subscribe"},
    {"pubsub#contact", &NodeConfig::contact, "jid-multi", "Whom to contact with questions"},
};

std::unexpected<StanzaError> wrong_value(std::string_view var) {
  return refuse(Condition::not_acceptable, "wrong value for " + std::string(var));
}

template <typename Enum>
bool set_choice(Enum& target, std::span<const std::string_view> names, std::string_view value) {
  const auto found = std::ranges::find(names, value);
  if (found == names.end()) return false;
  target = static_cast<Enum>(found - names.begin());
  return true;
}

Parsed<void> set_number(uint32_t& target, std::string_view var, std::string_view value) {
  if (value == "max") {
    target = NodeConfig::unlimited;
    return {};
  }
  const auto number = parse_uint32(value);
  if (!number) return wrong_value(var);
  target = *number;
  return {};
}

// Fields with one value; false when the name is not among them.
Parsed<bool> apply_single(NodeConfig& config, std::string_view var, std::string_view value) {
  for (const Flag& flag : flags) {
    if (flag.var != var) continue;
    const auto parsed = parse_boolean(value);
    if (!parsed) return wrong_value(var);
    config.*flag.member = *parsed;
    return true;
  }
  for (const Number& number : numbers) {
    if (number.var != var) continue;
    if (auto set = set_number(config.*number.member, var, value); !set) return std::unexpected(set.error());
    return true;
  }
  for (const Text& text : texts) {
    if (text.var != var) continue;
    config.*text.member = value;
    return true;
  }
  if (var == "pubsub#access_model") {
    if (!set_choice(config.access_model, access_models, value))
      return refuse_pubsub(Condition::not_acceptable, "unsupported-access-model");
    return true;
  }
  bool right = false;
  if (var == "pubsub#publish_model")
    right = set_choice(config.publish_model, publish_models, value);
  else if (var == "pubsub#send_last_published_item")
    right = set_choice(config.send_last_published_item, send_last_names, value);
  else if (var == "pubsub#notification_type")
    right = set_choice(config.notification_type, notification_types, value);
  else if (var == "pubsub#itemreply")
    right = set_choice(config.item_reply, item_replies, value);
  // What is not done here can only be switched off.
  else if (var == "pubsub#purge_offline" || var == "pubsub#tempsub")
    right = parse_boolean(value) == false;
  else if (var == "pubsub#publish_node_full")
    right = value == "discard-oldest";
  else if (var == "pubsub#node_type")
    right = value == "leaf";  // collections (XEP-0248) do not exist here
  else
    return false;
  if (!right) return wrong_value(var);
  return true;
}

Parsed<void> apply_field(NodeConfig& config, const DataForm::Field& field) {
  if (field.var == "FORM_TYPE" || field.type == "fixed") return {};
  for (const List& list : lists) {
    if (list.var != field.var) continue;
    config.*list.member = field.values;
    return {};
  }
  if (field.values.size() > 1) return wrong_value(field.var);
  const std::string value = field.values.empty() ? std::string() : field.values.front();
  // Clients send whole forms back: a field without value asks for nothing, unless it is a text that may be empty.
  const bool is_text = std::ranges::any_of(texts, [&](const Text& text) { return text.var == field.var; });
  if (value.empty() && !is_text) return {};
  const auto known = apply_single(config, field.var, value);
  if (!known) return std::unexpected(known.error());
  if (!*known) return refuse(Condition::not_acceptable, "unknown option " + field.var);
  return {};
}

Parsed<void> apply_form(NodeConfig& config, const DataForm& form, std::string_view form_type) {
  if (form.type == DataForm::Type::cancel) return {};
  if (form.type != DataForm::Type::submit || form.form_type() != form_type)
    return refuse(Condition::bad_request, "not a submitted form of type " + std::string(form_type));
  NodeConfig changed = config;
  for (const auto& field : form.fields)
    if (auto applied = apply_field(changed, field); !applied) return applied;
  // Clients ask for large numbers where they mean "max": they are told what there is.
  if (changed.max_items != NodeConfig::unlimited)
    changed.max_items = std::min(changed.max_items, NodeConfig::most_items);
  config = std::move(changed);
  return {};
}

std::string number_text(uint32_t number) { return number == NodeConfig::unlimited ? "max" : std::to_string(number); }

void add_choice(DataForm& form, std::string_view var, std::span<const std::string_view> names, size_t value,
                std::string_view label) {
  form.add_choice(var, names[value], {names.begin(), names.end()}, label);
}

}  // namespace

std::string_view to_string(AccessModel model) { return access_models[static_cast<size_t>(model)]; }
std::string_view to_string(PublishModel model) { return publish_models[static_cast<size_t>(model)]; }

NodeConfig NodeConfig::pep() {
  NodeConfig config;
  config.access_model = AccessModel::presence;
  config.send_last_published_item = SendLastItem::on_sub_and_presence;
  config.max_items = 1;
  return config;
}

NodeConfig NodeConfig::service() {
  NodeConfig config;
  config.send_last_published_item = SendLastItem::on_sub;
  config.notify_delete = true;
  config.max_items = 100;
  return config;
}

Parsed<void> NodeConfig::apply(const DataForm& submitted) {
  return apply_form(*this, submitted, ns::pubsub_node_config);
}

Parsed<void> NodeConfig::apply_publish_options(const DataForm& options) {
  return apply_form(*this, options, ns::pubsub_publish_options);
}

Parsed<void> NodeConfig::check_publish_options(const DataForm& options) const {
  NodeConfig wanted = *this;
  if (auto applied = wanted.apply_publish_options(options); !applied) return applied;
  const bool same_number = std::min(wanted.max_items, most_items) == std::min(max_items, most_items);
  if (same_number) wanted.max_items = max_items;
  if (wanted != *this) return refuse_pubsub(Condition::conflict, "precondition-not-met");
  return {};
}

Parsed<void> NodeConfig::check_sizes() const {
  for (const Text& text : texts) {
    if ((this->*text.member).size() > most_text_bytes)
      return refuse(Condition::not_acceptable, std::string(text.var) + " is too long");
  }
  for (const List& list : lists) {
    size_t bytes = 0;
    for (const auto& value : this->*list.member) bytes += value.size() + 8;  // with some of its markup
    if (bytes > most_text_bytes) return refuse(Condition::not_acceptable, std::string(list.var) + " is too long");
  }
  return {};
}

DataForm NodeConfig::to_form(DataForm::Type form_type) const {
  auto form = DataForm::make(form_type, ns::pubsub_node_config);
  add_choice(form, "pubsub#access_model", access_models, static_cast<size_t>(access_model),
             "Who may subscribe and read");
  add_choice(form, "pubsub#publish_model", publish_models, static_cast<size_t>(publish_model), "Who may publish");
  add_choice(form, "pubsub#send_last_published_item", send_last_names, static_cast<size_t>(send_last_published_item),
             "When the last item is sent");
  add_choice(form, "pubsub#notification_type", notification_types, static_cast<size_t>(notification_type),
             "Type of the notification messages");
  add_choice(form, "pubsub#itemreply", item_replies, static_cast<size_t>(item_reply), "Whom subscribers may reply to");
  for (const Flag& flag : flags) form.add_boolean(flag.var, this->*flag.member, flag.label);
  for (const Number& number : numbers)
    form.add(number.var, number_text(this->*number.member), "text-single", number.label);
  for (const Text& text : texts) form.add(text.var, this->*text.member, "text-single", text.label);
  for (const List& list : lists) form.add_values(list.var, this->*list.member, list.type, list.label);
  if (form_type == DataForm::Type::form) return form;
  for (auto& field : form.fields) {
    field.label.clear();
    field.options.clear();
  }
  return form;
}

DataForm NodeConfig::metadata() const {
  auto form = DataForm::make(DataForm::Type::result, "http://jabber.org/protocol/pubsub#meta-data");
  for (const Text& text : texts)
    if (!(this->*text.member).empty()) form.add(text.var, this->*text.member, "text-single");
  form.add("pubsub#access_model", to_string(access_model), "list-single");
  form.add("pubsub#publish_model", to_string(publish_model), "list-single");
  form.add("pubsub#max_items", std::to_string(std::min(max_items, most_items)), "text-single");
  if (!contact.empty()) form.add_values("pubsub#contact", contact, "jid-multi");
  return form;
}

}  // namespace rookery::xmpp::pubsub
