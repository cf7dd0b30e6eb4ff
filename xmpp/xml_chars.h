// Which bytes may be XML text at all: strict UTF-8 (RFC 3629) and the Char production of XML 1.0.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace rookery::xmpp {

enum class TextFault {
  none,
  encoding,   ///< not UTF-8: stray or missing continuation, overlong, surrogate, above U+10FFFF
  character,  ///< UTF-8, but no XML Char: a control character, U+FFFE, U+FFFF
};

struct TextCheck {
  size_t valid = 0;                   ///< bytes of the longest prefix made of whole, legal characters
  TextFault fault = TextFault::none;  ///< what follows it; none: nothing, or a character whose end is still missing
};
TextCheck check_text(std::string_view bytes);

/// Is all of it legal and complete?
bool is_legal_text(std::string_view bytes);
/// Illegal bytes and characters become U+FFFD.
std::string replace_illegal(std::string_view bytes);

}  // namespace rookery::xmpp
