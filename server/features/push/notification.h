// What an app server is told (XEP-0357 §7), and whether the user's settings want it told (XEP-0492): pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "server/home/push_devices.h"
#include "xmpp/element.h"
#include "xmpp/payloads/notification_settings.h"

namespace rookery::server {

/// What the owner of an account has said of one chat: its item of XEP-0402.
struct ChatSettings {
  std::optional<xmpp::Notify> notify;
  std::string nick;  ///< the owner's in that room; empty: not known
};
/// `item`: the payload `<conference/>`, for the phone that a push goes to.
ChatSettings chat_settings(const xmpp::Element& item);

/// Does the message call for its reader: by nick, by reference (XEP-0372), or as a reply to what it said (XEP-0461)?
/// What is encrypted may, so it does.
bool mentions(const xmpp::Element& message, const xmpp::Jid& account, const std::string& nick);

/// XEP-0492 §3: without a setting "always" holds for direct chats and private rooms, "on-mention" for public ones.
bool wants_notification(const ChatSettings& settings, bool is_public_room, const xmpp::Element& message,
                        const xmpp::Jid& account);

/// The publish request, with a summary and never a body. `names_sender`: says who wrote last.
xmpp::ElementPtr push_request(const PushDevices::Device& device, const xmpp::Jid& account, bool names_sender);

}  // namespace rookery::server
