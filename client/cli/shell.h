// Runs a client in the terminal or in a pipe: the poll loop, the commands, the one-shot subcommands.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "client/cli/command.h"
#include "client/cli/options.h"
#include "client/core/client.h"

namespace rookery::cli {

class Shell {
 public:
  explicit Shell(const Options& options) : options_(options) {}
  /// `secret` objects are taken from the options' sources. Returns the program's exit code.
  int run();

 private:
  Status open();
  Status start();
  void loop();
  void on_event(const client::Event& event);
  bool wants_input() const;
  void read_input();
  void run_lines();
  void run_line(std::string_view line);
  void execute(const Command& command);
  void execute_contact(const Command& command, const xmpp::Jid& jid);
  void execute_trust(const Command& command, const xmpp::Jid& jid);
  void show_devices(const xmpp::Jid& jid);
  void show_history(const xmpp::Jid& jid, size_t limit);
  void show_presences();
  void set_presence(const std::string& text);
  void one_shot();
  void one_shot_file();
  bool is_one_shot() const;
  void give_up();
  void leave_when_done();
  void finish();  ///< when all is sent, say goodbye

  void print(const std::string& line) const;
  void complain(std::string_view text);

  const Options& options_;
  std::unique_ptr<client::LocalStore> store_;
  std::unique_ptr<client::Client> client_;
  std::optional<xmpp::Jid> current_;  ///< of /chat
  std::string input_;
  bool input_ended_ = false;
  bool started_ = false;  ///< caught up once: input may be read
  bool busy_ = false;     ///< a command waits for the server
  bool finishing_ = false;
  client::Connection::Clock::time_point finish_by_{};
  int exit_code_ = 0;
};

}  // namespace rookery::cli
