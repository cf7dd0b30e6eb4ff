// rookeryctl: talks to a running rookeryd through its admin socket (server/admin/admin_socket.h has the protocol).

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr int kRefused = 1;      // the server answered "error: …"
constexpr int kUsage = 2;        // the command line is wrong
constexpr int kUnreachable = 3;  // no server on that socket, or it went away
constexpr auto kFooter = R"(Examples:
  rookeryctl account add juliet@example.org
  rookeryctl account list example.org
  rookeryctl invite --contact juliet@example.org --expires 7d
  rookeryctl kick juliet@example.org/phone "please log in again"
  printf '%s\n' "$PASSWORD" | rookeryctl account set-password juliet@example.org --password-stdin

Exit codes: 0 done, 1 the server refused, 2 wrong usage, 3 the server cannot be reached.)";

struct Command {
  std::string line;
  bool takes_password = false;
};

/// What the user types, without echo; nothing when there is no terminal or it was interrupted.
std::optional<std::string> ask_silently(const std::string& prompt) {
  termios shown{};
  if (tcgetattr(STDIN_FILENO, &shown) != 0) return std::nullopt;
  termios hidden = shown;
  hidden.c_lflag &= ~static_cast<tcflag_t>(ECHO);
  std::cerr << prompt << std::flush;
  tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
  std::string answer;
  const bool typed = static_cast<bool>(std::getline(std::cin, answer));
  tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
  std::cerr << '\n';
  return typed ? std::optional(answer) : std::nullopt;
}

std::optional<std::string> read_password(bool from_stdin) {
  std::string password;
  if (from_stdin) {
    if (!std::getline(std::cin, password) || password.empty()) {
      std::cerr << "rookeryctl: no password on standard input\n";
      return std::nullopt;
    }
    return password;
  }
  const auto typed = ask_silently("Password: ");
  if (!typed) {
    std::cerr << "rookeryctl: there is no terminal to ask for the password; use --password-stdin\n";
    return std::nullopt;
  }
  if (typed->empty()) {
    std::cerr << "rookeryctl: the password must not be empty\n";
    return std::nullopt;
  }
  if (ask_silently("The same again: ") != typed) {
    std::cerr << "rookeryctl: the two passwords differ\n";
    return std::nullopt;
  }
  return typed;
}

