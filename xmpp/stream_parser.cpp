#include "xmpp/stream_parser.h"

#include <utility>

#include "crypto/result.h"
#include "xmpp/expat_session.h"
#include "xmpp/stream_framer.h"
#include "xmpp/xml_chars.h"

namespace rookery::xmpp {
namespace {

using Found = StreamFramer::Found;

/// The start tag of the root: one of the usual ones, or its own copy.
class RootTag {
 public:
  RootTag() = default;
  explicit RootTag(std::string tag) : usual_(usual_root_tag(tag)) {
    if (!usual_) own_ = std::make_unique<std::string>(std::move(tag));
  }
  const std::string& get() const { return usual_ ? *usual_ : *own_; }

 private:
  const std::string* usual_ = nullptr;
  std::unique_ptr<std::string> own_;
};

const char* explain(StreamCondition condition) {
  switch (condition) {
    case StreamCondition::restricted_xml:
      return "comments, processing instructions and DTDs are not allowed";
    case StreamCondition::policy_violation:
      return "the stanza or one of its tags is too large";
    case StreamCondition::bad_format:
      return "text between stanzas";
    default:
      return "";
  }
}

}  // namespace

/// Between stanzas this is all there is: no expat, no buffer (REQUIREMENTS 2).
struct StreamParser::State {
  explicit State(ParserLimits parser_limits) : limits(parser_limits) {}
  /// For documents.
  State(ParserLimits parser_limits, RootTag root) : limits(parser_limits), framer(true), root_tag(std::move(root)) {}

  void feed(std::string_view bytes);
  void run(std::string_view legal);
  void handle(const StreamFramer::Cut& cut, std::string_view tokens);
  void open_stream(std::string_view tag);
  void fail(StreamError error);
  void finish();

  ParserLimits limits;
  StreamFramer framer;
  bool over = false;  ///< ended or failed: nothing more is parsed
  bool end_pending = false;
  uint8_t cut_off = 0;  ///< bytes of an unfinished character at the end of `pending`
  std::string pending;  ///< bytes of a token or character that is not complete
  RootTag root_tag;
  StanzaQueue stanzas;
  std::unique_ptr<ExpatSession> session;  ///< borrowed while a stanza is open
  std::unique_ptr<StreamHeader> header;
  std::unique_ptr<StreamError> error;
};

void StreamParser::State::feed(std::string_view bytes) {
  if (over || bytes.empty()) return;
  const bool buffered = !pending.empty();
  const size_t known = pending.size() - cut_off;
  if (buffered) pending.append(bytes);
  const std::string_view all = buffered ? std::string_view(pending) : bytes;

  const TextCheck check = check_text(all.substr(known));
  const size_t legal = known + check.valid;
  run(all.substr(0, legal));
  if (over) return;
  if (check.fault == TextFault::encoding) return fail({StreamCondition::unsupported_encoding, "not UTF-8"});
  if (check.fault == TextFault::character) return fail({StreamCondition::not_well_formed, "not an XML character"});

  // RFC 3629: a character cut off has at most three bytes.
  cut_off = static_cast<uint8_t>(all.size() - legal);
  const size_t consumed = framer.consume();
  if (!buffered)
    pending.assign(all.substr(consumed));
  else if (consumed < pending.size())
    pending.erase(0, consumed);
  else
    std::string().swap(pending);
  if (session && framer.depth() == 0) ExpatSession::give_back(std::move(session));
}

void StreamParser::State::run(std::string_view legal) {
  while (!over) {
    const auto cut = framer.scan(legal, {.bytes = limits.stanza_bytes, .attributes = 2 * limits.attributes});
    if (cut.complete > cut.begin) handle(cut, legal.substr(cut.begin, cut.complete - cut.begin));
    if (over) return;
    if (cut.fault) return fail({*cut.fault, explain(*cut.fault)});
    framer.parsed(cut);
    if (cut.found == Found::nothing) return;
  }
}

void StreamParser::State::handle(const StreamFramer::Cut& cut, std::string_view tokens) {
  if (cut.found == Found::declaration) {
    if (auto wrong = check_declaration(tokens)) fail(std::move(*wrong));
    return;
  }
  if (cut.found == Found::header) return open_stream(tokens);
  if (!session) session = ExpatSession::borrow(root_tag.get());
  if (auto wrong = session->feed(tokens, limits, stanzas)) return fail(std::move(*wrong));
  if (cut.found != Found::end) {
    // Framer and parser must never see different stanzas; that they cannot is what the fuzzer tries to disprove.
    if (session->depth() != framer.depth()) fail({StreamCondition::not_well_formed, "unfinished markup"});
    return;
  }
  end_pending = true;
  finish();
}

void StreamParser::State::open_stream(std::string_view tag) {
  session = std::make_unique<ExpatSession>();
  auto opened = session->feed_header(tag, limits);
  if (!opened) return fail(std::move(opened.error()));
  header = std::make_unique<StreamHeader>(std::move(opened->values));
  root_tag = RootTag(std::move(opened->root_tag));
  if (!opened->closed) return;
  end_pending = true;
  finish();
}

void StreamParser::State::fail(StreamError reason) {
  error = std::make_unique<StreamError>(std::move(reason));
  finish();
}

void StreamParser::State::finish() {
  over = true;
  session.reset();  // not for the pool: it failed or left its root
  std::string().swap(pending);
}

StreamParser::StreamParser(ParserLimits limits) : state_(std::make_unique<State>(limits)) {}
StreamParser::~StreamParser() = default;
StreamParser::StreamParser(StreamParser&&) noexcept = default;
StreamParser& StreamParser::operator=(StreamParser&&) noexcept = default;

void StreamParser::set_limits(ParserLimits limits) { state_->limits = limits; }
void StreamParser::feed(std::string_view bytes) { state_->feed(bytes); }

std::optional<StreamEvent> StreamParser::next() {
  State& state = *state_;
  if (state.header) return StreamEvent(std::move(*std::exchange(state.header, nullptr)));
  if (!state.stanzas.empty()) return StreamEvent(state.stanzas.pop());
  if (std::exchange(state.end_pending, false)) return StreamEvent(StreamEnd{});
  if (state.error) return StreamEvent(std::move(*std::exchange(state.error, nullptr)));
  return std::nullopt;
}

bool StreamParser::has_pending() const {
  return state_->header || !state_->stanzas.empty() || state_->end_pending || state_->error || mid_stanza();
}

bool StreamParser::mid_stanza() const {
  return !state_->over && (!state_->framer.in_gap() || !state_->pending.empty());
}

void StreamParser::reset() { state_ = std::make_unique<State>(state_->limits); }

std::expected<ElementPtr, StreamError> parse_document(std::string_view xml, ParserLimits limits,
                                                      std::string_view default_ns) {
  StreamParser::State state(limits, RootTag(document_root_tag(default_ns)));
  state.feed(xml);
  if (state.error) return std::unexpected(std::move(*state.error));
  if (!state.pending.empty() || state.stanzas.empty()) {
    return std::unexpected(StreamError{StreamCondition::not_well_formed, "the document is not complete"});
  }
  return state.stanzas.pop();
}

std::expected<ElementPtr, StreamError> parse_own(std::string_view xml, std::string_view default_ns) {
  return parse_document(xml, ParserLimits::own(), default_ns);
}

}  // namespace rookery::xmpp
