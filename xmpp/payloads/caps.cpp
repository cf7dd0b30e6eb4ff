#include "xmpp/payloads/caps.h"

#include <algorithm>
#include <tuple>

#include "xmpp/namespaces.h"

namespace rookery::xmpp {
namespace {

bool has_duplicate(const std::vector<std::string>& sorted) {
  return std::ranges::adjacent_find(sorted) != sorted.end();
}

Status append_part(std::string& out, std::string_view part) {
  if (part.find('<') != std::string_view::npos) return fail(Failure::invalid, "a part contains the separator");
  out += part;
  out += '<';
  return {};
}

Result<std::vector<std::string>> identity_strings(const DiscoInfo& info) {
  std::vector<std::string> strings;
  for (const auto& i : info.identities) strings.push_back(i.category + "/" + i.type + "/" + i.lang + "/" + i.name);
  std::ranges::sort(strings);
  if (has_duplicate(strings)) return fail(Failure::invalid, "an identity is given twice");
  return strings;
}

Result<std::vector<std::string>> feature_strings(const DiscoInfo& info) {
  auto strings = info.features;
  std::ranges::sort(strings);
  if (has_duplicate(strings)) return fail(Failure::invalid, "a feature is given twice");
  return strings;
}

// §5.4 step 3.5 and 3.6: forms without a hidden FORM_TYPE do not count; an ambiguous FORM_TYPE spoils everything.
Result<std::vector<const DataForm*>> counted_forms(const DiscoInfo& info) {
  std::vector<const DataForm*> forms;
  for (const auto& form : info.forms) {
    const auto types = form.values("FORM_TYPE");
    if (std::ranges::any_of(types, [&](const auto& type) { return type != types.front(); }))
      return fail(Failure::invalid, "a form has two types");
    const auto* field = form.field("FORM_TYPE");
    if (field && field->type == "hidden" && !types.empty()) forms.push_back(&form);
  }
  std::ranges::sort(forms, {}, [](const DataForm* form) { return form->form_type(); });
  const auto same = [](const DataForm* a, const DataForm* b) { return a->form_type() == b->form_type(); };
  if (std::ranges::adjacent_find(forms, same) != forms.end()) return fail(Failure::invalid, "a form is given twice");
  return forms;
}

Status append_form(std::string& out, const DataForm& form) {
  if (auto done = append_part(out, form.form_type()); !done) return done;
  std::vector<const DataForm::Field*> fields;
  for (const auto& field : form.fields)
    if (!field.var.empty() && field.var != "FORM_TYPE") fields.push_back(&field);
  std::ranges::sort(
      fields, [](const auto* a, const auto* b) { return std::tie(a->var, a->values) < std::tie(b->var, b->values); });
  for (const auto* field : fields) {
    if (auto done = append_part(out, field->var); !done) return done;
    auto values = field->values;
    std::ranges::sort(values);
    for (const auto& value : values)
      if (auto done = append_part(out, value); !done) return done;
  }
  return {};
}

}  // namespace

std::optional<Caps> Caps::find(const Element& parent) {
  const Element* c = parent.child("c", ns::caps);
  if (!c || c->attr("hash").empty() || c->attr("node").empty() || c->attr("ver").empty()) return std::nullopt;
  return Caps{std::string(c->attr("hash")), std::string(c->attr("node")), std::string(c->attr("ver"))};
}

void Caps::add_to(Element& parent) const {
  parent.add("c", ns::caps).set_attr("hash", hash).set_attr("node", node).set_attr("ver", ver);
}

std::optional<crypto::Hash> parse_hash_name(std::string_view name) {
  if (name == "sha-1") return crypto::Hash::sha1;
  if (name == "sha-256") return crypto::Hash::sha256;
  if (name == "sha-512") return crypto::Hash::sha512;
  return std::nullopt;
}

Result<std::string> caps_hash(const DiscoInfo& info, crypto::Hash hash) {
  const auto identities = identity_strings(info);
  if (!identities) return std::unexpected(identities.error());
  const auto features = feature_strings(info);
  if (!features) return std::unexpected(features.error());
  const auto forms = counted_forms(info);
  if (!forms) return std::unexpected(forms.error());

  std::string text;
  for (const auto& identity : *identities)
    if (auto done = append_part(text, identity); !done) return std::unexpected(done.error());
  for (const auto& feature : *features)
    if (auto done = append_part(text, feature); !done) return std::unexpected(done.error());
  for (const auto* form : *forms)
    if (auto done = append_form(text, *form); !done) return std::unexpected(done.error());
  return crypto::base64_encode(crypto::digest(hash, text));
}

bool caps_match(const Caps& caps, const DiscoInfo& info) {
  const auto hash = parse_hash_name(caps.hash);
  if (!hash) return false;
  const auto computed = caps_hash(info, *hash);
  return computed && *computed == caps.ver;
}

}  // namespace rookery::xmpp
