// The opening of a stream from another server, and for whom it may speak (RFC 6120 §5, §6; XEP-0178 §3; XEP-0220 §2.2):
// what the peer says in, what is to be done out. Nothing is taken without TLS.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "xmpp/dialback.h"
#include "xmpp/stream_parser.h"

namespace rookery::xmpp {

class S2sReceiver {
 public:
  struct Options {
    bool may_dialback = true;
    bool direct_tls = false;
    std::string dialback_secret;
    size_t stanza_bytes = 0;  ///< XEP-0478, announced once the stream is authenticated
    std::function<bool(const std::string& domain)> is_ours;
    std::function<bool(const Jid& peer)> is_welcome;  ///< [s2s] allow and deny
    std::function<bool(const Jid& peer)> has_proof;   ///< the peer's certificate is trusted and speaks for it
  };

  struct Step {
    enum class Kind {
      wait,       ///< sends `xml`, if there is any
      start_tls,  ///< sends `xml`; then tls_established()
      restart,    ///< sends `xml`; a new stream on the same connection follows
      verify,     ///< asks the server of `question.from` about it, then verified()
      enabled,    ///< XEP-0198 begins: sends `xml`; stanzas count from now on
      stanza,     ///< the element is one, or stream management: the caller's
      fail,       ///< ends the stream with `error`
    };
    Kind kind = Kind::wait;
    std::string xml = {};
    Dialback question = {};
    StreamError error = {};
  };

  explicit S2sReceiver(Options options) : options_(std::move(options)), is_encrypted_(options_.direct_tls) {}

  void tls_established();
  /// `id` is that of our own header, which the caller has sent.
  Step on_header(const StreamHeader& header, std::string id);
  Step on_element(const Element& element);
  /// The answer to Step::verify.
  Step verified(const Dialback& question, bool is_valid);

  /// May this stream carry stanzas from there to here?
  bool may_speak(std::string_view from, std::string_view to) const;
  bool is_authorised() const { return !pairs_.empty(); }
  bool has_acks() const { return has_acks_; }
  const std::set<std::pair<std::string, std::string>>& pairs() const { return pairs_; }  ///< theirs, ours
  const std::string& to() const { return to_; }  ///< of the first header, where it is ours
  std::string_view method() const { return method_; }

 private:
  enum class State { opening, open };

  Step features() const;
  Step on_auth(const Element& auth);
  Step on_dialback(const Element& element);
  Step answer_question(const Dialback& question) const;
  static Step failure(std::string_view condition);
  static Step fail(StreamCondition condition, std::string text = {}) {
    return {.kind = Step::Kind::fail, .error = {.condition = condition, .text = std::move(text), .application = {}}};
  }

  const Options options_;
  State state_ = State::opening;
  bool is_encrypted_, has_acks_ = false, was_opened_ = false, is_asking_ = false;
  std::string from_, to_;  ///< frozen at the first header (REQUIREMENTS 5)
  Jid peer_;               ///< from_, where it is a domain
  std::string id_;
  std::set<std::pair<std::string, std::string>> pairs_;
  std::string_view method_;
};

}  // namespace rookery::xmpp
