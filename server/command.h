// XEP-0050: what a feature says of an ad-hoc command of the server. The engine (features/adhoc.cpp) does the rest:
// sessions, actions, discovery, and that nobody sees or runs what he may not.
#pragma once

#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/result.h"
#include "server/task.h"
#include "xmpp/errors.h"
#include "xmpp/jid.h"
#include "xmpp/payloads/data_form.h"

namespace rookery::server {

class Node;

/// One run of a command, as far as it has come.
struct CommandCall {
  Node& node;
  xmpp::Jid from;                       ///< full
  std::string domain;                   ///< ours, that was asked
  std::vector<xmpp::DataForm> answers;  ///< what was submitted, a form for each stage that is done

  /// Empty when no stage has answered it.
  std::string value(std::string_view var) const;
  std::vector<std::string> values(std::string_view var) const;
};

struct CommandResult {
  std::optional<xmpp::DataForm> form;
  std::string note;                                   ///< a sentence for the user
  std::function<void(xmpp::Element& x)> add_to_form;  ///< what is in the form beside its fields (XEP-0133 §4.7)
};
using CommandOutcome = std::expected<CommandResult, xmpp::StanzaError>;

struct Command {
  std::string node, name;
  std::function<bool(const Node&, const xmpp::Jid& from)> may_run;
  /// The forms to fill in, one after the other; with none the command runs at once. A field that is required is there
  /// and not empty in an answer.
  std::vector<std::function<xmpp::DataForm(const CommandCall&)>> stages;
  std::function<Task<CommandOutcome>(std::shared_ptr<const CommandCall>)> run;
};

/// The refusal of a command, as run() returns it.
std::unexpected<xmpp::StanzaError> refused(xmpp::Condition condition, std::string text = {});
/// The world failed, or what was asked for is not there.
std::unexpected<xmpp::StanzaError> refused(const Error& error);

}  // namespace rookery::server
