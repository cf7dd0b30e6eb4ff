#include "xmpp/payloads/muc_config.h"

#include <algorithm>
#include <array>
#include <iterator>

#include "xmpp/namespaces.h"

namespace rookery::xmpp {
namespace {

struct Switch {
  std::string_view var, label;
  bool RoomConfig::* member;
};
constexpr std::array switches = {
    Switch{"muc#roomconfig_persistentroom", "The room stays when the last one leaves", &RoomConfig::is_persistent},
    Switch{"muc#roomconfig_publicroom", "The room is in the public list", &RoomConfig::is_public},
    Switch{"muc#roomconfig_membersonly", "Only members may enter", &RoomConfig::members_only},
    Switch{"muc#roomconfig_moderatedroom", "Only those with voice may speak", &RoomConfig::is_moderated},
    Switch{"muc#roomconfig_passwordprotectedroom", "A password is needed to enter", &RoomConfig::password_protected},
    Switch{"muc#roomconfig_changesubject", "Participants may change the subject", &RoomConfig::change_subject},
    Switch{"muc#roomconfig_allowinvites", "Occupants may invite others", &RoomConfig::allow_invites},
    Switch{"muc#roomconfig_enablelogging", "Messages are kept in the archive", &RoomConfig::is_logged},
};

struct Text {
  std::string_view var, label, type;
  std::string RoomConfig::* member;
  size_t longest_bytes;
};
constexpr std::array texts = {
    Text{"muc#roomconfig_roomname", "Name", "text-single", &RoomConfig::name, 1024},
    Text{"muc#roomconfig_roomdesc", "Description", "text-single", &RoomConfig::description, 4096},
    Text{"muc#roomconfig_lang", "Language", "text-single", &RoomConfig::language, 256},
    Text{"muc#roomconfig_roomsecret", "Password", "text-private", &RoomConfig::password, 1024},
};

struct Roles {
  std::string_view var, label;
  std::set<Role> RoomConfig::* member;
};
constexpr std::array role_lists = {
    Roles{"muc#roomconfig_presencebroadcast", "Roles whose presence is broadcast", &RoomConfig::presence_broadcast},
    Roles{"muc#roomconfig_getmemberlist", "Roles that may ask for the member list", &RoomConfig::member_list},
};

constexpr std::string_view whois_names[] = {"moderators", "anyone"};
constexpr std::string_view private_names[] = {"anyone", "participants", "moderators", "none"};
constexpr uint32_t longest_history = 1000;

std::unexpected<StanzaError> no_value(std::string_view var) {
  return refuse(Condition::bad_request, "the field " + std::string(var) + " cannot have that value");
}

/// false: there is a value, and it is none of the names.
template <typename Value, size_t count>
bool take_choice(const DataForm& form, std::string_view var, const std::string_view (&names)[count], Value& value) {
  const auto text = form.value(var);
  if (!text) return true;
  for (size_t i = 0; i < count; ++i) {
    if (names[i] != *text) continue;
    value = static_cast<Value>(i);
    return true;
  }
  return false;
}

bool take_number(const DataForm& form, std::string_view var, uint32_t& value) {
  const auto text = form.value(var);
  if (!text) return true;
  if (text->empty() || *text == "none") {
    value = 0;
    return true;
  }
  const auto number = parse_uint32(*text);
  if (number) value = *number;
  return number.has_value();
}

bool take_roles(const DataForm& form, std::string_view var, std::set<Role>& value) {
  if (form.field(var) == nullptr) return true;
  std::set<Role> wanted;
  for (const auto& text : form.values(var)) {
    if (text.empty() || text == "none") continue;
    const auto role = parse_role(text);
    if (!role) return false;
    wanted.insert(*role);
  }
  value = std::move(wanted);
  return true;
}

void add_roles(DataForm& form, const Roles& list, const std::set<Role>& roles) {
  std::vector<std::string> values;
  for (const Role role : roles) values.emplace_back(to_string(role));
  form.add_values(list.var, std::move(values), "list-multi", list.label);
  for (const Role role : {Role::moderator, Role::participant, Role::visitor})
    form.fields.back().options.push_back({{}, std::string(to_string(role))});
}

void add_max_users(DataForm& form, uint32_t max_users) {
  const std::string value = max_users == 0 ? "none" : std::to_string(max_users);
  std::vector<std::string_view> options = {"none", "10", "20", "30", "50", "100", "200", "500", "1000"};
  if (std::ranges::find(options, value) == options.end()) options.push_back(value);
  form.add_choice("muc#roomconfig_maxusers", value, options, "Most occupants");
}

}  // namespace

std::string_view to_string(RoomConfig::PrivateMessages who) { return private_names[static_cast<size_t>(who)]; }

DataForm RoomConfig::to_form(DataForm::Type type) const {
  DataForm form = DataForm::make(type, ns::muc_roomconfig);
  form.title = "Room configuration";
  for (const auto& text : texts) form.add(text.var, this->*text.member, text.type, text.label);
  for (const auto& each : switches) form.add_boolean(each.var, this->*each.member, each.label);
  form.add_choice("muc#roomconfig_whois", whois_names[static_cast<size_t>(whois)],
                  {std::begin(whois_names), std::end(whois_names)}, "Who sees real addresses");
  form.add_choice("muc#roomconfig_allowpm", to_string(private_messages),
                  {std::begin(private_names), std::end(private_names)}, "Who may send private messages");
  add_max_users(form, max_users);
  form.add("muc#roomconfig_historylength", std::to_string(history_length), "text-single",
           "Messages sent to one who enters");
  for (const auto& list : role_lists) add_roles(form, list, this->*list.member);
  return form;
}

Parsed<RoomConfig> RoomConfig::changed_by(const DataForm& submitted) const {
  RoomConfig changed = *this;
  for (const auto& text : texts) {
    if (submitted.field(text.var) == nullptr) continue;
    changed.*text.member = submitted.value(text.var).value_or(std::string_view());
  }
  for (const auto& each : switches) {
    const auto value = submitted.boolean(each.var);
    if (!value) return std::unexpected(value.error());
    if (*value) changed.*each.member = **value;
  }
  // XEP-0045 §7.8.2: into a members-only room admins invite, unless an owner says otherwise.
  if (changed.members_only != members_only && !submitted.value("muc#roomconfig_allowinvites"))
    changed.allow_invites = !changed.members_only;
  if (!take_choice(submitted, "muc#roomconfig_whois", whois_names, changed.whois))
    return no_value("muc#roomconfig_whois");
  if (!take_choice(submitted, "muc#roomconfig_allowpm", private_names, changed.private_messages))
    return no_value("muc#roomconfig_allowpm");
  if (!take_number(submitted, "muc#roomconfig_maxusers", changed.max_users)) return no_value("muc#roomconfig_maxusers");
  for (const auto var : {"muc#roomconfig_historylength", "muc#maxhistoryfetch"}) {
    if (!take_number(submitted, var, changed.history_length)) return no_value(var);
  }
  changed.history_length = std::min(changed.history_length, longest_history);
  for (const auto& list : role_lists) {
    if (!take_roles(submitted, list.var, changed.*list.member)) return no_value(list.var);
  }
  if (changed.password_protected && changed.password.empty())
    return refuse(Condition::not_acceptable, "a password-protected room needs a password");
  return changed;
}

Parsed<void> RoomConfig::check_lengths(const RoomConfig& before) const {
  for (const auto& text : texts) {
    const std::string& value = this->*text.member;
    if (value.size() > text.longest_bytes && value != before.*text.member)
      return refuse(Condition::not_acceptable, "the field " + std::string(text.var) + " is too long");
  }
  return {};
}

}  // namespace rookery::xmpp
