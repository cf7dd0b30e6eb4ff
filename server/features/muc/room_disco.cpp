// XEP-0045 §6.4-6.5, §7.12: what service discovery says of a room.
#include "server/features/muc/room.h"
#include "server/node.h"
#include "xmpp/namespaces.h"
#include "xmpp/payloads/disco.h"

namespace rookery::server::muc {

using xmpp::Condition;

namespace {
constexpr std::string_view reserved_nick_node = "x-roomuser-item";
}

void Room::disco_info(IqRequest request) {
  const auto node_name = request.payload().attr("node");
  auto result = request.make_result();
  if (node_name == reserved_nick_node) {
    // §7.12: no identity means no reserved nick.
    xmpp::DiscoInfo info;
    info.node = node_name;
    const Member* own = member(request.from());
    if (own != nullptr && !own->nick.empty())
      info.identities.push_back({.category = "conference", .type = "text", .name = own->nick, .lang = {}});
    info.add_to(*result);
    return request.reply(std::move(result));
  }
  if (!node_name.empty()) return command_info(std::move(request));
  xmpp::DiscoInfo info;
  info.identities.push_back({.category = "conference",
                             .type = "text",
                             .name = config_.name.empty() ? std::string(jid_.local()) : config_.name,
                             .lang = {}});
  const auto add = [&](std::string_view feature) { info.features.emplace_back(feature); };
  for (const auto feature : {xmpp::ns::disco_info, xmpp::ns::disco_items, xmpp::ns::muc, xmpp::ns::muc_stable_id,
                             xmpp::ns::self_ping, xmpp::ns::muc_request, xmpp::ns::registration, xmpp::ns::occupant_id,
                             xmpp::ns::vcard_temp, xmpp::ns::ping, xmpp::ns::sid, xmpp::ns::moderate,
                             xmpp::ns::moderate_0, xmpp::ns::retract, xmpp::ns::hats, xmpp::ns::commands}) {
    add(feature);
  }
  add(config_.is_persistent ? "muc_persistent" : "muc_temporary");
  add(config_.is_public ? "muc_public" : "muc_hidden");
  add(config_.members_only ? "muc_membersonly" : "muc_open");
  add(config_.is_moderated ? "muc_moderated" : "muc_unmoderated");
  add(config_.password_protected ? "muc_passwordprotected" : "muc_unsecured");
  add(config_.is_anonymous() ? "muc_semianonymous" : "muc_nonanonymous");
  if (keeps_archive()) {
    add(xmpp::ns::mam);
    add(xmpp::ns::mam_extended);
    add(xmpp::ns::retract_tombstone);
  }
  xmpp::DataForm form = xmpp::DataForm::make(xmpp::DataForm::Type::result, xmpp::ns::muc_roominfo);
  form.add("muc#roominfo_description", config_.description, "text-single", "Description");
  form.add("muc#roominfo_lang", config_.language, "text-single", "Language");
  form.add("muc#roominfo_occupants", std::to_string(occupants_.size()), "text-single", "Number of occupants");
  form.add_boolean("muc#roominfo_subjectmod", config_.change_subject, "Participants may change the subject");
  // §6.4: any field of the configuration. From these clients decide what they offer to those who are no owners; they
  // want 1 and 0.
  const auto tell = [&](std::string_view var, bool value) { form.add(var, value ? "1" : "0", "boolean"); };
  tell("muc#roomconfig_changesubject", config_.change_subject);
  tell("muc#roomconfig_allowinvites", config_.allow_invites);
  form.add("muc#roomconfig_allowpm", xmpp::to_string(config_.private_messages), "text-single");
  // What is talked about is for who may read it.
  const bool is_told = subject_ && may_read_archive(request.from());
  const std::string subject = is_told ? subject_->stanza().child_text("subject", xmpp::ns::client) : std::string();
  if (!subject.empty()) form.add("muc#roominfo_subject", subject, "text-single", "Subject");
  std::vector<std::string> owners;
  for (const auto& [jid, known] : members_) {
    if (known.affiliation == Affiliation::owner) owners.push_back(jid.text());
  }
  // Who may not see addresses is not told the owners' either.
  const bool is_known = affiliation_of(request.from()) >= Affiliation::admin || !config_.is_anonymous();
  if (is_known) form.add_values("muc#roominfo_contactjid", std::move(owners), "jid-multi", "Contact");
  form.add("muc#maxhistoryfetch", std::to_string(node().config().muc_history), "text-single",
           "Most messages of the history");
  if (!avatars_.empty()) form.add_values("muc#roominfo_avatarhash", avatars_, "text-multi", "Avatar hash");
  if (!hats_.all().empty()) form.add("hats#hash", hats_.hash(), "text-single", "Hats hash");
  info.forms.push_back(std::move(form));
  info.add_to(*result);
  request.reply(std::move(result));
}

void Room::disco_items(IqRequest request) {
  if (!request.payload().attr("node").empty()) return command_items(std::move(request));
  xmpp::DiscoItems items;
  // §6.5: who is not inside learns who is only from a public room.
  const bool is_told = config_.is_public || occupant_of(request.from()) != nullptr ||
                       affiliation_of(request.from()) >= Affiliation::member;
  if (is_told && affiliation_of(request.from()) != Affiliation::outcast) {
    for (const auto& [nick, occupant] : occupants_)
      items.items.push_back({.jid = occupant->jid, .node = {}, .name = {}});
  }
  auto result = request.make_result();
  items.add_to(*result);
  request.reply(std::move(result));
}

}  // namespace rookery::server::muc
