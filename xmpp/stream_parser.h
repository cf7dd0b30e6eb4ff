// Bytes in, stream events out: the one XML front end for every transport (REQUIREMENTS 2, 6, 7).
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "xmpp/element.h"
#include "xmpp/errors.h"

namespace rookery::xmpp {

/// `<stream:stream …>`; values are as sent, unchecked.
struct StreamHeader {
  std::string to, from, id, version, lang;
  std::string content_ns;  ///< the default namespace declared: ns::client or ns::server
};
struct StreamEnd {};
using StreamEvent = std::variant<StreamHeader, ElementPtr, StreamEnd, StreamError>;

struct ParserLimits {
  size_t stanza_bytes = 256 * 1024;  ///< one first-level element as sent; also the stream header
  uint32_t elements = 4096;          ///< nodes in one stanza
  uint32_t attributes = 64;          ///< of one element
  uint32_t depth = 32;               ///< the stanza itself is depth 1

  /// Before authentication: REQUIREMENTS 2.
  static ParserLimits unauthenticated() { return {8 * 1024, 32, 64, 8}; }
  /// Of what we have written ourselves: escaped, and with what we have added, it may be longer than what was received.
  static ParserLimits own() { return {64 * 1024 * 1024, 1 << 20, 256, 64}; }
};

/// Parses one XML stream. Strict UTF-8 and XML 1.0 Char are checked before expat sees a byte; DTD, entity references
/// other than the five, processing instructions, comments and CDATA-free rules follow RFC 6120 §11.1 (restricted-xml).
/// After a StreamError event nothing more is parsed. A complete stanza is reported as soon as its last byte is fed.
/// Holds no expat parser and no buffers while between stanzas: an idle parser costs under 200 bytes.
class StreamParser {
 public:
  explicit StreamParser(ParserLimits limits = {});
  ~StreamParser();
  StreamParser(StreamParser&&) noexcept;
  StreamParser& operator=(StreamParser&&) noexcept;

  void set_limits(ParserLimits limits);
  /// Feeds what the socket gave (any size, may split anywhere); then take the events.
  void feed(std::string_view bytes);
  std::optional<StreamEvent> next();
  /// Are there unfetched events or an unfinished stanza? REQUIREMENTS 3: must be false when <proceed/> is sent.
  bool has_pending() const;
  /// Are we inside a stanza (bytes of an unfinished one were fed)? White space between stanzas does not count.
  bool mid_stanza() const;
  /// Forgets everything: the next byte starts a new stream (after STARTTLS or SASL).
  void reset();

 private:
  struct State;
  friend std::expected<ElementPtr, StreamError> parse_document(std::string_view, ParserLimits, std::string_view);
  std::unique_ptr<State> state_;
};

/// A whole document in one piece: WebSocket frames (RFC 7395), stored blobs. Same checks and limits.
std::expected<ElementPtr, StreamError> parse_document(std::string_view xml, ParserLimits limits = {},
                                                      std::string_view default_ns = {});

}  // namespace rookery::xmpp
