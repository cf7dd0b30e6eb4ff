#include <cstring>

#include "crypto/hash.h"
#include "crypto/random.h"
#include "xmpp/namespaces.h"
#include "xmpp/payloads/omemo.h"

namespace rookery::xmpp::omemo {
namespace {

constexpr size_t minimum_bytes = 256;
constexpr uint32_t random_padding_end = 201;  // XEP-0420 §4: "between 0 and 200 characters"

std::string padding(size_t unpadded_bytes) {
  uint32_t random = 0;
  std::memcpy(&random, crypto::random_bytes(sizeof random).data(), sizeof random);
  const size_t fill = unpadded_bytes < minimum_bytes ? minimum_bytes - unpadded_bytes : 0;
  const size_t size = fill + random % random_padding_end;
  return crypto::base64_encode(crypto::random_bytes(size)).substr(0, size);
}

Result<Jid> parse_affix(const Element& root, std::string_view name) {
  const Element* affix = root.child(name, ns::sce);
  if (!affix) return Jid();
  auto jid = Jid::parse(affix->attr("jid"));
  if (!jid) return jid;
  return jid->bare();
}

}  // namespace

Envelope Envelope::make(const Jid& from, const Jid& to) {
  return {Element::make("content", ns::sce), from.bare(), to.bare(), {}};
}

Result<Envelope> Envelope::parse(const Element& root) {
  const Element* content = root.is("envelope", ns::sce) ? root.child("content", ns::sce) : nullptr;
  if (!content) return fail(Failure::invalid, "no SCE envelope with content");
  auto from = parse_affix(root, "from");
  if (!from) return std::unexpected(from.error());
  auto to = parse_affix(root, "to");
  if (!to) return std::unexpected(to.error());
  const Element* time = root.child("time", ns::sce);
  return Envelope{content->clone(), std::move(*from), std::move(*to), std::string(time ? time->attr("stamp") : "")};
}

std::string Envelope::to_xml() const {
  ElementPtr root = Element::make("envelope", ns::sce);
  root->add_copy(*content);
  if (!from.empty()) root->add("from").set_attr("jid", from.bare_text());
  if (!to.empty()) root->add("to").set_attr("jid", to.bare_text());
  if (!time.empty()) root->add("time").set_attr("stamp", time);
  Element& pad = root->add("rpad");
  pad.add_text(padding(root->to_xml().size()));
  return root->to_xml();
}

Status Envelope::check(const Jid& sender, const Jid& recipient, bool groupchat) const {
  if (!from.empty() && !from.same_bare(sender)) return fail(Failure::denied, "the SCE envelope is from someone else");
  if (!to.empty() && !to.same_bare(recipient)) return fail(Failure::denied, "the SCE envelope is for someone else");
  if (groupchat && to.empty()) return fail(Failure::denied, "the SCE envelope does not name the room");
  return {};
}

}  // namespace rookery::xmpp::omemo
