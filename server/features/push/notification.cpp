#include "server/features/push/notification.h"

#include <algorithm>
#include <cctype>

#include "xmpp/namespaces.h"
#include "xmpp/payloads/bookmarks.h"
#include "xmpp/payloads/data_form.h"
#include "xmpp/stream_parser.h"

namespace rookery::server {

namespace ns = xmpp::ns;

namespace {

bool is_word_character(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || (static_cast<unsigned char>(c) & 0x80u) != 0;
}

char lower(char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); }

/// As a word of its own; ASCII letters in either case.
bool contains_word(std::string_view text, std::string_view word) {
  if (word.empty()) return false;
  for (auto at = text.begin(); at != text.end();) {
    at = std::search(at, text.end(), word.begin(), word.end(), [](char a, char b) { return lower(a) == lower(b); });
    if (at == text.end()) return false;
    const auto end = at + static_cast<std::ptrdiff_t>(word.size());
    if ((at == text.begin() || !is_word_character(at[-1])) && (end == text.end() || !is_word_character(*end)))
      return true;
    ++at;
  }
  return false;
}

}  // namespace

ChatSettings chat_settings(const xmpp::Element& item) {
  const auto bookmark = xmpp::Bookmark::parse(item);
  ChatSettings settings{.notify = {}, .nick = bookmark.nick};
  const auto extensions = xmpp::parse_own(bookmark.extensions);
  if (!extensions) return settings;
  if (const auto* notify = (*extensions)->child("notify", ns::notification_settings)) {
    settings.notify = xmpp::notify_setting(*notify, "client", "phone");
  }
  return settings;
}

bool mentions(const xmpp::Element& message, const xmpp::Jid& account, const std::string& nick) {
  const auto from = xmpp::Jid::parse(message.attr("from"));
  std::optional<xmpp::Jid> in_room;
  if (from && !nick.empty()) {
    if (const auto full = from->bare().with_resource(nick)) in_room = *full;
  }
  for (const auto& child : message.elements()) {
    if (child.name() == "encrypted" || child.is("openpgp", ns::openpgp)) return true;
    if (child.is("reference", ns::reference)) {
      const auto uri = child.attr("uri");
      if (uri == "xmpp:" + account.text() || (in_room && uri == "xmpp:" + in_room->text())) return true;
    }
    if (child.is("reply", ns::reply) &&
        (child.attr("to") == account.text() || (in_room && child.attr("to") == in_room->text())))
      return true;
  }
  const std::string body = message.child_text("body", ns::client);
  return contains_word(body, nick.empty() ? account.local() : std::string_view(nick));
}

bool wants_notification(const ChatSettings& settings, bool is_public_room, const xmpp::Element& message,
                        const xmpp::Jid& account) {
  switch (settings.notify.value_or(is_public_room ? xmpp::Notify::on_mention : xmpp::Notify::always)) {
    case xmpp::Notify::always:
      return true;
    case xmpp::Notify::never:
      return false;
    case xmpp::Notify::on_mention:
      break;
  }
  return mentions(message, account, settings.nick);
}

xmpp::ElementPtr push_request(const PushDevices::Device& device, const xmpp::Jid& account, bool names_sender) {
  const auto& target = device.target;
  auto iq = xmpp::Element::make("iq", ns::client);
  iq->set_attr("type", "set")
      .set_attr("id", device.sent_id)
      .set_attr("from", account.text())
      .set_attr("to", target.service.text());
  auto& pubsub = iq->add("pubsub", ns::pubsub);
  auto& publish = pubsub.add("publish");
  if (!target.node.empty()) publish.set_attr("node", target.node);
  auto& notification = publish.add("item").add("notification", ns::push);
  auto form = xmpp::DataForm::make(xmpp::DataForm::Type::form, ns::push_summary);
  form.add("message-count", std::to_string(device.waiting), "text-single");
  if (device.requests > 0) form.add("pending-subscription-count", std::to_string(device.requests), "text-single");
  if (names_sender && !device.last_from.empty()) form.add("last-message-sender", device.last_from, "jid-single");
  form.add_to(notification);
  if (target.options.empty()) return iq;
  if (const auto options = xmpp::parse_own(target.options)) pubsub.add("publish-options").add_copy(**options);
  return iq;
}

}  // namespace rookery::server
