// XEP-0045 §7.8.2 mediated invitations, §7.13 and §8.6 voice requests: messages of type normal to the room.
#include <algorithm>

#include "server/features/muc/room.h"
#include "server/features/muc/rooms.h"
#include "server/node.h"
#include "xmpp/namespaces.h"

namespace rookery::server::muc {

using xmpp::Condition;

namespace {
constexpr size_t most_at_once = 10;      // invitations in one stanza
constexpr size_t most_remembered = 300;  // that can be declined
}  // namespace

void Room::receive_normal(Envelope& envelope) {
  const auto invites = xmpp::MucInvite::parse(*envelope.stanza);
  if (!invites) return refuse(envelope, invites.error());
  if (std::ranges::any_of(*invites, &xmpp::MucInvite::is_decline)) {
    if (invites->size() > 1) return refuse(envelope, Condition::bad_request, "A decline stands alone");
    return decline(envelope, invites->front());
  }
  if (!invites->empty()) return invite(envelope, *invites);
  const auto form = xmpp::DataForm::parse_child(*envelope.stanza);
  if (!form) return refuse(envelope, form.error());
  if (*form && (*form)->form_type() == xmpp::ns::muc_request) return request_voice(envelope, **form);
  if (*form && (*form)->form_type() == xmpp::ns::muc_register) return answer_registration(envelope, **form);
  refuse(envelope, Condition::bad_request, "A room takes messages of type groupchat");
}

xmpp::ElementPtr Room::make_invitation(const xmpp::Jid& from, const xmpp::MucInvite& invite) const {
  auto message = xmpp::Element::make("message", xmpp::ns::client);
  message->set_attr("from", jid_.text()).set_attr("to", invite.peer.text());
  xmpp::Element& x = xmpp::add_muc_user(*message);
  xmpp::Element& body = x.add(invite.is_decline ? "decline" : "invite");
  body.set_attr("from", from.text());
  if (!invite.reason.empty()) body.add_text_child("reason", invite.reason);
  if (invite.is_continued) {
    xmpp::Element& element = body.add("continue");
    if (!invite.thread.empty()) element.set_attr("thread", invite.thread);
  }
  if (invite.is_decline) return message;
  if (config_.password_protected) x.add_text_child("password", config_.password);
  // XEP-0249 §2, for clients that know only that.
  xmpp::Element& direct = message->add("x", xmpp::ns::conference);
  direct.set_attr("jid", jid_.text());
  if (!invite.reason.empty()) direct.set_attr("reason", invite.reason);
  if (config_.password_protected) direct.set_attr("password", config_.password);
  return message;
}

/// The room remembers on whose behalf it has invited whom.
void Room::send_invitation(const xmpp::Jid& inviter, const xmpp::MucInvite& invite, std::string_view id) {
  Invitation sent{.inviter = inviter.bare(), .invitee = invite.peer.bare()};
  auto message = make_invitation(sent.inviter, invite);
  if (!id.empty()) message->set_attr("id", id);
  invited_.erase(std::ranges::remove(invited_, sent).begin(), invited_.end());
  invited_.push_back(std::move(sent));
  if (invited_.size() > most_remembered) invited_.pop_front();
  node().router().send(std::move(message));
}

void Room::invite(Envelope& envelope, const std::vector<xmpp::MucInvite>& invites) {
  const Occupant* inviter = occupant_of(envelope.from);
  if (inviter == nullptr) return refuse(envelope, Condition::not_acceptable, "You may not invite others");
  // §7.8.2: into a members-only room only admins invite, unless the room lets everybody.
  const bool may_invite = affiliation_of(envelope.from) >= Affiliation::admin ||
                          (config_.allow_invites && inviter->role >= Role::participant);
  if (!may_invite) return refuse(envelope, Condition::forbidden, "You may not invite others");
  if (invites.size() > most_at_once) return refuse(envelope, Condition::not_acceptable, "Too many invitations at once");
  std::vector<xmpp::Jid> new_members;
  for (const auto& each : invites) {
    if (!each.peer.has_local()) return refuse(envelope, Condition::item_not_found, "That is nobody's address");
    if (config_.members_only && affiliation_of(each.peer) == Affiliation::none) new_members.push_back(each.peer.bare());
  }
  if (!has_place_for(new_members)) return refuse(envelope, Condition::resource_constraint, lists_are_full);
  // Of accounts of ours their home counts whom they turn to (REQUIREMENTS 29).
  const bool is_counted = node().router().is_ours(envelope.from.domain());
  if (!is_counted && !rooms_.may_invite(envelope.from, invites.size()))
    return refuse(envelope, {.condition = Condition::policy_violation,
                             .text = "Too many invitations, try later",
                             .application_name = {},
                             .application_ns = {},
                             .type = xmpp::ErrorType::wait,
                             .application_feature = {}});
  const std::string id(envelope.stanza->attr("id"));
  for (const auto& jid : new_members) set_member(jid, Affiliation::member, {});
  for (const auto& each : invites) send_invitation(envelope.from, each, id);
  if (!new_members.empty()) save_members(new_members);
  node().router().accept(envelope);
}

/// Only who was invited has something to decline, once, and only to who invited him.
void Room::decline(Envelope& envelope, const xmpp::MucInvite& invite) {
  if (affiliation_of(envelope.from) == Affiliation::outcast) return refuse(envelope, Condition::forbidden);
  const Invitation declined{.inviter = invite.peer.bare(), .invitee = envelope.from.bare()};
  const auto found = std::ranges::find(invited_, declined);
  if (found == invited_.end()) return refuse(envelope, Condition::item_not_found, "There is no such invitation");
  invited_.erase(found);
  auto message = make_invitation(declined.invitee, invite);
  message->set_attr("to", declined.inviter.text());
  if (envelope.stanza->has_attr("id")) message->set_attr("id", envelope.stanza->attr("id"));
  node().router().send(std::move(message));
  node().router().accept(envelope);
}

void Room::request_voice(Envelope& envelope, const xmpp::DataForm& form) {
  Occupant* sender = occupant_of(envelope.from);
  if (sender == nullptr) return refuse(envelope, Condition::not_acceptable, "You are not in the room");
  const auto nick = form.value("muc#roomnick");
  const auto is_allowed = form.boolean("muc#request_allow");
  if (!is_allowed) return refuse(envelope, is_allowed.error());
  if (sender->role == Role::moderator && *is_allowed && nick) {
    // §8.6: a moderator's answer.
    node().router().accept(envelope);
    Occupant* target = occupant_named(*nick);
    if (!**is_allowed || target == nullptr || target->role != Role::visitor) return;
    return give_role(*target, Role::participant, {});
  }
  if (sender->role != Role::visitor) return refuse(envelope, Condition::bad_request, "You have voice");
  auto message = xmpp::Element::make("message", xmpp::ns::client);
  message->set_attr("from", jid_.text());
  xmpp::DataForm request = xmpp::DataForm::make(xmpp::DataForm::Type::form, xmpp::ns::muc_request);
  request.title = "Voice request";
  request.instructions = {"To give this occupant voice, choose yes and submit the form."};
  request.add("muc#role", "participant", "list-single", "Requested role");
  request.fields.back().options.push_back({{}, "participant"});
  request.add("muc#jid", sender->sessions.back().text(), "jid-single", "Address");
  request.add("muc#roomnick", sender->nick(), "text-single", "Nick");
  request.add_boolean("muc#request_allow", false, "Give voice?");
  request.add_to(*message);
  const SharedStanzaPtr shared = share(std::move(message));
  send_to_all(shared, [](const Occupant& occupant) { return occupant.role == Role::moderator; });
  node().router().accept(envelope);
}

}  // namespace rookery::server::muc
