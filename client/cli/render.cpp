#include "client/cli/render.h"

#include <ctime>

#include "client/core/files/file_link.h"

namespace rookery::cli {

using namespace client;

namespace {

/// U+202A–202E and U+2066–2069 as UTF-8: they can make a line read as something else.
bool is_direction_control(std::string_view text, size_t at) {
  if (text.size() - at < 3 || text[at] != '\xe2') return false;
  const auto second = static_cast<uint8_t>(text[at + 1]);
  const auto third = static_cast<uint8_t>(text[at + 2]);
  return (second == 0x80 && third >= 0xaa && third <= 0xae) || (second == 0x81 && third >= 0xa6 && third <= 0xa9);
}

std::string escape_byte(uint8_t byte) {
  constexpr char digits[] = "0123456789abcdef";
  return {'\\', 'x', digits[byte >> 4], digits[byte & 15]};
}

std::string clock_text(xmpp::TimePoint time) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(std::chrono::floor<std::chrono::seconds>(time));
  std::tm local{};
  localtime_r(&seconds, &local);
  char text[32];
  const size_t size = std::strftime(text, sizeof text, "%F %H:%M", &local);
  return {text, size};
}

std::string lock_text(const ChatMessage& message) {
  if (message.encryption == Encryption::none) return "plain";
  if (message.outgoing) return "OMEMO";
  return message.trust == crypto::omemo::Trust::verified ? "OMEMO, verified"
                                                         : "OMEMO, " + std::string(to_string(message.trust));
}

/// XEP-0454 §6: the address of an encrypted file is never shown as one, since a browser would tell the server its key.
std::string body_text(const ChatMessage& message) {
  if (message.altered == Altered::retracted) return "(taken back)";
  const auto link = FileLink::parse(message.text);
  if (!link) return harmless(message.text);
  const std::string how = message.outgoing ? "" : "; /download " + harmless(message.peer.text()) + " saves it";
  if (link->is_encrypted()) return "(file " + harmless(link->name) + ", encrypted" + how + ")";
  return harmless(message.text) + " (file" + how + ")";
}

std::string_view subscription_text(const Contact& contact) {
  if (contact.subscription == "both") return "you see each other";
  if (contact.subscription == "to") return "you see when they are online";
  if (contact.subscription == "remove") return "removed";
  if (contact.subscription == "from") return contact.asked ? "sees you, asked to see them" : "sees when you are online";
  return contact.asked ? "asked to see them" : "sees nothing of you, nor you of them";
}

struct Lines {
  std::string operator()(const event::Online& e) const {
    std::string text = e.resumed ? "* online again as " : "* online as ";
    text += harmless(e.jid.text()) + " (" + e.mechanism;
    return text + (e.channel_binding.empty() ? ")" : ", bound to TLS by " + e.channel_binding + ")");
  }
  std::string operator()(const event::Offline& e) const {
    std::string text = "* offline: " + harmless(e.error.message);
    if (e.retry_in) text += "; next try in " + std::to_string((e.retry_in->count() + 999) / 1000) + " s";
    return text;
  }
  std::string operator()(const event::CaughtUp& e) const {
    return e.messages ? "* " + std::to_string(e.messages) + " messages came while you were away" : std::string();
  }
  std::string operator()(const event::MessageAdded& e) const {
    // Our own appear when they are sent: only then it is known whether they are encrypted.
    return e.via == event::Via::own ? std::string() : to_line(e.message);
  }
  std::string operator()(const event::MessageChanged& e) const {
    if (e.message.state == MessageState::sent) return to_line(e.message);
    if (e.message.state == MessageState::failed)
      return "! to " + harmless(e.message.peer.text()) + ": " + harmless(e.message.problem);
    return {};
  }
  std::string operator()(const event::MessageAltered& e) const { return to_line(e.message); }
  std::string operator()(const event::FileSaved& e) const {
    return "* saved " + harmless(e.path) + " (" + std::to_string(e.bytes) + " bytes) from " + harmless(e.peer.text());
  }
  std::string operator()(const event::FileFailed& e) const {
    return "! the file " + harmless(e.name) + " (" + harmless(e.peer.text()) + "): " + harmless(e.reason);
  }
  std::string operator()(const event::RosterChanged& e) const { return "* roster: " + to_line(e.contact); }
  std::string operator()(const event::PresenceChanged& e) const {
    std::string text = "* " + harmless(e.from.text()) + (e.available ? " is online" : " is offline");
    if (!e.show.empty()) text += " (" + harmless(e.show) + ")";
    return e.status.empty() ? text : text + ": " + harmless(e.status);
  }
  std::string operator()(const event::SubscriptionRequest& e) const {
    const std::string jid = harmless(e.from.text());
    return "* " + jid + " wants to see when you are online: /accept " + jid;
  }
  std::string operator()(const event::DevicesChanged&) const { return {}; }
  std::string operator()(const event::UndecidedDevice& e) const {
    const std::string jid = harmless(e.device.owner.text());
    return "! " + jid + " has a new device that gets nothing until you decide: /trust " + jid + " " +
           e.device.fingerprint + " or /distrust";
  }
  std::string operator()(const event::Notice& e) const { return "! " + harmless(e.text); }
};

}  // namespace

std::string harmless(std::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size(); ++at) {
    const auto byte = static_cast<uint8_t>(text[at]);
    if (byte == '\n') {
      out += "\n    ";
    } else if (byte == '\t') {
      out += ' ';
    } else if (byte < 0x20 || byte == 0x7f) {
      out += escape_byte(byte);
    } else if (byte == 0xc2 && at + 1 < text.size() && static_cast<uint8_t>(text[at + 1]) < 0xa0) {
      // U+0080–009F: some terminals take U+009B for ESC [.
      out += escape_byte(static_cast<uint8_t>(text[++at]));
    } else if (is_direction_control(text, at)) {
      at += 2;
      out += "\\u";
    } else {
      out += text[at];
    }
  }
  return out;
}

std::string to_line(const Event& event) { return std::visit(Lines{}, event); }

std::string to_line(const ChatMessage& message) {
  std::string text = clock_text(message.time) + (message.outgoing ? " -> " : " <- ");
  text += harmless(message.peer.text()) + " [";
  text += message.state == MessageState::pending ? "waiting" : lock_text(message);
  text += "] " + body_text(message);
  if (message.altered == Altered::corrected) text += " (corrected)";
  if (!message.problem.empty()) text += " {" + harmless(message.problem) + "}";
  return text;
}

std::string to_line(const DeviceInfo& device) {
  std::string text = harmless(device.owner.text()) + " device " + std::to_string(device.device);
  text += device.own ? " (this one)" : " " + std::string(to_string(device.trust));
  if (!device.legacy && !device.v2) text += ", no longer listed";
  return text + "\n    " + (device.fingerprint.empty() ? "no key known yet" : device.fingerprint);
}

std::string to_line(const Contact& contact) {
  std::string text = harmless(contact.jid.text());
  if (!contact.name.empty()) text += " \"" + harmless(contact.name) + "\"";
  return text + ": " + std::string(subscription_text(contact));
}

}  // namespace rookery::cli
