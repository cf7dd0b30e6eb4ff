#include "xmpp/stream_framer.h"

#include <algorithm>
#include <array>

namespace rookery::xmpp {
namespace {

constexpr std::string_view kCdata = "CDATA[";  // behind "<!["

/// What matters inside a tag.
constexpr auto kTagMarks = [] {
  std::array<bool, 256> marks{};
  marks['<'] = marks['>'] = marks['"'] = marks['\''] = true;
  return marks;
}();

bool is_space(char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; }

size_t find(std::string_view buffer, char c, size_t from) { return std::min(buffer.find(c, from), buffer.size()); }

}  // namespace

StreamFramer::Cut StreamFramer::scan(std::string_view buffer, Limits limits) {
  Cut cut{begin_, begin_, Found::nothing, std::nullopt};
  while (at_ < buffer.size()) {
    const bool nothing_to_parse = in_gap() && cut.complete == cut.begin;
    const auto result = step(buffer, limits);
    // White space between stanzas need not reach the parser.
    if (nothing_to_parse) cut.begin = cut.complete = begin_ = in_gap() ? at_ : static_cast<size_t>(first_level_start_);
    if (!result) {
      cut.fault = too_large(limits.bytes) ? StreamCondition::policy_violation : result.error();
      return cut;
    }
    if (*result == Step::go_on) continue;
    if (too_large(limits.bytes)) break;
    cut.complete = at_;
    cut.found = token_ended(buffer[at_ - 2] == '/');
    if (cut.found != Found::nothing) return cut;
  }
  if (too_large(limits.bytes)) cut.fault = StreamCondition::policy_violation;
  return cut;
}

bool StreamFramer::too_large(size_t limit_bytes) const {
  return state_ != State::gap && static_cast<int64_t>(at_) - first_level_start_ > static_cast<int64_t>(limit_bytes);
}

void StreamFramer::parsed(const Cut& cut) { begin_ = in_gap() ? at_ : cut.complete; }

size_t StreamFramer::consume() {
  const size_t consumed = begin_;
  at_ -= consumed;
  first_level_start_ -= static_cast<int64_t>(consumed);
  begin_ = 0;
  return consumed;
}

StreamFramer::Found StreamFramer::token_ended(bool self_closing) {
  const State ended = state_;
  state_ = State::gap;
  if (ended == State::declaration) {
    declared_ = true;
    return Found::declaration;
  }
  if (!root_open_) {
    root_open_ = true;
    return Found::header;
  }
  if (ended == State::end_tag && depth_ == 0) return Found::end;
  if (ended == State::end_tag)
    --depth_;
  else if (ended == State::start_tag && !self_closing)
    ++depth_;
  if (depth_ > 0)
    state_ = State::text;
  else if (document_)
    document_done_ = true;
  return Found::nothing;
}

std::expected<StreamFramer::Step, StreamCondition> StreamFramer::step(std::string_view buffer, const Limits& limits) {
  switch (state_) {
    case State::gap:
      while (at_ < buffer.size() && is_space(buffer[at_])) ++at_;
      if (at_ == buffer.size()) return Step::go_on;
      // Text between stanzas is well-formed, but no stream; outside of the root it is not even that.
      if (buffer[at_] != '<') {
        return std::unexpected(root_open_ && !document_ ? StreamCondition::bad_format
                                                        : StreamCondition::not_well_formed);
      }
      first_level_start_ = static_cast<int64_t>(at_++);
      state_ = State::markup;
      return Step::go_on;
    case State::text:
      at_ = find(buffer, '<', at_);
      if (at_ == buffer.size()) return Step::go_on;
      ++at_;
      state_ = State::markup;
      return Step::go_on;
    case State::markup:
    case State::bang:
      return step_markup(buffer[at_]);
    case State::cdata:
      if (matched_ < kCdata.size()) {
        if (buffer[at_] != kCdata[matched_]) return std::unexpected(StreamCondition::not_well_formed);
        ++matched_, ++at_;
        return Step::go_on;
      }
      at_ = find(buffer, '>', at_);
      if (at_ == buffer.size()) return Step::go_on;
      ++at_;
      return buffer.substr(at_ - 3, 2) == "]]" ? Step::token_ended : Step::go_on;
    case State::declaration:
      if (buffer[at_] == '<') return std::unexpected(StreamCondition::not_well_formed);
      ++at_;
      if (buffer[at_ - 1] != '>' || buffer[at_ - 2] != '?') return Step::go_on;
      return Step::token_ended;
    case State::start_tag:
    case State::quoted:
    case State::end_tag:
      return step_tag(buffer, limits.attributes);
  }
  return Step::go_on;
}

/// RFC 6120 §11.1: no comments, processing instructions, DTDs.
std::expected<StreamFramer::Step, StreamCondition> StreamFramer::step_markup(char c) {
  if (state_ == State::bang) {
    if (c == '-' || c == 'D') return std::unexpected(StreamCondition::restricted_xml);
    if (c != '[' || !root_open_) return std::unexpected(StreamCondition::not_well_formed);
    if (depth_ == 0) return std::unexpected(document_ ? StreamCondition::not_well_formed : StreamCondition::bad_format);
    state_ = State::cdata;
    matched_ = 0;
    ++at_;
    return Step::go_on;
  }
  if (c == '!') {
    state_ = State::bang;
    ++at_;
    return Step::go_on;
  }
  if (c == '?') {
    const bool at_the_start = !declared_ && depth_ == 0 && (document_ ? !document_done_ : !root_open_);
    if (!at_the_start) return std::unexpected(StreamCondition::restricted_xml);
    state_ = State::declaration;
    ++at_;
    return Step::go_on;
  }
  const bool closing = c == '/';
  if (document_done_ || (closing && depth_ == 0 && (document_ || !root_open_))) {
    return std::unexpected(StreamCondition::not_well_formed);
  }
  state_ = closing ? State::end_tag : State::start_tag;
  attributes_ = 0;
  if (closing) ++at_;
  return Step::go_on;
}

std::expected<StreamFramer::Step, StreamCondition> StreamFramer::step_tag(std::string_view buffer,
                                                                          uint32_t most_attributes) {
  const char* at = buffer.data() + at_;
  const char* const end = buffer.data() + buffer.size();
  for (; at != end; ++at) {
    const char c = *at;
    if (!kTagMarks[static_cast<uint8_t>(c)]) continue;
    const size_t offset = static_cast<size_t>(at - buffer.data());
    // XML 1.0 §3.1: neither a tag nor an attribute's value contains a '<'.
    if (c == '<') {
      at_ = offset;
      return std::unexpected(StreamCondition::not_well_formed);
    }
    if (state_ == State::quoted) {
      if (c == quote_) state_ = State::start_tag;
      continue;
    }
    if (c == '>') {
      at_ = offset + 1;
      return Step::token_ended;
    }
    if (state_ == State::end_tag) continue;
    if (++attributes_ > most_attributes) {
      at_ = offset;
      return std::unexpected(StreamCondition::policy_violation);
    }
    quote_ = c;
    state_ = State::quoted;
  }
  at_ = buffer.size();
  return Step::go_on;
}

}  // namespace rookery::xmpp
