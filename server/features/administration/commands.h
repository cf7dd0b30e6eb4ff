// XEP-0133: Service Administration: what its commands share.
#pragma once

#include <string_view>

#include "server/feature.h"

namespace rookery::server::administration {

/// "add-user" as the command's node; only administrators see and run it.
Command admin_command(std::string_view name, std::string_view title);
/// An empty form of XEP-0133.
xmpp::DataForm admin_form(std::string_view title);
xmpp::DataForm admin_result();

/// The addresses of the field; each is one of the domain's accounts. `with_resource`: full JIDs too.
std::expected<std::vector<xmpp::Jid>, xmpp::StanzaError> accounts_of(const CommandCall& call, std::string_view var,
                                                                     bool with_resource = false);

/// The lines of a text-multi field.
std::string text_of(const CommandCall& call, std::string_view var);
/// Two sentences for the user, either of which may be empty.
std::string join_notes(std::string first, const std::string& second);

void add_user_commands(FeatureRegistry& registry);  // §4.1-4.9: users.cpp, user_queries.cpp
void add_user_queries(FeatureRegistry& registry);
void add_list_commands(FeatureRegistry& registry);                 // §4.13-4.22: lists.cpp
void add_message_commands(Node& node, FeatureRegistry& registry);  // §4.23-4.28: messages.cpp
void add_shutdown(FeatureRegistry& registry);                      // §4.31

}  // namespace rookery::server::administration