std::optional<int> connect_to(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) {
    std::cerr << "rookeryctl: the socket's path is too long: " << path << '\n';
    return std::nullopt;
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  const int server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  // A command may scan many accounts, but a server that says nothing for a minute is stuck.
  const timeval patience{60, 0};
  if (server >= 0) setsockopt(server, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  if (server < 0 || connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    const int reason = errno;
    std::cerr << "rookeryctl: cannot reach the server at " << path << ": " << std::strerror(reason) << '\n';
    if (reason == ENOENT || reason == ECONNREFUSED)
      std::cerr << "Is rookeryd running? --socket names another socket.\n";
    if (reason == EACCES) std::cerr << "The socket belongs to the server's user: try sudo.\n";
    if (server >= 0) close(server);
    return std::nullopt;
  }
  return server;
}

bool send_all(int server, std::string_view text) {
  while (!text.empty()) {
    const ssize_t sent = send(server, text.data(), text.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return false;
    text.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

/// Until the server closes.
std::optional<std::string> receive_all(int server) {
  std::string answer;
  char buffer[4096];
  while (true) {
    const ssize_t got = recv(server, buffer, sizeof(buffer), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::nullopt;
    if (got == 0) return answer;
    answer.append(buffer, static_cast<size_t>(got));
  }
}

/// Prints the lines before the last one, which decides about success.
int report(std::string_view answer) {
  while (answer.ends_with('\n')) answer.remove_suffix(1);
  const auto newline = answer.rfind('\n');
  const bool has_lines = newline != std::string_view::npos;
  const std::string_view last = has_lines ? answer.substr(newline + 1) : answer;
  if (has_lines) std::cout << answer.substr(0, newline + 1) << std::flush;
  if (last == "ok") return 0;
  if (last.starts_with("error: ")) {
    std::cerr << "rookeryctl: " << last.substr(7) << '\n';
    return kRefused;
  }
  std::cerr << "rookeryctl: the server went away before it had answered\n";
  return kUnreachable;
}

int run(const Command& command, const std::string& socket_path, bool password_from_stdin) {
  if (command.line.find('\n') != std::string::npos) {
    std::cerr << "rookeryctl: an argument holds a line break\n";
    return kUsage;
  }
  std::string password;
  if (command.takes_password) {
    auto read = read_password(password_from_stdin);
    if (!read) return kUsage;
    password = std::move(*read);
  }
  const auto server = connect_to(socket_path);
  if (!server) return kUnreachable;
  std::string request = command.line + '\n' + password + '\n';
  const bool sent = send_all(*server, request);
  explicit_bzero(request.data(), request.size());
  explicit_bzero(password.data(), password.size());
  const auto answer = sent ? receive_all(*server) : std::nullopt;
  close(*server);
  return report(answer.value_or(""));
}

/// An argument that names one account or session: it must be one word, since words are what the protocol sends.
std::string one_word(const std::string& value) {
  return value.empty() || value.find_first_of(" \t\r\n") != std::string::npos ? "must be one word" : std::string();
}

/// "90", "30m", "12h", "7d".
std::optional<uint64_t> to_seconds(const std::string& text) {
  uint64_t number = 0;
  const char* end = text.data() + text.size();
  const auto [rest, problem] = std::from_chars(text.data(), end, number);
  if (problem != std::errc() || number > 1'000'000'000) return std::nullopt;
  const std::string_view unit(rest, static_cast<size_t>(end - rest));
  if (unit.empty() || unit == "s") return number;
  if (unit == "m") return number * 60;
  if (unit == "h") return number * 3600;
  if (unit == "d") return number * 86'400;
  return std::nullopt;
}

std::string as_seconds(const std::string& value) {
  return to_seconds(value) ? std::string() : "must be a time like 30m, 12h or 7d";
}

class CommandLine {
 public:
  CommandLine() {
    app_.footer(kFooter);
    app_.require_subcommand(1);
    app_.fallthrough();
    app_.add_option("--socket", socket_, "The server's admin socket ([admin] socket)")->capture_default_str();
    app_.add_flag("--password-stdin", password_from_stdin_,
                  "Read the password from standard input, one line, do not ask");

    auto* account = app_.add_subcommand("account", "Create, list and change accounts");
    account->require_subcommand(1);
    account->fallthrough();
    jid_command(*account, "add", "Create an account; asks for its password", true);
    jid_command(*account, "delete", "Delete an account, its archive and all that it stored", false);
    auto* list = command(*account, "list", "Print the addresses of all accounts");
    list->add_option("DOMAIN", domain_, "Only of this domain")->check(one_word);
    jid_command(*account, "set-password", "Give an account a new password; asks for it", true);
    jid_command(*account, "disable", "Close an account: nobody can log in, nothing is deleted", false);
    jid_command(*account, "enable", "Open a disabled account again", false);

    invite_commands();

    auto* sessions = command(app_, "sessions", "Print who is connected");
    sessions->add_option("JID", jid_, "Only of this account")->check(one_word);
    command(app_, "cluster", "Print the cluster's nodes: versions, leases, and what waits for each");
    command(app_, "s2s", "Print the connections with other servers, and what waits for them");
    command(app_, "drain", "Give this node's accounts to the others, before it is stopped");
    command(app_, "undrain", "Take accounts again");
    auto* kick = jid_command(app_, "kick", "End an account's sessions, or the one of a full JID", false);
    kick->add_option("REASON", reason_, "What the client is told");
    auto* backup =
        command(app_, "backup", "Copy the server's data, except for uploaded files, while it runs (not PostgreSQL's)");
    backup->add_option("FOLDER", folder_, "A new folder that the server may write, from the root")
        ->required()
        ->check(one_word);
    auto* reports = command(app_, "reports", "Print who reported whom as spam or abuse, oldest first");
    reports->add_option("--since", since_, "Only from then on: 2026-11-24 or 2026-11-24T12:00:00Z")->check(one_word);
    reports->add_flag("--json", json_, "One JSON object a line");
    reports->callback(
        [this] { command_.line = "reports " + (since_.empty() ? "-" : since_) + (json_ ? " json" : " text"); });
    command(app_, "reload", "Read the certificates again; a bad one keeps the old one");
    command(app_, "stats", "Print the server's counters");
    command(app_, "stop", "Stop the server");
  }

  int run(int argc, char** argv) {
    try {
      app_.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
      return app_.exit(error) == 0 ? 0 : kUsage;
    }
    for (const auto* argument : {&jid_, &domain_, &folder_}) {
      if (!argument->empty()) command_.line += ' ' + *argument;
    }
    if (command_.line == "invite create") add_invite_options();
    for (const auto& word : reason_) command_.line += ' ' + word;
    return ::run(command_, socket_, password_from_stdin_);
  }

 private:
  CLI::App* command(CLI::App& parent, const std::string& name, const std::string& help, bool takes_password = false) {
    auto* app = parent.add_subcommand(name, help);
    app->fallthrough();
    const std::string line = parent.get_parent() ? parent.get_name() + ' ' + name : name;
    app->callback([this, line, takes_password] {
      command_.line = line;
      command_.takes_password = takes_password;
    });
    return app;
  }

  void invite_commands() {
    auto* invite = app_.add_subcommand("invite", "Invite somebody: prints a link that lets make an account");
    invite->require_subcommand(0, 1);
    invite->fallthrough();
    invite->callback([this, invite] {
      if (invite->get_subcommands().empty()) command_.line = "invite create";
    });
    invite->add_option("--contact", contact_, "An account whose contact the new user becomes")->check(one_word);
    invite->add_option("--username", username_, "The only name that may be taken; it is kept free until then")
        ->check(one_word);
    invite->add_option("--domain", invite_domain_, "The domain of the new account, when there are several")
        ->check(one_word);
    invite->add_option("--expires", expires_, "How long it is good: 30m, 12h, 7d")->check(as_seconds);
    invite->add_option("--uses", uses_, "How many people may use it (1)")->check(one_word);
    auto* list = command(*invite, "list", "Print the invitations");
    list->add_option("DOMAIN", domain_, "Of this domain")->check(one_word);
    auto* revoke = command(*invite, "revoke", "Make an invitation useless");
    revoke->add_option("INVITE", jid_, "Its id from the list, or its link")->required()->check(one_word);
  }

  void add_invite_options() {
    const auto add = [this](const char* name, const std::string& value) {
      if (!value.empty()) command_.line += std::string(" ") + name + "=" + value;
    };
    add("contact", contact_);
    add("username", username_);
    add("domain", invite_domain_);
    add("uses", uses_);
    if (!expires_.empty()) add("expires", std::to_string(*to_seconds(expires_)));
  }

  CLI::App* jid_command(CLI::App& parent, const std::string& name, const std::string& help, bool takes_password) {
    auto* app = command(parent, name, help, takes_password);
    app->add_option("JID", jid_, "An address, like juliet@example.org")->required()->check(one_word);
    return app;
  }

  CLI::App app_{"Administers a running rookeryd through its admin socket.", "rookeryctl"};
  std::string socket_ = "/var/lib/rookery/rookery.sock";
  bool password_from_stdin_ = false;
  std::string jid_, domain_, folder_, since_;
  std::string contact_, username_, invite_domain_, expires_, uses_;
  bool json_ = false;
  std::vector<std::string> reason_;
  Command command_;
};

}  // namespace

int main(int argc, char** argv) { return CommandLine().run(argc, argv); }
