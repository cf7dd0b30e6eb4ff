#include "client/cli/shell.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <iostream>

#include "client/cli/render.h"

namespace rookery::cli {

using namespace client;
using crypto::omemo::Trust;

namespace {

volatile std::sig_atomic_t interrupted = 0;

/// How long unanswered requests, as opposed to messages, keep the program from ending.
constexpr auto answers_limit = std::chrono::seconds(10);

/// What a shell would do with "~/".
std::string expand_home(const std::string& path) {
  const char* home = std::getenv("HOME");
  return home && path.starts_with("~/") ? home + path.substr(1) : path;
}

void watch_signals() {
  struct sigaction action{};
  action.sa_handler = [](int) { interrupted = interrupted + 1; };
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

}  // namespace

int Shell::run() {
  auto status = open();
  if (status && options_.action == Action::history) {
    const auto jid = xmpp::Jid::parse(options_.peer);
    if (jid)
      show_history(*jid, options_.limit);
    else
      complain(options_.peer + ": " + jid.error().message);
    return exit_code_;
  }
  if (status) status = start();
  if (!status) {
    complain(status.error().message);
    return 1;
  }
  loop();
  return exit_code_;
}

Status Shell::open() {
  auto account = xmpp::Jid::parse(options_.account);
  if (!account) return fail(Failure::invalid, "--account " + options_.account + ": " + account.error().message);
  if (!account->has_local()) return fail(Failure::invalid, "--account needs an address like romeo@example.org");
  auto path = database_path(options_);
  if (!path) return std::unexpected(path.error());
  KeyOptions key;
  auto passphrase = read_secret(options_.passphrase_file, "ROOK_PASSPHRASE");
  if (!passphrase) return std::unexpected(passphrase.error());
  key.passphrase = std::move(*passphrase);
  if (!options_.key_store.empty()) key.source = parse_key_source(options_.key_store);
  auto store = LocalStore::open(*path, key);
  if (!store) return std::unexpected(store.error());
  store_ = std::move(*store);
  if (options_.action != Action::history) {
    if (auto locked = store_->lock(); !locked) return locked;
  }
  ClientOptions client;
  client.account = account->bare();
  client.resource = options_.resource.empty() ? std::string(account->resource()) : options_.resource;
  auto downloads = download_folder(options_);
  if (!downloads) return std::unexpected(downloads.error());
  client.downloads.folder = std::move(*downloads);
  client.downloads.limit_bytes = options_.file_limit * 1024 * 1024;
  client.endpoint = {options_.host, options_.port, options_.direct_tls, options_.ca};
  if (options_.action != Action::history) {
    auto password = read_secret(options_.password_file, "ROOK_PASSWORD");
    if (!password) return std::unexpected(password.error());
    client.password = std::move(*password);
    if (client.password.empty()) client.password = ask_secret("password of " + options_.account);
    if (client.password.empty()) return fail(Failure::invalid, "no password: give --password-file or ROOK_PASSWORD");
  }
  auto created = Client::create(std::move(client), *store_, [this](const Event& event) { on_event(event); });
  if (!created) return std::unexpected(created.error());
  client_ = std::move(*created);
  return {};
}

Status Shell::start() {
  watch_signals();
  if (options_.action == Action::send) {
    auto peer = xmpp::Jid::parse(options_.peer);
    if (!peer) return fail(Failure::invalid, options_.peer + ": " + peer.error().message);
    if (auto sent = client_->send(*peer, options_.text, options_.plain); !sent) return std::unexpected(sent.error());
  }
  client_->connect();
  return {};
}

bool Shell::is_one_shot() const {
  switch (options_.action) {
    case Action::interactive:
    case Action::listen:
    case Action::history:
      return false;
    case Action::send:
    case Action::send_file:
    case Action::download:
    case Action::devices:
    case Action::verify:
      return true;
  }
  return false;
}

void Shell::give_up() {
  const bool keeps = options_.action == Action::send && !client_->outbox_empty();
  complain("no result within " + std::to_string(options_.timeout_seconds) + " s" +
           (keeps ? "; the message stays in the outbox and is sent with the next login" : ""));
}

void Shell::loop() {
  const auto end = Connection::Clock::now() + std::chrono::seconds(options_.timeout_seconds);
  while (!client_->stopped()) {
    if (is_one_shot() && Connection::Clock::now() > end) return give_up();
    leave_when_done();
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(client_->next_deadline() - Connection::Clock::now());
    const auto timeout = std::clamp<int64_t>(wait.count(), 0, 1000);
    short events = POLLIN;
    if (client_->wants_write()) events |= POLLOUT;
    // poll() skips what has a negative descriptor.
    pollfd watched[2] = {{client_->fd(), events, 0}, {wants_input() ? STDIN_FILENO : -1, POLLIN, 0}};
    if (client_->wait(watched, std::chrono::milliseconds(timeout)) < 0 && errno != EINTR) return;
    client_->process();
    if (watched[1].revents != 0) read_input();
    run_lines();
    if (interrupted == 0) continue;
    if (interrupted > 1) return;
    client_->disconnect();
  }
}

void Shell::on_event(const Event& event) {
  print(options_.json ? to_json(event) : to_line(event));
  if (const auto* changed = std::get_if<event::MessageChanged>(&event))
    if (changed->message.state == MessageState::failed && options_.action != Action::interactive) exit_code_ = 1;
  if (const auto* offline = std::get_if<event::Offline>(&event))
    if (!offline->retry_in && !finishing_ && interrupted == 0) exit_code_ = 1;
  if (std::holds_alternative<event::FileFailed>(event) && options_.action != Action::interactive) exit_code_ = 1;
  if (std::holds_alternative<event::CaughtUp>(event) && !std::exchange(started_, true)) {
    const bool is_person = options_.action == Action::interactive && !options_.json && isatty(STDIN_FILENO);
    if (is_person) print("* /chat JID, then write; /help lists all commands, /quit leaves");
    one_shot();
  }
}

void Shell::one_shot() {
  if (options_.action == Action::send) finish();
  if (options_.action == Action::send_file || options_.action == Action::download) return one_shot_file();
  if (options_.action != Action::devices && options_.action != Action::verify) return;
  auto jid = options_.peer.empty() ? Result<xmpp::Jid>(client_->account()) : xmpp::Jid::parse(options_.peer);
  if (!jid) {
    complain(options_.peer + ": " + jid.error().message);
    return finish();
  }
  client_->refresh_devices(*jid, [this, jid = *jid](Status status) {
    if (!status) complain(status.error().message);
    if (options_.action == Action::devices)
      show_devices(jid);
    else
      execute_trust({"verify", "", options_.fingerprint}, jid);
    finish();
  });
}

void Shell::one_shot_file() {
  auto peer = xmpp::Jid::parse(options_.peer);
  const auto started = !peer                                  ? Status(std::unexpected(peer.error()))
                       : options_.action == Action::send_file ? client_->send_file(*peer, options_.file, options_.plain)
                                                              : client_->fetch_file(*peer, options_.limit);
  if (!started) complain(started.error().message);
  finish();
}

void Shell::finish() {
  if (std::exchange(finishing_, true)) return;
  finish_by_ = Connection::Clock::now() + answers_limit;
}

void Shell::leave_when_done() {
  if (!finishing_ || !client_->online() || !client_->outbox_empty()) return;
  // Keys that are just being published are worth a moment, a server that does not answer is not.
  if (client_->idle() || Connection::Clock::now() > finish_by_) client_->disconnect();
}

bool Shell::wants_input() const {
  return options_.action == Action::interactive && started_ && !busy_ && !input_ended_ && !finishing_;
}

void Shell::read_input() {
  char buffer[4096];
  const ssize_t size = ::read(STDIN_FILENO, buffer, sizeof buffer);
  if (size > 0) {
    input_.append(buffer, static_cast<size_t>(size));
    return;
  }
  if (size < 0 && errno == EINTR) return;
  input_ended_ = true;
  if (!input_.empty() && input_.back() != '\n') input_ += '\n';
}

void Shell::run_lines() {
  while (started_ && !busy_ && !finishing_) {
    const size_t end = input_.find('\n');
    if (end == std::string::npos) break;
    const std::string line = input_.substr(0, end);
    input_.erase(0, end + 1);
    if (!line.empty()) run_line(line);
  }
  if (input_ended_ && !busy_ && input_.empty()) finish();
}

void Shell::run_line(std::string_view line) {
  auto command = options_.json && line.front() == '{' ? parse_json_command(line) : parse_command(line);
  if (!command) return complain(command.error().message);
  execute(*command);
}

void Shell::execute(const Command& command) {
  if (command.name == "quit") return finish();
  if (command.name == "help") return print(std::string(command_help()));
  if (command.name == "who") return show_presences();
  if (command.name == "presence") return set_presence(command.text);
  if (command.name == "reconnect") return client_->interrupt();
  if (command.name == "roster") {
    for (const auto& contact : client_->roster().contacts()) print(options_.json ? to_json(contact) : to_line(contact));
    return;
  }
  if (command.name == "say") {
    if (!current_) return complain("to whom? /msg JID TEXT, or /chat JID first");
    if (auto sent = client_->send(*current_, command.text); !sent) complain(sent.error().message);
    return;
  }
  auto jid = command.jid.empty() ? Result<xmpp::Jid>(client_->account()) : xmpp::Jid::parse(command.jid);
  if (!jid) return complain(command.jid + ": " + jid.error().message);
  execute_contact(command, *jid);
}

void Shell::execute_contact(const Command& command, const xmpp::Jid& jid) {
  const auto& name = command.name;
  if (name == "msg" || name == "plain") {
    if (auto sent = client_->send(jid, command.text, name == "plain"); !sent) complain(sent.error().message);
    return;
  }
  if (name == "correct" || name == "retract") {
    const auto text = name == "correct" ? std::optional(command.text) : std::nullopt;
    if (auto sent = client_->alter_last(jid, text); !sent) complain(sent.error().message);
    return;
  }
  if (name == "send-file" || name == "send-file-plain") {
    const auto sent = client_->send_file(jid, expand_home(command.text), name == "send-file-plain");
    return sent ? void() : complain(sent.error().message);
  }
  if (name == "download") {
    size_t number = 1;
    std::from_chars(command.text.data(), command.text.data() + command.text.size(), number);
    const auto fetched = client_->fetch_file(jid, std::max<size_t>(number, 1));
    return fetched ? void() : complain(fetched.error().message);
  }
  if (name == "chat") {
    current_ = jid.bare();
    return print(options_.json ? json_object("chat", {{"jid", current_->text()}})
                               : "* lines go to " + harmless(current_->text()));
  }
  if (name == "accept") return client_->roster().accept(jid.bare());
  if (name == "add" || name == "remove") {
    busy_ = true;
    const auto done = [this] { busy_ = false; };
    return name == "add" ? client_->roster().add(jid.bare(), command.text, done)
                         : client_->roster().remove(jid.bare(), done);
  }
  if (name == "history") {
    size_t limit = 20;
    std::from_chars(command.text.data(), command.text.data() + command.text.size(), limit);
    return show_history(jid, limit);
  }
  if (name == "devices" || name == "fingerprint") {
    busy_ = true;
    return client_->refresh_devices(jid, [this, jid](Status status) {
      busy_ = false;
      if (!status) complain(status.error().message);
      show_devices(jid);
    });
  }
  execute_trust(command, jid);
}

void Shell::execute_trust(const Command& command, const xmpp::Jid& jid) {
  const Trust trust = command.name == "verify"  ? Trust::verified
                      : command.name == "trust" ? Trust::automatic
                                                : Trust::distrusted;
  if (auto status = client_->set_trust(jid, command.text, trust); !status) return complain(status.error().message);
  const std::string word(to_string(trust));
  print(options_.json ? json_object("trust", {{"jid", jid.text()}, {"device", command.text}, {"trust", word}})
                      : "* " + harmless(jid.text()) + " " + harmless(command.text) + ": " + word);
}

void Shell::show_devices(const xmpp::Jid& jid) {
  const auto devices = client_->devices(jid);
  for (const auto& device : devices) print(options_.json ? to_json(device) : to_line(device));
  if (options_.json) return print(json_object("devices_end", {{"jid", jid.text()}}));
  if (devices.empty()) print("* " + harmless(jid.text()) + " has no OMEMO devices");
}

void Shell::show_history(const xmpp::Jid& jid, size_t limit) {
  auto messages = client_->history(jid, limit);
  if (!messages) return complain(messages.error().message);
  for (const auto& message : *messages) print(options_.json ? to_json(message, "history") : to_line(message));
  if (options_.json) print(json_object("history_end", {{"jid", jid.text()}}));
}

void Shell::show_presences() {
  for (const auto& presence : client_->roster().presences()) {
    const Event event = presence;
    print(options_.json ? to_json(event) : to_line(event));
  }
  if (options_.json) print(json_object("who_end", {}));
}

void Shell::set_presence(const std::string& text) {
  const size_t space = std::min(text.find(' '), text.size());
  std::string show = text.substr(0, space);
  const std::string status = space < text.size() ? text.substr(space + 1) : "";
  if (show == "online") show.clear();
  const bool is_known = show.empty() || show == "away" || show == "chat" || show == "dnd" || show == "xa";
  if (!is_known) return complain("/presence takes online, away, chat, dnd or xa");
  client_->set_presence(show, status);
}

void Shell::print(const std::string& line) const {
  // Flushed at once: whoever reads a pipe waits for this line.
  if (!line.empty()) std::cout << line << std::endl;
}

void Shell::complain(std::string_view text) {
  exit_code_ = options_.action == Action::interactive && started_ && isatty(STDIN_FILENO) ? 0 : 1;
  if (options_.json)
    print(json_error(text));
  else
    std::cerr << "rook-cli: " << harmless(text) << std::endl;
}

}  // namespace rookery::cli
