// Finds where tags and stanzas end, so that expat only ever gets whole tokens. Internal to the stream parser.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string_view>

#include "xmpp/errors.h"

namespace rookery::xmpp {

/// Follows the outline of XML: tags, quotes, CDATA. Knowing it has three uses: a stanza is handed on with its last byte
/// (expat 2.5 with Debian's patches may hold back a token that came in pieces), no token is ever scanned twice by expat
/// (CVE-2023-52425), and what RFC 6120 §11.1 restricts is refused at its second or third byte. Whether names match and
/// attributes are right is left to expat, which sees every byte before anything is built.
class StreamFramer {
 public:
  enum class Found { nothing, declaration, header, end };
  struct Cut {
    size_t begin = 0;              ///< of what was not given to the parser before
    size_t complete = 0;           ///< up to here there are whole tokens
    Found found = Found::nothing;  ///< what the whole tokens are; nothing: any number of stanzas and parts of them
    std::optional<StreamCondition> fault;  ///< what is wrong behind `complete`
  };

  /// A document is a single first-level element and has no header.
  explicit StreamFramer(bool document = false) : root_open_(document), document_(document) {}

  struct Limits {
    size_t bytes = 0;         ///< of a stanza
    uint32_t attributes = 0;  ///< of a tag, declarations of namespaces too; so many could be expanded by expat at once
  };
  /// Goes on where it stopped; `buffer` is the earlier one, less what was consumed(), plus what came since.
  Cut scan(std::string_view buffer, Limits limits);
  /// The cut was parsed.
  void parsed(const Cut& cut);
  /// So many bytes of the buffer are not needed any more; afterwards offsets count from there.
  size_t consume();

  size_t depth() const { return depth_; }  ///< open elements of the current stanza
  /// Is nothing begun, neither a stanza nor the header?
  bool in_gap() const { return state_ == State::gap; }

 private:
  enum class State : uint8_t { gap, text, markup, bang, start_tag, quoted, end_tag, cdata, declaration };
  enum class Step { go_on, token_ended };

  /// One step from at_: to the next change of state or to the end of the buffer.
  std::expected<Step, StreamCondition> step(std::string_view buffer, const Limits& limits);
  std::expected<Step, StreamCondition> step_markup(char c);
  std::expected<Step, StreamCondition> step_tag(std::string_view buffer, uint32_t most_attributes);
  Found token_ended(bool self_closing);
  bool too_large(size_t limit_bytes) const;

  size_t at_ = 0;
  size_t begin_ = 0;
  int64_t first_level_start_ = 0;  ///< may lie before the buffer
  uint32_t depth_ = 0;
  uint32_t attributes_ = 0;  ///< of the tag so far
  State state_ = State::gap;
  char quote_ = 0;
  uint8_t matched_ = 0;  ///< characters of "CDATA["
  bool root_open_ = false;
  bool document_ = false;
  bool document_done_ = false;
  bool declared_ = false;
};

}  // namespace rookery::xmpp
