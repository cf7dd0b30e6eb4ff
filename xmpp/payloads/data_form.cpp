#include "xmpp/payloads/data_form.h"

#include <algorithm>
#include <set>

#include "xmpp/namespaces.h"

namespace rookery::xmpp {
namespace {

constexpr std::string_view type_names[] = {"form", "submit", "cancel", "result"};

Parsed<DataForm::Field> parse_field(const Element& element) {
  DataForm::Field field;
  field.var = element.attr("var");
  field.type = element.attr("type");
  field.label = element.attr("label");
  // XEP-0004 §3.2: only fixed fields may lack a name.
  if (field.var.empty() && field.type != "fixed") return refuse(Condition::bad_request, "a form field has no var");
  for (const Element& child : element.elements()) {
    if (child.ns() != ns::data_forms) continue;
    if (child.name() == "value") field.values.push_back(child.text());
    if (child.name() == "required") field.required = true;
    if (child.name() == "option")
      field.options.push_back({std::string(child.attr("label")), child.child_text("value", ns::data_forms)});
  }
  return field;
}

Parsed<std::vector<DataForm::Field>> parse_fields(const Element& parent) {
  std::vector<DataForm::Field> fields;
  for (const Element& child : parent.elements()) {
    if (!child.is("field", ns::data_forms)) continue;
    auto field = parse_field(child);
    if (!field) return std::unexpected(field.error());
    fields.push_back(std::move(*field));
  }
  return fields;
}

bool has_repeated_name(const std::vector<DataForm::Field>& fields) {
  std::set<std::string_view> names;
  return std::ranges::any_of(fields,
                             [&](const auto& field) { return !field.var.empty() && !names.insert(field.var).second; });
}

void add_fields(Element& parent, const std::vector<DataForm::Field>& fields) {
  for (const auto& field : fields) {
    Element& element = parent.add("field");
    if (!field.var.empty()) element.set_attr("var", field.var);
    if (!field.type.empty()) element.set_attr("type", field.type);
    if (!field.label.empty()) element.set_attr("label", field.label);
    if (field.required) element.add("required");
    for (const auto& value : field.values) element.add_text_child("value", value);
    for (const auto& option : field.options) {
      Element& choice = element.add("option");
      if (!option.label.empty()) choice.set_attr("label", option.label);
      choice.add_text_child("value", option.value);
    }
  }
}

}  // namespace

Parsed<DataForm> DataForm::parse(const Element& x) {
  DataForm form;
  const auto* name = std::ranges::find(type_names, x.attr("type"));
  if (name == std::end(type_names)) return refuse(Condition::bad_request, "the form has no known type");
  form.type = static_cast<Type>(name - std::begin(type_names));

  auto fields = parse_fields(x);
  if (!fields) return std::unexpected(fields.error());
  form.fields = std::move(*fields);
  // Two readers of one submission must not see different values.
  if (form.type == Type::submit && has_repeated_name(form.fields))
    return refuse(Condition::bad_request, "a form field is given twice");

  for (const Element& child : x.elements()) {
    if (child.ns() != ns::data_forms) continue;
    if (child.name() == "title") form.title = child.text();
    if (child.name() == "instructions") form.instructions.push_back(child.text());
    if (child.name() != "reported" && child.name() != "item") continue;
    auto row = parse_fields(child);
    if (!row) return std::unexpected(row.error());
    if (child.name() == "reported")
      form.reported = std::move(*row);
    else
      form.items.push_back(std::move(*row));
  }
  return form;
}

Parsed<std::optional<DataForm>> DataForm::parse_child(const Element& parent) {
  const Element* x = parent.child("x", ns::data_forms);
  if (!x) return std::nullopt;
  auto form = parse(*x);
  if (!form) return std::unexpected(form.error());
  return std::move(*form);
}

void DataForm::add_to(Element& parent) const {
  Element& x = parent.add("x", ns::data_forms);
  x.set_attr("type", type_names[static_cast<size_t>(type)]);
  if (!title.empty()) x.add_text_child("title", title);
  for (const auto& line : instructions) x.add_text_child("instructions", line);
  add_fields(x, fields);
  if (!reported.empty()) add_fields(x.add("reported"), reported);
  for (const auto& item : items) add_fields(x.add("item"), item);
}

DataForm DataForm::make(Type type, std::string_view form_type) {
  DataForm form;
  form.type = type;
  form.add("FORM_TYPE", form_type, "hidden");
  return form;
}

std::string_view DataForm::form_type() const {
  const Field* found = field("FORM_TYPE");
  if (!found || found->values.empty()) return {};
  const bool hidden = found->type == "hidden" || (type == Type::submit && found->type.empty());
  return hidden ? std::string_view(found->values.front()) : std::string_view{};
}

const DataForm::Field* DataForm::field(std::string_view var) const {
  const auto found = std::ranges::find(fields, var, &Field::var);
  return found == fields.end() ? nullptr : &*found;
}

std::optional<std::string_view> DataForm::value(std::string_view var) const {
  const Field* found = field(var);
  if (!found || found->values.empty()) return std::nullopt;
  return found->values.front();
}

std::vector<std::string> DataForm::values(std::string_view var) const {
  const Field* found = field(var);
  return found ? found->values : std::vector<std::string>{};
}

Parsed<std::optional<bool>> DataForm::boolean(std::string_view var) const {
  const auto text = value(var);
  if (!text) return std::nullopt;
  const auto parsed = parse_boolean(*text);
  if (!parsed) return refuse(Condition::bad_request, "the field " + std::string(var) + " is no boolean");
  return parsed;
}

DataForm& DataForm::add(std::string_view var, std::string_view value, std::string_view type, std::string_view label) {
  return add_values(var, {std::string(value)}, type, label);
}

DataForm& DataForm::add_boolean(std::string_view var, bool value, std::string_view label) {
  return add(var, value ? "true" : "false", "boolean", label);
}

DataForm& DataForm::add_values(std::string_view var, std::vector<std::string> values, std::string_view type,
                               std::string_view label) {
  Field field;
  field.var = var;
  field.type = type;
  field.label = label;
  field.values = std::move(values);
  fields.push_back(std::move(field));
  return *this;
}

DataForm& DataForm::add_choice(std::string_view var, std::string_view value,
                               const std::vector<std::string_view>& options, std::string_view label) {
  add(var, value, "list-single", label);
  for (const auto option : options) fields.back().options.push_back({{}, std::string(option)});
  return *this;
}

}  // namespace rookery::xmpp
