// From the first stream features to a bound and resumable session (RFC 6120 §4–7, XEP-0198): elements in, steps out.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "client/core/net/sasl2_login.h"
#include "crypto/result.h"
#include "crypto/secret.h"
#include "xmpp/element.h"
#include "xmpp/jid.h"
#include "xmpp/sasl/sasl_client.h"

namespace rookery::client {

class Negotiation {
 public:
  struct Options {
    xmpp::Jid account;  ///< bare
    crypto::Secret password;
    std::string resource;  ///< asked for; empty: the server chooses
    std::string agent_id;  ///< who this installation is to the server (XEP-0388 §2.3), a UUID; empty: it is not told
  };
  /// A session to take up again.
  struct Resume {
    std::string id;
    uint32_t handled = 0;
  };
  struct Step {
    enum class Kind : uint8_t {
      wait,
      send,         ///< `xml`
      start_tls,    ///< then secured() and open a stream
      open_stream,  ///< after SASL
      resumed,      ///< online, `handled` is the server's h
      bound,        ///< online with a new session
      failed,       ///< `error`; trying again does not help when `is_final`
    };
    Kind kind = Kind::wait;
    std::string xml;
    Error error;
    bool is_final = false;
  };

  explicit Negotiation(const Options& options) : options_(options) {}

  /// For a new connection. `secure`: TLS is already there (direct TLS).
  void start(bool secure, xmpp::ChannelBindings bindings, std::optional<Resume> resume);
  void secured(xmpp::ChannelBindings bindings);
  Step on(const xmpp::Element& element);

  const xmpp::Jid& bound() const { return bound_; }
  const std::string& mechanism() const { return mechanism_; }
  const std::string& channel_binding() const { return binding_; }
  const std::string& session_id() const { return session_id_; }  ///< empty: no resumption
  bool stream_management() const { return stream_management_; }
  /// XEP-0198 §5: the server's h in <resumed/> or in <failed/>, when it knows.
  std::optional<uint32_t> server_handled() const { return server_handled_; }

 private:
  enum class State : uint8_t { features, proceed, sasl, sasl2, binding, resuming, enabling, done };
  Step on_features(const xmpp::Element& features);
  Step begin_tls(const xmpp::Element& features);
  Step begin_sasl(const xmpp::Element& features);
  Step on_sasl(const xmpp::Element& element);
  Step begin_sasl2();
  Step on_sasl2(const xmpp::Element& element);
  Step on_sasl2_success(const xmpp::Element& success);
  Step bind();
  Step on_bind_result(const xmpp::Element& iq);
  Step on_resume_answer(const xmpp::Element& element);
  Step on_enable_answer(const xmpp::Element& element);

  const Options& options_;
  State state_ = State::features;
  bool secure_ = false;
  bool authenticated_ = false;
  bool offers_sm_ = false;
  bool stream_management_ = false;
  xmpp::ChannelBindings bindings_;
  std::optional<Resume> resume_;
  std::unique_ptr<xmpp::SaslClient> sasl_;
  std::optional<Sasl2Login> sasl2_;
  std::optional<LoginToken> token_;  ///< outlives the connection
  xmpp::Jid bound_;
  std::string mechanism_, binding_, session_id_;
  std::optional<uint32_t> server_handled_;
};

}  // namespace rookery::client
