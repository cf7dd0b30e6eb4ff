#include "xmpp/payloads/vcard.h"

#include <algorithm>
#include <span>

#include "crypto/hash.h"
#include "xmpp/namespaces.h"

namespace rookery::xmpp {
namespace {

// Properties with one plain value: <FN>x</FN> is <fn><text>x</text></fn>.
struct Plain {
  std::string_view temp, four, value;
};
constexpr Plain plains[] = {
    {"FN", "fn", "text"},     {"NICKNAME", "nickname", "text"},
    {"BDAY", "bday", "date"}, {"TITLE", "title", "text"},
    {"ROLE", "role", "text"}, {"NOTE", "note", "text"},
    {"DESC", "note", "text"}, {"URL", "url", "uri"},
    {"TZ", "tz", "text"},     {"UID", "uid", "uri"},
};
// Properties made of parts; those of <n/> and <adr/> have the same order in both forms.
struct Part {
  std::string_view temp, four;
};
constexpr Part name_parts[] = {
    {"FAMILY", "surname"}, {"GIVEN", "given"}, {"MIDDLE", "additional"}, {"PREFIX", "prefix"}, {"SUFFIX", "suffix"}};
constexpr Part address_parts[] = {{"POBOX", "pobox"},       {"EXTADD", "ext"},    {"STREET", "street"},
                                  {"LOCALITY", "locality"}, {"REGION", "region"}, {"PCODE", "code"},
                                  {"CTRY", "country"}};
constexpr Part types[] = {{"HOME", "home"}, {"WORK", "work"},   {"VOICE", "voice"}, {"CELL", "cell"},
                          {"FAX", "fax"},   {"VIDEO", "video"}, {"PAGER", "pager"}};
constexpr std::string_view composed[] = {"N", "ADR", "TEL", "EMAIL", "JABBERID", "ORG", "PHOTO", "VERSION"};

std::string text_of(const Element& parent, std::string_view name) { return parent.child_text(name, parent.ns()); }

bool add_parts_4(Element& to, const Element& from, std::span<const Part> parts) {
  bool any = false;
  for (const auto& part : parts) {
    const std::string text = text_of(from, part.temp);
    any = any || !text.empty();
    to.add_text_child(part.four, text);
  }
  return any;
}

void add_parts_temp(Element& to, const Element& from, std::span<const Part> parts) {
  for (const auto& part : parts) {
    if (const std::string text = text_of(from, part.four); !text.empty()) to.add_text_child(part.temp, text);
  }
}

void add_types_4(Element& to, const Element& from) {
  Element* list = nullptr;
  for (const auto& type : types) {
    if (from.child(type.temp, from.ns()) == nullptr) continue;
    if (list == nullptr) list = &to.add("parameters").add("type");
    list->add_text_child("text", type.four);
  }
}

void add_types_temp(Element& to, const Element& from) {
  const auto* parameters = from.child("parameters", from.ns());
  const auto* list = parameters != nullptr ? parameters->child("type", from.ns()) : nullptr;
  if (list == nullptr) return;
  for (const auto& one : list->elements()) {
    const auto known = std::ranges::find(types, one.text(), &Part::four);
    if (known != std::end(types)) to.add(known->temp);
  }
}

std::string without_scheme(std::string text, std::string_view scheme) {
  return text.starts_with(scheme) ? text.substr(scheme.size()) : text;
}

void convert_to_4(const Element& property, Element& vcard) {
  const auto name = property.name();
  const std::string text = property.text();
  const auto* plain = std::ranges::find(plains, name, &Plain::temp);
  if (plain != std::end(plains)) {
    if (!text.empty()) vcard.add(plain->four).add_text_child(plain->value, text);
  } else if (name == "N") {
    add_parts_4(vcard.add("n"), property, name_parts);
  } else if (name == "ADR") {
    auto& address = vcard.add("adr");
    add_types_4(address, property);
    if (!add_parts_4(address, property, address_parts)) vcard.remove(address);
  } else if (name == "TEL" && !text_of(property, "NUMBER").empty()) {
    auto& tel = vcard.add("tel");
    add_types_4(tel, property);
    tel.add_text_child("uri", "tel:" + text_of(property, "NUMBER"));
  } else if (name == "EMAIL" && !text_of(property, "USERID").empty()) {
    auto& email = vcard.add("email");
    add_types_4(email, property);
    email.add_text_child("text", text_of(property, "USERID"));
  } else if (name == "JABBERID" && !text.empty()) {
    vcard.add("impp").add_text_child("uri", "xmpp:" + text);
  } else if (name == "ORG") {
    auto& organisation = vcard.add("org");
    for (const auto& part : property.elements()) organisation.add_text_child("text", part.text());
    if (organisation.first_element() == nullptr) vcard.remove(organisation);
  }
}

void convert_to_temp(const Element& property, Element& vcard) {
  const auto name = property.name();
  const auto* plain = std::ranges::find(plains, name, &Plain::four);
  if (plain != std::end(plains)) {
    const auto* value = property.first_element();
    while (value != nullptr && value->name() == "parameters") value = value->next_element();
    if (value != nullptr) vcard.add_text_child(plain->temp, value->text());
  } else if (name == "n") {
    add_parts_temp(vcard.add("N"), property, name_parts);
  } else if (name == "adr") {
    auto& address = vcard.add("ADR");
    add_types_temp(address, property);
    add_parts_temp(address, property, address_parts);
  } else if (name == "tel") {
    auto& tel = vcard.add("TEL");
    add_types_temp(tel, property);
    const std::string uri = text_of(property, "uri");
    tel.add_text_child("NUMBER", uri.empty() ? text_of(property, "text") : without_scheme(uri, "tel:"));
  } else if (name == "email") {
    auto& email = vcard.add("EMAIL");
    add_types_temp(email, property);
    email.add_text_child("USERID", text_of(property, "text"));
  } else if (name == "impp" && text_of(property, "uri").starts_with("xmpp:")) {
    vcard.add_text_child("JABBERID", without_scheme(text_of(property, "uri"), "xmpp:"));
  } else if (name == "org") {
    auto& organisation = vcard.add("ORG");
    for (const auto& part : property.elements()) {
      if (part.name() != "text") continue;
      organisation.add_text_child(organisation.first_element() == nullptr ? "ORGNAME" : "ORGUNIT", part.text());
    }
  }
}

bool is_converted(std::string_view temp) {
  return std::ranges::find(plains, temp, &Plain::temp) != std::end(plains) ||
         std::ranges::find(composed, temp) != std::end(composed);
}

}  // namespace

ElementPtr vcard4_from_temp(const Element& vcard) {
  auto made = Element::make("vcard", ns::vcard4);
  for (const auto& property : vcard.elements()) convert_to_4(property, *made);
  return made;
}

ElementPtr vcard_temp_from_4(const Element& vcard, const Element* previous) {
  auto made = Element::make("vCard", ns::vcard_temp);
  for (const auto& property : vcard.elements()) convert_to_temp(property, *made);
  if (previous == nullptr) return made;
  for (const auto& property : previous->elements()) {
    if (!is_converted(property.name())) made->add_copy(property);
  }
  return made;
}

std::optional<VcardPhoto> find_photo(const Element& vcard) {
  const auto* photo = vcard.child("PHOTO", ns::vcard_temp);
  if (photo == nullptr) return std::nullopt;
  std::string binval = photo->child_text("BINVAL", ns::vcard_temp);
  std::erase_if(binval, [](char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; });
  auto image = crypto::base64_decode(binval);
  if (!image || image->empty()) return std::nullopt;
  return VcardPhoto{photo->child_text("TYPE", ns::vcard_temp), std::move(*image)};
}

void add_photo(Element& vcard, const VcardPhoto& photo) {
  auto& element = vcard.add("PHOTO");
  if (!photo.type.empty()) element.add_text_child("TYPE", photo.type);
  element.add_text_child("BINVAL", crypto::base64_encode(photo.image));
}

void remove_photo(Element& vcard) {
  while (const auto* photo = vcard.child("PHOTO", ns::vcard_temp)) vcard.remove(*photo);
}

}  // namespace rookery::xmpp
