// XEP-0045 §7.10: registering with a room reserves a nick.
#include <algorithm>

#include "crypto/random.h"
#include "server/features/muc/room.h"
#include "server/node.h"
#include "xmpp/namespaces.h"

namespace rookery::server::muc {

using xmpp::Condition;

namespace {
constexpr std::string_view nick_var = "muc#register_roomnick", allow_var = "muc#register_allow", jid_var = "muc#jid";
constexpr size_t most_asked_for = 200;
}  // namespace

void Room::get_registration(IqRequest request) {
  if (affiliation_of(request.from()) == Affiliation::outcast) return request.fail(Condition::not_allowed);
  auto result = request.make_result();
  xmpp::Element& query = result->add("query", xmpp::ns::registration);
  const Member* own = member(request.from());
  if (own != nullptr && !own->nick.empty()) {
    query.add("registered");
    query.add_text_child("username", own->nick);
  }
  xmpp::DataForm form = xmpp::DataForm::make(xmpp::DataForm::Type::form, xmpp::ns::muc_register);
  form.title = "Registration";
  form.instructions = {"Your nick in this room, which nobody else can take."};
  form.add(nick_var, own != nullptr ? own->nick : std::string(), "text-single", "Nick");
  form.fields.back().required = true;
  form.add_to(query);
  request.reply(std::move(result));
}

void Room::set_registration(IqRequest request) {
  const xmpp::Jid who = request.from().bare();
  const Affiliation affiliation = affiliation_of(who);
  if (affiliation == Affiliation::outcast) return request.fail(Condition::not_allowed);
  const auto reply = [](IqRequest answered) {
    return [request = std::move(answered)](const Status& stored) mutable {
      if (!stored) return request.fail(stored.error());
      request.reply();
    };
  };
  if (request.payload().child("remove", xmpp::ns::registration) != nullptr) {
    if (const auto found = members_.find(who); found != members_.end()) found->second.nick.clear();
    return save_members({who}, reply(std::move(request)));
  }
  const auto form = xmpp::DataForm::parse_child(request.payload());
  if (!form) return request.fail(form.error());
  if (!*form || (*form)->form_type() != xmpp::ns::muc_register) return request.fail(Condition::bad_request);
  const auto nick = (*form)->value(nick_var);
  const auto prepared = jid_.with_resource(nick.value_or(std::string_view()));
  if (!nick || nick->empty() || !prepared || prepared->resource().size() > longest_nick_bytes)
    return request.fail(Condition::not_acceptable, "That is no nick");
  if (nick_is_taken(prepared->resource(), who)) return request.fail(Condition::conflict, "Somebody else has that nick");
  // §9.9: where members may enter, speak or read and others may not, who becomes one is the admins' matter.
  const bool is_let_in = !config_.password_protected || occupant_of(request.from()) != nullptr;
  if (affiliation < Affiliation::member && (config_.members_only || config_.is_moderated || !is_let_in)) {
    if (!ask_admins(who, prepared->resource()))
      return request.fail(Condition::resource_constraint, "Too many wait for an answer");
    return request.reply();
  }
  if (!has_place_for({who})) return request.fail(Condition::resource_constraint, lists_are_full);
  Member& own = members_[who];
  own.nick = prepared->resource();
  // §7.10: who registers becomes a member; he hears of it like of every change.
  if (own.affiliation < Affiliation::member) {
    xmpp::MucItem item;
    item.affiliation = Affiliation::member;
    item.nick = own.nick;
    apply_affiliation(who, item, {});
  }
  save_members({who}, reply(std::move(request)));
}

/// What an admin submits says all that is needed, so a request is kept nowhere; while the room remembers it, it is not
/// sent again.
bool Room::ask_admins(const xmpp::Jid& who, std::string_view nick) {
  if (asked_for_.size() >= most_asked_for) return asked_for_.contains(who);
  if (!asked_for_.insert(who).second) return true;
  auto message = xmpp::Element::make("message", xmpp::ns::client);
  message->set_attr("from", jid_.text()).set_attr("id", crypto::random_token());
  message->add_text_child(
      "body", who.text() + " asks to become a member of " + jid_.text() + ", as " + std::string(nick) + ".");
  xmpp::DataForm form = xmpp::DataForm::make(xmpp::DataForm::Type::form, xmpp::ns::muc_register);
  form.title = "Registration request";
  form.instructions = {"To make this person a member of the room, choose yes and submit the form."};
  form.add(jid_var, who.text(), "jid-single", "Address");
  form.add(nick_var, nick, "text-single", "Nick");
  form.add_boolean(allow_var, false, "Allow this person to register with the room?");
  form.add_to(*message);
  std::set<xmpp::Jid> present;
  for (const auto& [other_nick, occupant] : occupants_) {
    if (affiliation_of(occupant->account()) >= Affiliation::admin) present.insert(occupant->account());
  }
  send_to_all(share(message->clone()), [&](const Occupant& occupant) { return present.contains(occupant.account()); });
  for (const auto& [jid, known] : members_) {
    if (known.affiliation < Affiliation::admin || present.contains(jid)) continue;
    auto copy = message->clone();
    copy->set_attr("to", jid.text());
    node().router().send(std::move(copy));
  }
  return true;
}

void Room::answer_registration(Envelope& envelope, const xmpp::DataForm& form) {
  if (affiliation_of(envelope.from) < Affiliation::admin) return refuse(envelope, Condition::forbidden);
  const auto who = xmpp::Jid::parse(form.value(jid_var).value_or(""));
  const auto allow = form.boolean(allow_var);
  if (!who || !who->has_local() || !allow) return refuse(envelope, Condition::bad_request);
  const xmpp::Jid account = who->bare(), admin = envelope.from.bare();
  if (form.type == xmpp::DataForm::Type::submit && *allow && **allow && !has_place_for({account}))
    return refuse(envelope, Condition::resource_constraint, lists_are_full);
  node().router().accept(envelope);
  if (form.type != xmpp::DataForm::Type::submit || !*allow) return;  // put off
  asked_for_.erase(account);
  // The first answer counts.
  if (!**allow || affiliation_of(account) != Affiliation::none) return;
  const auto nick = jid_.with_resource(form.value(nick_var).value_or(""));
  xmpp::MucItem item;
  item.affiliation = Affiliation::member;
  if (nick && nick->resource().size() <= longest_nick_bytes) item.nick = nick->resource();
  const Occupant* actor = occupant_of(envelope.from);
  apply_affiliation(account, item, std::string(actor != nullptr ? actor->nick() : std::string_view()));
  save_members({account});
  const bool is_here =
      std::ranges::any_of(occupants_, [&](const auto& each) { return each.second->account() == account; });
  // §9.3: so that who waits hears of it.
  if (!is_here)
    send_invitation(admin, {.is_decline = false, .peer = account, .reason = {}, .thread = {}, .is_continued = false});
}

}  // namespace rookery::server::muc
