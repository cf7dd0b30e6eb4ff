// Several byte strings in one value: how records are laid out before they are sealed.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rookery::client {

/// Each field as a four-byte length (little endian) and its bytes.
std::string pack(std::initializer_list<std::string_view> fields);
std::string pack(const std::vector<std::string>& fields);
/// nullopt when the lengths do not add up or there are fewer than `at_least` fields.
std::optional<std::vector<std::string>> unpack(std::string_view packed, size_t at_least = 0);

/// Numbers inside packed records are decimal text; anything else reads as 0.
int64_t number(std::string_view text);

}  // namespace rookery::client
