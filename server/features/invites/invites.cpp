// XEP-0401 and XEP-0379: users make invitations by command; a request that shows one is granted by the server.
#include "server/invites.h"

#include <algorithm>

#include "server/features/features.h"
#include "server/features/invites/web.h"
#include "server/home/home.h"
#include "server/http/http_server.h"
#include "server/node.h"
#include "xmpp/namespaces.h"
#include "xmpp/time.h"

namespace rookery::server {

namespace {

constexpr std::string_view invite_node = "urn:xmpp:invite#invite",
                           create_account_node = "urn:xmpp:invite#create-account";
constexpr size_t longest_token = 64;

/// §4.1: the links, and until when they are good.
CommandResult links(const Node& node, const MadeInvite& made) {
  auto form = xmpp::DataForm::make(xmpp::DataForm::Type::result, "urn:xmpp:invite#invitation");
  form.add("uri", invite_uri(made.invite, made.token), "text-single", "Link for XMPP clients");
  const auto landing = landing_url(node, made.invite, made.token);
  if (!landing.empty()) form.add("landing-url", landing, "text-single", "Link for everyone");
  form.add("expire", xmpp::format_date_time(std::chrono::floor<std::chrono::seconds>(made.invite.expires)),
           "text-single", "Good until");
  return {.form = std::move(form), .note = {}, .add_to_form = {}};
}

Task<CommandOutcome> make(std::shared_ptr<const CommandCall> call, InviteWish wish) {
  wish.domain = call->domain;
  wish.creator = call->from.bare_text();
  wish.lifetime = call->node.config().invite_lifetime;
  auto making = call->node.stores().run([wish](storage::Stores& stores) { return make_invite(stores, wish); });
  const auto made = co_await making;
  if (!made) co_return refused(made.error());
  co_return links(call->node, *made);
}

Task<CommandOutcome> invite(std::shared_ptr<const CommandCall> call) {
  InviteWish wish;
  wish.contact = call->from.bare_text();
  return make(std::move(call), std::move(wish));
}

xmpp::DataForm account_form(const CommandCall&) {
  xmpp::DataForm form;
  form.title = "Inviting somebody to this server";
  form.add("username", "", "text-single", "User name (empty: their choice)").fields.back().values.clear();
  form.add_boolean("roster-subscription", false, "Make them your contact");
  return form;
}

Task<CommandOutcome> create_account_link(std::shared_ptr<const CommandCall> call) {
  InviteWish wish;
  wish.username = call->value("username");
  const auto befriend = call->value("roster-subscription");
  if (befriend == "1" || befriend == "true") wish.contact = call->from.bare_text();
  return make(std::move(call), std::move(wish));
}

/// XEP-0379 §3.5, by the server: whoever shows a token of this account is answered as the user would; everyone else's
/// request goes its usual way (§4.1).
Verdict grant_invited(Node& node, Home& home, const Envelope& envelope) {
  const auto& stanza = *envelope.stanza;
  if (stanza.name() != "presence" || stanza.attr("type") != "subscribe") return {};
  const auto* preauth = stanza.child("preauth", xmpp::ns::pars);
  if (preauth == nullptr || preauth->attr("token").size() > longest_token) return {};
  const std::string id = invite_id(preauth->attr("token"));
  std::shared_ptr<xmpp::Element> bare = stanza.clone();
  bare->remove(
      *bare->child("preauth", xmpp::ns::pars));  // a token is for us alone, and this hook does not see it again
  auto use = [id, owner = home.jid().text()](storage::Stores& stores) -> Status {
    const auto found = find_usable_invite(stores, id);
    if (!found) return std::unexpected<Error>(found.error());
    if (found->contact != owner) return fail(Failure::not_found, "the invitation is another's");
    return stores.invites().use(id);
  };
  node.stores().run(std::move(use), [&node, bare, from = envelope.from, to = envelope.to](Status used) {
    Home* home = node.homes().find_loaded(to.bare());
    if (home != nullptr && used) return home->approve_invited(from.bare());
    node.router().route({.from = from, .to = to, .stanza = bare->clone(), .sent_copy = {}, .seen = {}, .sender = {}});
  });
  return {.drop = true, .error = {}};
}

Command command(std::string_view name, std::string_view title, bool for_admins) {
  Command made;
  made.node = name;
  made.name = title;
  made.may_run = [for_admins](const Node& node, const xmpp::Jid& from) {
    if (!from.has_local()) return false;
    if (for_admins || node.config().invites == "admins") return node.is_admin(from);
    return std::ranges::find(node.config().domains, from.domain()) != node.config().domains.end();
  };
  return made;
}

}  // namespace

void install_invites(Node& node, FeatureRegistry& registry) {
  if (node.config().invites == "nobody") return;
  auto user = command(invite_node, "Invite a User", false);
  user.run = invite;
  registry.command(std::move(user));
  auto account = command(create_account_node, "Create an Account", true);
  account.stages.push_back(account_form);
  account.run = create_account_link;
  registry.command(std::move(account));
  registry.stanza_to_account.push_back(
      [&node](Home& home, const Envelope& envelope) { return grant_invited(node, home, envelope); });
  if (node.http().is_open()) invites::serve_pages(node);
  registry.implements({.number = 379,
                       .name = "Pre-Authenticated Roster Subscription",
                       .version = "0.3.3",
                       .left_out = {},
                       .tests = "golden/invites/subscribe.scs"});
  registry.implements({.number = 401,
                       .name = "Ad-hoc Account Invitation Generation",
                       .version = "0.6.0",
                       .left_out = {},
                       .tests = "golden/invites, integration/admin/invites_test.py"});
}

}  // namespace rookery::server
