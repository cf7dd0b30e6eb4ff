// XEP-0045 §7.10: registering with a room reserves a nick.
#include "server/features/muc/room.h"
#include "server/node.h"
#include "xmpp/namespaces.h"

namespace rookery::server::muc {

using xmpp::Condition;

namespace {
constexpr std::string_view nick_var = "muc#register_roomnick";
}

void Room::get_registration(IqRequest request) {
  const Affiliation affiliation = affiliation_of(request.from());
  if (affiliation == Affiliation::outcast) return request.fail(Condition::forbidden);
  if (config_.members_only && affiliation < Affiliation::member) return request.fail(Condition::not_allowed);
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
  if (affiliation == Affiliation::outcast) return request.fail(Condition::forbidden);
  if (config_.members_only && affiliation < Affiliation::member) return request.fail(Condition::not_allowed);
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
  if (!nick || nick->empty() || !prepared) return request.fail(Condition::not_acceptable, "That is no nick");
  if (nick_is_taken(prepared->resource(), who)) return request.fail(Condition::conflict, "Somebody else has that nick");
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

}  // namespace rookery::server::muc
