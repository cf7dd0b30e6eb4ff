#include "client/cli/options.h"

#include <termios.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>

namespace rookery::cli {

namespace {

constexpr const char* footer =
    R"(Without a command rook-cli reads lines: text commands from a person or a pipe, JSON with --json.
/help lists them. At the end of its input it waits until the server has every message, then quits.

The password comes from --password-file, from ROOK_PASSWORD, or is asked for. The local database is encrypted with a key
from the desktop's keyring, a passphrase (--passphrase-file or ROOK_PASSPHRASE), or a key file beside it.

Example, with a server in development that made its own certificate:
  rook-cli --account romeo@localhost --password-file romeo.pw --host 127.0.0.1 --port 5222 --ca cert.pem \
    send juliet@localhost 'But soft!')";

void add_commands(CLI::App& app, Options& options) {
  auto* send = app.add_subcommand("send", "Send one message and wait until the server has it");
  send->add_option("jid", options.peer, "to whom")->required();
  send->add_option("text", options.text, "the message")->required();
  send->add_flag("--plain", options.plain, "not encrypted, even if the contact could read encrypted messages");
  send->callback([&options] { options.action = Action::send; });
  auto* send_file = app.add_subcommand(
      "send-file", "Send a file, encrypted like a message, and wait until it has arrived at the server");
  send_file->add_option("jid", options.peer, "to whom")->required();
  send_file->add_option("path", options.file, "the file")->required()->check(CLI::ExistingFile);
  send_file->add_flag("--plain", options.plain, "not encrypted: the server can read it");
  send_file->callback([&options] { options.action = Action::send_file; });
  auto* download = app.add_subcommand("download", "Save the last file that a contact sent");
  download->add_option("jid", options.peer, "from whom")->required();
  download->add_option("number", options.limit, "1 is the last file (the default), 2 the one before it")
      ->check(CLI::PositiveNumber);
  download->callback([&options, download] {
    options.action = Action::download;
    if (download->count("number") == 0) options.limit = 1;
  });
  app.add_subcommand("listen", "Show what comes in, until interrupted")->callback([&options] {
    options.action = Action::listen;
  });
  auto* history = app.add_subcommand("history", "Show a conversation from the local database, without connecting");
  history->add_option("jid", options.peer, "with whom")->required();
  history->add_option("count", options.limit, "how many messages (20)");
  history->callback([&options] { options.action = Action::history; });
  auto* devices = app.add_subcommand("devices", "Show the OMEMO devices of a contact, or your own");
  devices->add_option("jid", options.peer, "whose; your own if not given");
  devices->callback([&options] { options.action = Action::devices; });
  auto* verify = app.add_subcommand("verify", "Mark a device as verified, after comparing its fingerprint");
  verify->add_option("jid", options.peer, "whose")->required();
  verify->add_option("fingerprint", options.fingerprint, "the fingerprint or the device's number")->required();
  verify->callback([&options] { options.action = Action::verify; });
}

}  // namespace

bool parse_options(int argc, char** argv, Options& options, int& exit_code) {
  CLI::App app("rook-cli: a chat client for XMPP with end-to-end encryption (OMEMO)");
  app.footer(footer);
  app.set_version_flag("--version", "rook-cli 0.1.0");
  app.require_subcommand(0, 1);
  app.fallthrough();
  app.add_option("-a,--account", options.account, "your address, like romeo@example.org")->required();
  app.add_option("--password-file", options.password_file, "file whose first line is the password");
  app.add_option("--passphrase-file", options.passphrase_file, "file whose first line opens the local database");
  app.add_option("--key-store", options.key_store, "for a new database: where its key is kept")
      ->check(CLI::IsMember({"secret-service", "key-file", "passphrase"}));
  app.add_option("--host", options.host, "connect to this host instead of asking DNS");
  app.add_option("--port", options.port, "5222, or 5223 with --direct-tls");
  app.add_option("--ca", options.ca, "trust the certificates in this PEM file, besides the system's")
      ->check(CLI::ExistingFile);
  app.add_flag("--direct-tls", options.direct_tls, "TLS from the first byte instead of STARTTLS");
  app.add_option("--db", options.database, "the local database");
  app.add_option("--downloads", options.downloads, "the folder for files that are saved ($HOME/Downloads/rookery)");
  app.add_option("--file-limit", options.file_limit, "the largest file to send or to save, in MiB (100)")
      ->check(CLI::Range(1, 4096));
  app.add_option("--resource", options.resource, "name of this connection; chosen by the server if not given");
  app.add_option("--timeout", options.timeout_seconds, "seconds after which send, devices and verify give up (60)");
  app.add_flag("--json", options.json, "one JSON object a line, out and in");
  add_commands(app, options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    exit_code = app.exit(error) == 0 ? 0 : 2;
    return false;
  }
  return true;
}

Result<crypto::Secret> read_secret(const std::string& file, const char* environment) {
  if (file.empty()) {
    const char* value = std::getenv(environment);
    return crypto::Secret(value ? std::string_view(value) : std::string_view());
  }
  std::ifstream input(file);
  std::string line;
  if (!std::getline(input, line)) return fail(Failure::not_found, "cannot read " + file);
  if (!line.empty() && line.back() == '\r') line.pop_back();
  return crypto::Secret(std::move(line));
}

crypto::Secret ask_secret(const std::string& question) {
  termios before{};
  if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &before) != 0) return {};
  termios hidden = before;
  hidden.c_lflag &= ~static_cast<tcflag_t>(ECHO);
  std::cerr << question << ": " << std::flush;
  tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
  std::string line;
  std::getline(std::cin, line);
  tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
  std::cerr << '\n';
  return crypto::Secret(std::move(line));
}

Result<std::string> database_path(const Options& options) {
  if (!options.database.empty()) return options.database;
  const char* data = std::getenv("XDG_DATA_HOME");
  const char* home = std::getenv("HOME");
  if (!data && !home) return fail(Failure::invalid, "neither HOME nor XDG_DATA_HOME is set; give --db");
  const auto folder = (data ? std::filesystem::path(data) : std::filesystem::path(home) / ".local/share") / "rookery";
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return fail(Failure::io, "cannot create " + folder.string() + ": " + error.message());
  // The name comes from the account, which may hold anything a path must not.
  std::string name = options.account;
  for (char& c : name)
    if (c == '/' || c == '\0') c = '_';
  return (folder / (name + ".db")).string();
}

Result<std::string> download_folder(const Options& options) {
  if (!options.downloads.empty()) return options.downloads;
  const char* home = std::getenv("HOME");
  if (!home) return fail(Failure::invalid, "HOME is not set; give --downloads");
  return (std::filesystem::path(home) / "Downloads" / "rookery").string();
}

}  // namespace rookery::cli
