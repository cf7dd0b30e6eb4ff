// One account's client without a user interface: call its methods, listen to its events, run process() in a poll loop.
#pragma once

#include <filesystem>
#include <memory>

#include "client/core/files/file_sharing.h"
#include "client/core/inbox.h"

namespace rookery::client {

struct ClientOptions {
  xmpp::Jid account;  ///< bare
  crypto::Secret password;
  std::string resource;
  Endpoint endpoint;
  DownloadOptions downloads;
};

/// Deterministic on one thread: nothing happens outside of its methods.
class Client : private ConnectionObserver {
 public:
  /// `store` must outlive the client and belong to this account alone.
  static Result<std::unique_ptr<Client>> create(ClientOptions options, LocalStore& store, EventSink events);

  void connect() { connection_.connect(); }
  void disconnect() { connection_.disconnect(); }
  void interrupt() { connection_.interrupt(); }
  bool online() const { return connection_.online(); }
  bool stopped() const { return connection_.stopped(); }
  bool outbox_empty() const { return outbox_.empty() && !files_.busy(); }
  /// The server has answered everything and has every message: a good moment to leave.
  bool idle() const { return outbox_empty() && connection_.idle(); }
  bool caught_up() const { return caught_up_; }
  const xmpp::Jid& account() const { return connection_.account(); }

  /// Encrypted when the contact has OMEMO devices, unless `plain`. It is on disk when this returns.
  Result<ChatMessage> send(const xmpp::Jid& to, std::string_view text, bool plain = false);
  /// Puts `text` in place of the last message to `to`, or takes that message back when there is none.
  Result<ChatMessage> alter_last(const xmpp::Jid& to, const std::optional<std::string>& text);
  Status send_file(const xmpp::Jid& to, const std::filesystem::path& file, bool plain = false);
  /// The newest file that came from `from`, or the one before it with `number` 2, and so on.
  Status fetch_file(const xmpp::Jid& from, size_t number = 1);
  Result<std::vector<ChatMessage>> history(const xmpp::Jid& peer, size_t limit) const;

  Roster& roster() { return roster_; }
  void set_presence(std::string_view show, std::string_view status);
  /// What is known now; refresh_devices() asks the server first.
  std::vector<DeviceInfo> devices(const xmpp::Jid& jid) const { return omemo_.devices(jid); }
  void refresh_devices(const xmpp::Jid& jid, std::function<void(Status)> done);
  DeviceInfo own_device() const { return omemo_.own_device(); }
  Status set_trust(const xmpp::Jid& jid, std::string_view which, crypto::omemo::Trust trust) {
    return omemo_.set_trust(jid, which, trust);
  }

  // For the poll loop: watch fd() for reading, and for writing when wants_write(); call process() when it is ready or
  // next_deadline() has come.
  int fd() const { return connection_.fd(); }
  bool wants_write() const { return connection_.wants_write(); }
  Connection::Clock::time_point next_deadline() const { return connection_.next_deadline(); }
  /// As poll() on `watched`, and until something happens to a file on its way.
  int wait(std::span<pollfd> watched, std::chrono::milliseconds timeout) const { return http_.wait(watched, timeout); }
  void process() {
    connection_.process();
    http_.process();
  }

 private:
  Client(ClientOptions options, LocalStore& store, EventSink events);
  Status load();
  Result<std::string> load_agent_id();
  void on_online(bool resumed) override;
  void on_offline(const Error& error, std::optional<std::chrono::milliseconds> retry_in) override;
  void on_stanza(const xmpp::Element& stanza) override;
  void on_acknowledged(int64_t message) override { outbox_.on_acknowledged(message); }
  Status dispatch(const origin::Checked& checked);
  void answer(const origin::Request& request);
  /// Learns what the server does for our account, before anything else can arrive.
  void discover(std::function<void()> done);
  void enable_carbons();
  void catch_up();
  void send_presence();

  EventSink events_;
  Connection connection_;
  LocalStore& store_;
  MessageStore messages_;
  Omemo omemo_;
  Roster roster_;
  ArchiveSync archive_;
  Outbox outbox_;
  Inbox inbox_;
  Http http_;
  FileSharing files_;
  std::string show_, status_;
  bool caught_up_ = false;
};

}  // namespace rookery::client
