// XEP-0045 §10, muc#owner: configuration and destruction.
#include "server/features/muc/room.h"
#include "server/node.h"
#include "xmpp/namespaces.h"

namespace rookery::server::muc {

using xmpp::Condition;

namespace {

constexpr std::string_view owners_var = "muc#roomconfig_roomowners", admins_var = "muc#roomconfig_roomadmins";

/// The bare JIDs of a jid-multi field; nullopt when the form does not have it.
xmpp::Parsed<std::optional<std::vector<xmpp::Jid>>> read_jids(const xmpp::DataForm& form, std::string_view var) {
  if (form.field(var) == nullptr) return std::nullopt;
  std::vector<xmpp::Jid> jids;
  for (const auto& text : form.values(var)) {
    if (text.empty()) continue;
    const auto jid = xmpp::Jid::parse(text);
    if (!jid || !jid->has_local()) return xmpp::refuse(Condition::jid_malformed, text + " is no address of a person");
    jids.push_back(jid->bare());
  }
  return jids;
}

}  // namespace

void Room::get_config(IqRequest request) {
  if (affiliation_of(request.from()) != Affiliation::owner) return request.fail(Condition::forbidden);
  xmpp::DataForm form = config_.to_form(xmpp::DataForm::Type::form);
  for (const auto& [var, affiliation, label] :
       {std::tuple(admins_var, Affiliation::admin, "Admins"), std::tuple(owners_var, Affiliation::owner, "Owners")}) {
    std::vector<std::string> jids;
    for (const auto& [jid, known] : members_) {
      if (known.affiliation == affiliation) jids.push_back(jid.text());
    }
    form.add_values(var, std::move(jids), "jid-multi", label);
  }
  auto result = request.make_result();
  form.add_to(result->add("query", xmpp::ns::muc_owner));
  request.reply(std::move(result));
}

void Room::set_config(IqRequest request) {
  if (affiliation_of(request.from()) != Affiliation::owner) return request.fail(Condition::forbidden);
  if (const auto* element = request.payload().child("destroy", xmpp::ns::muc_owner)) {
    const auto why = xmpp::MucDestroy::parse(*element);
    if (!why) return request.fail(why.error());
    return destroy(&*why, [request = std::move(request)](const Status& removed) mutable {
      if (!removed) return request.fail(removed.error());
      request.reply();
    });
  }
  const auto form = xmpp::DataForm::parse_child(request.payload());
  if (!form) return request.fail(form.error());
  if (!*form) return request.fail(Condition::bad_request);
  if ((*form)->type == xmpp::DataForm::Type::cancel) {
    // §10.1.3: who does not want to configure a new room does not want the room.
    const xmpp::MucDestroy unexplained;
    if (is_locked_) destroy(&unexplained);
    return request.reply();
  }
  if ((*form)->type != xmpp::DataForm::Type::submit) return request.fail(Condition::bad_request);
  const bool names_other = (*form)->field("FORM_TYPE") != nullptr && (*form)->form_type() != xmpp::ns::muc_roomconfig;
  if (names_other) return request.fail(Condition::bad_request, "The form is no room configuration");
  configure(std::move(request), **form);
}

void Room::configure(IqRequest request, const xmpp::DataForm& form) {
  auto wanted = config_.changed_by(form);
  if (!wanted) return request.fail(wanted.error());
  if (const auto checked = wanted->check_lengths(config_); !checked) return request.fail(checked.error());
  const auto owners = read_jids(form, owners_var);
  if (!owners) return request.fail(owners.error());
  const auto admins = read_jids(form, admins_var);
  if (!admins) return request.fail(admins.error());
  // §10.2: a room has an owner.
  if (*owners && (*owners)->empty()) return request.fail(Condition::conflict, "A room needs an owner");
  std::vector<xmpp::Jid> listed = owners->value_or(std::vector<xmpp::Jid>());
  if (*admins) listed.insert(listed.end(), (*admins)->begin(), (*admins)->end());
  if (!has_place_for(listed)) return request.fail(Condition::resource_constraint, lists_are_full);
  const xmpp::RoomConfig before = std::exchange(config_, std::move(*wanted));
  const bool was_locked = std::exchange(is_locked_, false);
  std::vector<xmpp::Jid> changed;
  const auto give = [&](const std::optional<std::vector<xmpp::Jid>>& listed, Affiliation affiliation) {
    if (!listed) return;
    const std::set<xmpp::Jid> wanted_set(listed->begin(), listed->end());
    std::vector<std::pair<xmpp::Jid, Affiliation>> changes;
    for (const auto& [jid, known] : members_) {
      if (known.affiliation == affiliation && !wanted_set.contains(jid)) changes.emplace_back(jid, Affiliation::member);
    }
    for (const auto& jid : wanted_set) {
      // One who is an owner and is listed as admin as well stays what he is.
      const Affiliation present = affiliation_of(jid);
      if (present != affiliation && !(present == Affiliation::owner && affiliation == Affiliation::admin))
        changes.emplace_back(jid, affiliation);
    }
    for (const auto& [jid, value] : changes) {
      xmpp::MucItem item;
      item.affiliation = value;
      apply_affiliation(jid, item, {});
      changed.push_back(jid);
    }
  };
  give(*owners, Affiliation::owner);
  give(*admins, Affiliation::admin);
  if (was_locked) {
    changed.clear();
    for (const auto& [jid, known] : members_) changed.push_back(jid);
  }
  save_members(changed);
  save([request = std::move(request)](const Status& stored) mutable {
    if (!stored) return request.fail(stored.error());
    request.reply();
  });
  if (!was_locked) config_changed(before);
}

// §10.2.1
void Room::config_changed(const xmpp::RoomConfig& before) {
  std::vector<int> statuses;
  const bool tells_logging = before.is_logged != config_.is_logged && node().config().archive;
  if (tells_logging) statuses.push_back(config_.is_logged ? 170 : 171);
  if (before.is_anonymous() != config_.is_anonymous()) statuses.push_back(config_.is_anonymous() ? 173 : 172);
  xmpp::RoomConfig same_privacy = before;
  if (tells_logging) same_privacy.is_logged = config_.is_logged;
  same_privacy.whois = config_.whois;
  if (same_privacy != config_) statuses.push_back(104);
  if (!statuses.empty()) announce(statuses);
  if (before.is_moderated != config_.is_moderated) given_roles_.clear();
  std::vector<std::string> nicks;
  for (const auto& [nick, occupant] : occupants_) nicks.push_back(nick);
  for (const auto& nick : nicks) {
    Occupant* occupant = occupant_named(nick);
    if (occupant == nullptr) continue;
    const Affiliation affiliation = affiliation_of(occupant->account());
    if (config_.members_only && !before.members_only && affiliation < Affiliation::member) {
      remove(*occupant, {.statuses = {322}});
    } else if (before.is_moderated && !config_.is_moderated && occupant->role == Role::visitor) {
      set_role(*occupant, Role::participant, {});
    }
  }
}

}  // namespace rookery::server::muc
