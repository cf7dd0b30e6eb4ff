#include "xmpp/dialback.h"

#include "crypto/hash.h"
#include "xmpp/namespaces.h"

namespace rookery::xmpp {

namespace {

std::optional<Dialback::Type> parse_type(const Element& element) {
  const auto type = element.attr("type");
  if (type.empty()) return Dialback::Type::request;
  if (type == "valid") return Dialback::Type::valid;
  if (type == "invalid") return Dialback::Type::invalid;
  if (type == "error") return Dialback::Type::error;
  return std::nullopt;
}

std::string_view name_of(Dialback::Type type) {
  switch (type) {
    case Dialback::Type::valid:
      return "valid";
    case Dialback::Type::invalid:
      return "invalid";
    case Dialback::Type::error:
      return "error";
    case Dialback::Type::request:
      break;
  }
  return {};
}

/// The error is in the stream's namespace, not in that of its parent.
Condition parse_condition(const Element& element) {
  for (const Element& child : element.elements()) {
    if (child.name() != "error") continue;
    const Element* condition = child.first_element();
    if (condition != nullptr) return condition_named(condition->name());
  }
  return Condition::undefined_condition;
}

}  // namespace

bool is_dialback(const Element& element) {
  return element.ns() == ns::dialback && (element.name() == "result" || element.name() == "verify");
}

std::optional<Dialback> parse_dialback(const Element& element) {
  if (!is_dialback(element)) return std::nullopt;
  auto from = Jid::parse(element.attr("from"));
  auto to = Jid::parse(element.attr("to"));
  const auto type = parse_type(element);
  if (!from || !to || !from->is_domain() || !to->is_domain() || !type) return std::nullopt;
  Dialback parsed{.kind = element.name() == "result" ? Dialback::Kind::result : Dialback::Kind::verify,
                  .type = *type,
                  .from = std::move(*from),
                  .to = std::move(*to),
                  .id = std::string(element.attr("id")),
                  .key = {}};
  if (parsed.kind == Dialback::Kind::verify && parsed.id.empty()) return std::nullopt;
  if (parsed.type == Dialback::Type::error) parsed.condition = parse_condition(element);
  if (parsed.type != Dialback::Type::request) return parsed;
  parsed.key = element.text();
  if (parsed.key.empty()) return std::nullopt;
  return parsed;
}

std::string to_xml(const Dialback& dialback) {
  const std::string_view name = dialback.kind == Dialback::Kind::result ? "db:result" : "db:verify";
  std::string out = "<";
  const auto add = [&out](std::string_view attribute, std::string_view value) {
    if (value.empty()) return;
    out.append(" ").append(attribute).append("='");
    append_escaped(out, value);
    out += '\'';
  };
  out.append(name);
  add("from", dialback.from.text());
  add("to", dialback.to.text());
  if (dialback.kind == Dialback::Kind::verify) add("id", dialback.id);
  add("type", name_of(dialback.type));
  out += '>';
  append_escaped(out, dialback.key);
  if (dialback.type == Dialback::Type::error) {  // §2.5: the type of the error is always "cancel"
    out.append("<error type='cancel'><")
        .append(to_string(dialback.condition))
        .append(" xmlns='")
        .append(ns::stanza_errors)
        .append("'/></error>");
  }
  return out.append("</").append(name).append(">");
}

std::string dialback_key(std::string_view secret, std::string_view receiving, std::string_view originating,
                         std::string_view stream_id) {
  std::string text(receiving);
  text.append(" ").append(originating).append(" ").append(stream_id);
  return crypto::hex_encode(
      crypto::hmac(crypto::Hash::sha256, crypto::hex_encode(crypto::digest(crypto::Hash::sha256, secret)), text));
}

}  // namespace rookery::xmpp
