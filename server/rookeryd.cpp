// The XMPP server.
#include <signal.h>
#include <systemd/sd-daemon.h>

#include <CLI/CLI.hpp>
#include <iostream>

#include "server/log.h"
#include "server/node.h"
#include "server/portability/commands.h"
#include "server/xeps.h"
#include "storage/transfer.h"

using namespace rookery;

namespace {

/// `rookeryd --migrate-to-postgres "host=…"`: the data of this (stopped) node, into an empty database.
int migrate(const std::filesystem::path& data_dir, const std::string& connection) {
  const auto moved = storage::transfer_to_postgres(data_dir, {.connection = connection, .node = {}});
  if (!moved) {
    std::cerr << "rookeryd: " << moved.error().message << "\n";
    return 1;
  }
  for (const auto& each : *moved)
    std::cout << each.what << ": " << each.rows << " rows, SHA-256 " << each.checksum << "\n";
  std::cout << "All of it was read back from PostgreSQL and is the same. Now set [storage] kind = \"postgres\".\n";
  return 0;
}

int report(const Result<server::portability::Counts>& counts, std::string_view done) {
  if (!counts) {
    std::cerr << "rookeryd: " << counts.error().message << "\n";
    return 1;
  }
  std::cout << counts->text() << done << "\n";
  return 0;
}

/// XEP-0227: accounts out of this (stopped) node, or into it.
struct Moving {
  std::string export_to, import_from, account;
  bool dry_run = false;

  void add_to(CLI::App& app) {
    auto* out = app.add_option("--export", export_to,
                               "Write the accounts of this node, which must be stopped, to a new XEP-0227 file, or one "
                               "for each into a folder, and end");
    app.add_option("--account", account, "Only this account")->needs(out);
    auto* in = app.add_option(
        "--import", import_from,
        "Take accounts from a XEP-0227 file, or all files of a folder, into this node, which must be stopped, and end");
    app.add_flag("--dry-run", dry_run, "Say what an import would do, and write nothing")->needs(in);
    in->excludes(out);
  }
  bool wanted() const { return !export_to.empty() || !import_from.empty(); }

  int run(const server::Config& config) const {
    if (!import_from.empty()) {
      const auto warn = [](const std::string& sentence) { std::cerr << sentence << "\n"; };
      const auto counts = server::portability::import_from(config, import_from, dry_run, warn);
      const bool offers_more = config.mechanisms != std::vector{xmpp::Mechanism::scram_sha_1};
      if (counts && counts->weak_keys > 0 && offers_more) {
        std::cerr << counts->weak_keys
                  << " accounts have keys for SCRAM-SHA-1 alone, and clients choose a stronger mechanism where one is "
                     "offered: set auth.mechanisms = [\"SCRAM-SHA-1\"] until they have changed their passwords.\n";
      }
      return report(counts, dry_run ? "Nothing was written." : "Imported.");
    }
    std::optional<xmpp::Jid> only;
    if (!account.empty()) {
      auto jid = xmpp::Jid::parse(account);
      if (!jid || !jid->is_bare() || !jid->has_local()) {
        std::cerr << "rookeryd: \"" << account << "\" is not an account's address\n";
        return 2;
      }
      only = std::move(*jid);
    }
    return report(server::portability::export_to(config, only, export_to),
                  "Exported. The file holds what passwords can be guessed from: keep it safe.");
  }
};

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"rookeryd - an XMPP server"};
  std::string file = "/etc/rookery/rookery.toml";
  bool check_only = false, list_xeps = false;
  app.add_option("-c,--config", file, "The configuration file (see deploy/rookery.toml.example)")
      ->capture_default_str();
  app.add_flag("--check", check_only, "Read the configuration, say what is wrong with it, and end");
  app.add_flag("--xeps", list_xeps, "Print which XEPs the server speaks, and end");
  std::string connection;
  app.add_option("--migrate-to-postgres", connection,
                 "Copy the data of this node, which must be stopped, to PostgreSQL, and end");
  Moving moving;
  moving.add_to(app);
  app.set_version_flag("--version", "rookeryd " ROOKERY_VERSION);
  CLI11_PARSE(app, argc, argv);

  if (list_xeps) {
    server::Node node{server::Config{}};
    server::FeatureRegistry registry;
    server::install_features(node, registry);
    std::cout << server::xeps_page(registry);
    return 0;
  }
  auto config = server::load_config(file);
  if (!config) {
    std::cerr << "rookeryd: " << config.error().message << "\n";
    return 2;
  }
  if (check_only) return 0;
  if (!connection.empty()) return migrate(config->data_dir, connection);
  if (moving.wanted()) return moving.run(*config);
  server::log::set_level(config->log_level);

  // Signals are taken by this thread alone; SIGPIPE by nobody.
  signal(SIGPIPE, SIG_IGN);
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, number);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  server::Node node(std::move(*config));
  if (const Status started = node.start(); !started) {
    std::cerr << "rookeryd: " << started.error().message << "\n";
    return 1;
  }
  server::log::info("ready", {{"domain", node.config().domains.front()}});
  sd_notify(0, "READY=1");
  for (;;) {
    int number = 0;
    sigwait(&signals, &number);
    if (number != SIGHUP) break;
    sd_notify(0, "RELOADING=1");
    const Status reloaded = node.reload();
    if (reloaded) {
      server::log::info("reloaded");
    } else {
      server::log::error("not_reloaded", {{"error", reloaded.error().message}, {"kept", "the former certificate"}});
    }
    sd_notify(0, "READY=1");
  }
  sd_notify(0, "STOPPING=1");
  server::log::info("stopping");
  node.stop();
  return 0;
}
