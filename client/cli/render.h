// Events as lines: for people, or as JSON for programs.
#pragma once

#include <string>
#include <string_view>

#include "client/core/event.h"

namespace rookery::cli {

/// Makes text from the network harmless for a terminal: control characters, and those that turn the direction of
/// writing, become visible escapes.
std::string harmless(std::string_view text);

/// One or more lines without the last line feed; empty when there is nothing worth showing.
std::string to_line(const client::Event& event);
std::string to_line(const client::ChatMessage& message);
std::string to_line(const client::DeviceInfo& device);
std::string to_line(const client::Contact& contact);

/// One line of JSON with an "event" member.
std::string to_json(const client::Event& event);
std::string to_json(const client::ChatMessage& message, std::string_view event);
std::string to_json(const client::DeviceInfo& device);
std::string to_json(const client::Contact& contact);
std::string json_error(std::string_view text);
/// `{"event":"<name>","<key>":"<value>"}`
std::string json_object(std::string_view event,
                        std::initializer_list<std::pair<std::string_view, std::string>> members);

}  // namespace rookery::cli
