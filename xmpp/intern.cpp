#include "xmpp/intern.h"

#include <array>
#include <cstddef>
#include <cstdint>

#include "xmpp/namespaces.h"

namespace rookery::xmpp {
namespace {

constexpr std::string_view kNamespaces[] = {
    ns::client, ns::server, ns::component, ns::streams, ns::stream_errors, ns::stanza_errors, ns::tls, ns::sasl, ns::bind,
    ns::session, ns::roster, ns::roster_versioning, ns::pre_approval, ns::data_forms, ns::last_activity,
    ns::disco_info, ns::disco_items, ns::private_xml, ns::vcard_temp, ns::rsm, ns::pubsub, ns::pubsub_event,
    ns::pubsub_owner, ns::pubsub_errors, ns::pubsub_publish_options, ns::pubsub_node_config, ns::registration,
    ns::registration_feature, ns::chat_states, ns::version, ns::caps, ns::receipts, ns::blocking,
    ns::blocking_errors, ns::sm, ns::ping, ns::time, ns::delay, ns::carbons, ns::forward, ns::mam, ns::mam_extended,
    ns::markers, ns::hints, ns::csi, ns::sid, ns::eme, ns::omemo_legacy, ns::omemo, ns::sce,
    ns::sasl_channel_binding, ns::stream_limits, ns::muc, ns::muc_user, ns::xml,
};

constexpr std::string_view kNames[] = {
    "id", "to", "from", "type", "node", "jid", "name", "subscription", "ask", "ver", "stamp", "var", "label", "max",
    "seconds", "xmlns", "code", "affiliation", "role", "nick", "password", "xml:lang", "xml:base", "hash", "resume",
    "previd", "location", "h", "mechanism", "mechanisms", "initial", "reason", "hint", "value", "field", "option",
    "x", "query", "message", "presence", "iq", "body", "subject", "thread", "show", "status", "priority", "error",
    "text", "item", "items", "group", "feature", "identity", "features", "starttls", "proceed", "success",
    "challenge", "response", "auth", "abort", "failure", "bind", "resource", "session", "ping", "pong", "time",
    "utc", "tzo", "delay", "sent", "received", "private", "enable", "enabled", "disable", "active", "inactive",
    "composing", "paused", "gone", "request", "r", "a", "c", "rsm", "set", "first", "last", "count", "index",
    "before", "after", "forwarded", "result", "fin", "stanza-id", "origin-id", "by", "markable", "displayed",
    "acknowledged", "store", "no-store", "no-copy", "no-permanent-store", "block", "unblock", "blocklist",
    "encrypted", "header", "key", "payload", "iv", "rid", "sid", "prekey", "keys", "encryption", "namespace",
    "publish", "retract", "subscribe", "unsubscribe", "configure", "create", "delete", "purge", "pubsub", "event",
    "options", "publish-options", "default", "subscriptions", "affiliations", "history", "invite", "decline",
    "destroy", "actor", "stream", "complete", "stable", "queryid", "prefs", "always", "never", "category", "lang",
    "algo", "data", "uri", "url", "desc", "size", "media-type", "vCard", "FN", "N", "NICKNAME", "PHOTO", "BINVAL",
    "TYPE", "EMAIL", "USERID", "TEL", "NUMBER", "ORG", "TITLE", "URL", "BDAY", "JABBERID", "DESC", "get", "chat",
    "groupchat", "headline", "normal", "unavailable", "available", "both", "none", "remove", "cancel", "wait",
    "modify", "continue",
};

constexpr size_t kSlots = 1024;  // a quarter full: most look-ups end at the first slot

/// Length and four characters tell nearly all of them apart; namespaces differ at their ends.
constexpr size_t slot_of(std::string_view text) {
  const auto at = [text](size_t i) { return uint32_t{static_cast<unsigned char>(text[i])}; };
  const size_t size = text.size();
  uint32_t hash = static_cast<uint32_t>(size) * 0x9e3779b1u;
  hash = (hash ^ at(0)) * 0x85ebca6bu;
  hash = (hash ^ at(size / 2)) * 0xc2b2ae35u;
  hash = (hash ^ at(size - 1) ^ at(size - 1 - size / 8) << 8) * 0x27d4eb2fu;
  return hash >> 22;
}

constexpr auto make_table() {
  std::array<std::string_view, kSlots> table{};
  const auto insert = [&table](std::string_view text) {
    size_t slot = slot_of(text);
    while (!table[slot].empty() && table[slot] != text) slot = (slot + 1) % kSlots;
    table[slot] = text;
  };
  for (const auto text : kNamespaces) insert(text);
  for (const auto text : kNames) insert(text);
  return table;
}
constexpr auto kTable = make_table();

}  // namespace

std::string_view well_known(std::string_view text) {
  if (text.empty()) return "";
  for (size_t slot = slot_of(text); !kTable[slot].empty(); slot = (slot + 1) % kSlots) {
    if (kTable[slot] == text) return kTable[slot];
  }
  return {};
}

}  // namespace rookery::xmpp
