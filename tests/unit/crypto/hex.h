// Test vectors as the RFCs print them.
#pragma once

#include <string>
#include <string_view>

namespace rookery::test {

inline std::string from_hex(std::string_view text) {
  std::string raw;
  for (size_t i = 0; i + 1 < text.size(); i += 2) {
    raw += static_cast<char>(std::stoi(std::string(text.substr(i, 2)), nullptr, 16));
  }
  return raw;
}

}  // namespace rookery::test
