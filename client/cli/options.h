// What stands on rook-cli's command line.
#pragma once

#include <cstdint>
#include <string>

#include "crypto/result.h"
#include "crypto/secret.h"

namespace rookery::cli {

enum class Action { interactive, send, send_file, download, listen, history, devices, verify };

struct Options {
  std::string account;
  std::string password_file, passphrase_file, key_store;
  std::string host, ca, database, resource, downloads;
  uint16_t port = 0;
  bool direct_tls = false, json = false;
  Action action = Action::interactive;
  std::string peer, text, file, fingerprint;
  bool plain = false;
  size_t limit = 20;        ///< of history; for download: which file, counted from the last
  size_t file_limit = 100;  ///< MiB
  unsigned timeout_seconds = 60;
};

/// Prints help or the reason and returns false with `exit_code` when there is nothing to do.
bool parse_options(int argc, char** argv, Options& options, int& exit_code);

/// The first line of `file`, or the variable `environment`, or empty.
Result<crypto::Secret> read_secret(const std::string& file, const char* environment);
/// Asks at the terminal without showing it; empty when there is no terminal.
crypto::Secret ask_secret(const std::string& question);
/// `--db`, or a file in $XDG_DATA_HOME/rookery named after the account; its folder is created.
Result<std::string> database_path(const Options& options);
/// `--downloads`, or $HOME/Downloads/rookery.
Result<std::string> download_folder(const Options& options);

}  // namespace rookery::cli
