// XEP-0227: accounts in a file that other servers read too, and back.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/result.h"
#include "crypto/scram.h"
#include "storage/message_log.h"
#include "storage/stores.h"

namespace rookery::server::portability {

namespace ns {
inline constexpr std::string_view pie = "urn:xmpp:pie:0";
inline constexpr std::string_view scram = "urn:xmpp:pie:0#scram";
inline constexpr std::string_view archive = "urn:xmpp:pie:0#mam";
inline constexpr std::string_view privacy = "jabber:iq:privacy";  ///< XEP-0016, the form in which a block list travels
inline constexpr std::string_view include = "http://www.w3.org/2001/XInclude";
inline constexpr std::string_view own = "https://rookery.im/account";  ///< what XEP-0227 has no words for
}  // namespace ns

/// What went out, or came in anew.
struct Counts {
  size_t accounts = 0, present_accounts = 0;  ///< the latter were there before: their passwords stay
  size_t weak_keys = 0;                       ///< accounts that can log in by SCRAM-SHA-1 alone
  size_t contacts = 0, requests = 0, vcards = 0, private_elements = 0, blocked = 0;
  size_t nodes = 0, items = 0;
  size_t archived = 0, waiting = 0;  ///< messages in archives, and those that nobody has read yet
  size_t present_messages = 0;       ///< of both, that were there before

  std::string text() const;  ///< lines "name number", those above 0
};

/// SCRAM's registered name of a hash, as XEP-0227 wants it.
std::string_view scram_name(crypto::Hash hash);

// Everything here blocks and owns its stores and log alone: the node is stopped.

using Sink = std::function<Status(std::string_view)>;

/// One `<user/>`. Failure::not_found when there is no such account.
Status export_account(storage::Stores& stores, storage::MessageLog& log, const xmpp::Jid& account, const Sink& sink,
                      Counts& counts);
/// A whole document: all accounts of these domains, or one.
Status export_accounts(storage::Stores& stores, storage::MessageLog& log, const std::vector<std::string>& domains,
                       const std::optional<xmpp::Jid>& only, const Sink& sink, Counts& counts);

struct ImportOptions {
  std::vector<std::string> domains;                              ///< ours: other hosts of a file are passed over
  uint32_t scram_iterations = crypto::scram_default_iterations;  ///< for passwords that come in the clear
  bool dry_run = false;                                          ///< reads and judges everything, writes nothing
  std::function<void(const std::string&)> warn;                  ///< what the operator should know: "file:line: …"
};

/// A file, or every *.xml below a folder. What is there already is not doubled, so that an import may be repeated.
/// Stops at the first error, whose message names file and line; the accounts before it are imported.
Result<Counts> import_accounts(storage::Stores& stores, storage::MessageLog& log, const std::filesystem::path& path,
                               const ImportOptions& options);

}  // namespace rookery::server::portability
