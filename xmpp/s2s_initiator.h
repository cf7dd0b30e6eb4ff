// The opening of a stream to another server (RFC 6120 §5, §6; XEP-0178 §3; XEP-0220 §2.1): what the peer says in, what
// is to be done out. TLS comes first in any case; then the certificate is enough, or dialback has to do.
#pragma once

#include <optional>
#include <string>

#include "xmpp/dialback.h"
#include "xmpp/stream_parser.h"

namespace rookery::xmpp {

class S2sInitiator {
 public:
  /// What an authoritative server is to be asked instead of opening a stream for stanzas (XEP-0220 §2.1.2).
  struct Question {
    std::string id, key;
  };
  struct Options {
    Jid from, to;  ///< domains: ours, the peer's
    bool may_dialback = true;
    bool direct_tls = false;
    std::string dialback_secret;
    std::optional<Question> question;
    bool asks_for_acks = true;  ///< XEP-0198, also where dialback leaves no room to offer it
  };

  struct Step {
    enum class Kind {
      wait,       ///< sends `xml`, if there is any
      start_tls,  ///< then tls_established()
      restart,    ///< a new stream on the same connection: send the header again
      ready,      ///< sends `xml`; the stream is open for stanzas
      answered,   ///< to the question: `is_valid`
      refused,    ///< by the peer, or by us: `text` says why, for the log
    };
    Kind kind = Kind::wait;
    std::string xml = {}, text = {};
    bool is_valid = false;
  };

  explicit S2sInitiator(Options options)
      : options_(std::move(options)), state_(options_.direct_tls ? State::tls : State::opening) {}

  /// `is_verified`: the peer's certificate is trusted and speaks for Options::to.
  Step tls_established(bool is_verified);
  Step on_header(const StreamHeader& header);
  Step on_element(const Element& element);

  bool is_verified() const { return is_verified_; }
  /// The longest stanza that the peer takes (XEP-0478), as it says once we have authenticated; 0: it does not say.
  size_t most_stanza_bytes() const { return most_stanza_bytes_; }
  std::string_view method() const { return method_; }  ///< "EXTERNAL" or "dialback" once it is ready

 private:
  enum class State { opening, features, proceed, tls, external, dialback, question, ready };

  Step on_features(const Element& features);
  Step on_external(const Element& element);
  Step on_dialback(const Element& element);
  Step begin_dialback();
  Step ask();
  Step ready(bool offers_acks);
  static Step refuse(std::string text) { return {.kind = Step::Kind::refused, .text = std::move(text)}; }

  const Options options_;
  State state_;
  bool is_encrypted_ = false, is_verified_ = false, is_authenticated_ = false, offers_dialback_ = false;
  std::string stream_id_, method_;
  size_t most_stanza_bytes_ = 0;
};

}  // namespace rookery::xmpp
