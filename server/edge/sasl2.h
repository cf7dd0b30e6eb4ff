// SASL2 (XEP-0388) on a client's stream, with what it does in the same breath: tasks (XEP-0480), tokens (XEP-0484),
// resuming (XEP-0198 §9) and binding (XEP-0386). The part of a ClientStream that lives from <authenticate/> to
// <success/>.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/clients.h"
#include "server/home/attach.h"
#include "xmpp/sasl/sasl2.h"
#include "xmpp/sasl/sasl_server.h"

namespace rookery::server {

class ClientStream;

class Sasl2 {
 public:
  explicit Sasl2(ClientStream& stream) : stream_(stream) {}

  /// `<authentication/>` for the stream's features; empty where there is nothing to offer.
  static std::string offer(const ClientStream& stream);

  /// <authenticate/>, <response/>, <abort/>, <next/>, <task-data/>, each in its turn; anything else ends the stream.
  void on_element(const xmpp::Element& element);

 private:
  enum class Stage { fresh, mechanism, task_offered, task_running, finishing };

  void start(const xmpp::Element& authenticate);
  void start_token(std::string_view message);
  void check_token(const FastRequest& asked);
  void token_checked(Result<FastLogin> login);
  void on_step(xmpp::SaslStep step);
  void look_up_credentials();
  void check_credentials(const xmpp::Jid& account);
  void fail_for_now();
  void mechanism_done(std::string data);
  bool next_task();
  void on_next(const xmpp::Element& next);
  void on_task_data(const xmpp::Element& task_data);
  void store_upgrade(crypto::ScramKeys keys);
  void record_login();
  void logged_in(LoginRecord record);
  void finish();
  void resumed(const ResumeOutcome& outcome);
  void bind();
  void bound(const BindOutcome& outcome);
  void succeed(std::string_view identity, const std::string& more, bool with_features);
  std::string token_element() const;
  std::string resource() const;
  void refuse(xmpp::SaslError error, std::string_view condition = {});
  xmpp::FastPolicy policy() const;
  xmpp::SaslOptions options() const;

  ClientStream& stream_;
  Stage stage_ = Stage::fresh;
  xmpp::Sasl2Request request_;
  std::unique_ptr<xmpp::SaslServer> mechanism_;
  xmpp::Jid account_;
  std::vector<crypto::Hash> lacking_;  ///< hashes without keys: they can be added (XEP-0480)
  std::vector<crypto::Hash> tasks_;    ///< still to be done, in the order asked for
  crypto::ScramKeys upgrade_;          ///< salt and iterations of the running task
  std::string last_word_;              ///< of the mechanism, until it is sent
  LoginRecord record_;
  std::string resume_failed_;
};

}  // namespace rookery::server
