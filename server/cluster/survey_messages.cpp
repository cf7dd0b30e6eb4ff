#include "server/cluster/survey_messages.h"

#include <algorithm>
#include <vector>

#include "server/cluster/tlv.h"

namespace rookery::server::cluster {

namespace {

// One list of tags for all of these messages: a name means the same everywhere.
enum : uint32_t {
  tag_number = 1,
  tag_domain,
  tag_group,
  tag_named,
  tag_account,
  tag_count,
  tag_idle,
  tag_local,  // of one of the accounts of tag_domain
  tag_resource,
  tag_address,  // of the session of the tag_resource before it
  tag_reached,
  tag_text,
  tag_subject,
  tag_described,
  tag_line
};

bool is_group(OnlineQuery::Group group) {
  return group >= OnlineQuery::Group::all && group <= OnlineQuery::Group::idle;
}

}  // namespace

std::string encode(const Survey& survey) {
  std::string out;
  TlvWriter writer(out);
  writer.number(tag_number, survey.number);
  writer.text(tag_domain, survey.query.domain);
  writer.number(tag_group, static_cast<uint64_t>(survey.query.group));
  writer.number_unless_zero(tag_named, survey.query.named);
  writer.text_unless_empty(tag_account, survey.query.account.text());
  writer.number_unless_zero(tag_described, survey.query.is_described ? 1 : 0);
  return out;
}

std::optional<Survey> parse_survey(std::string_view bytes) {
  Survey survey;
  OnlineQuery& query = survey.query;
  bool is_understood = true;
  TlvReader reader(bytes);
  while (const auto field = reader.next()) {
    switch (field->tag) {
      case tag_number:
        survey.number = field->number;
        break;
      case tag_domain:
        query.domain = field->text;
        break;
      case tag_group:
        query.group = static_cast<OnlineQuery::Group>(field->number);
        break;
      case tag_named:
        query.named = static_cast<size_t>(std::min<uint64_t>(field->number, OnlineQuery::most_named));
        break;
      case tag_account:
        query.account = xmpp::Jid::parse(field->text).value_or(xmpp::Jid());
        is_understood = query.account.has_local() && query.account.is_bare();
        break;
      case tag_described:
        query.is_described = field->number != 0;
        break;
      default:
        break;
    }
  }
  if (reader.malformed() || survey.number == 0 || query.domain.empty()) return std::nullopt;
  if (!is_understood || !is_group(query.group)) return std::nullopt;
  return survey;
}

std::string encode(const SurveyAnnouncement& survey) {
  std::string out;
  TlvWriter writer(out);
  writer.number(tag_number, survey.number);
  writer.text(tag_domain, survey.announcement.domain);
  writer.text_unless_empty(tag_text, survey.announcement.text);
  writer.text_unless_empty(tag_subject, survey.announcement.subject);
  return out;
}

std::optional<SurveyAnnouncement> parse_survey_announcement(std::string_view bytes) {
  SurveyAnnouncement survey;
  TlvReader reader(bytes);
  while (const auto field = reader.next()) {
    switch (field->tag) {
      case tag_number:
        survey.number = field->number;
        break;
      case tag_domain:
        survey.announcement.domain = field->text;
        break;
      case tag_text:
        survey.announcement.text = field->text;
        break;
      case tag_subject:
        survey.announcement.subject = field->text;
        break;
      default:
        break;
    }
  }
  if (reader.malformed() || survey.number == 0 || survey.announcement.domain.empty()) return std::nullopt;
  return survey;
}

std::string encode(const SurveyAnswer& answer) {
  std::string out;
  TlvWriter writer(out);
  const OnlineUsers& users = answer.users;
  writer.number(tag_number, answer.number);
  writer.number_unless_zero(tag_count, users.count);
  writer.number_unless_zero(tag_idle, users.idle);
  if (!users.accounts.empty()) writer.text(tag_domain, users.accounts.front().domain());
  for (const auto& account : users.accounts) writer.text(tag_local, account.local());
  for (size_t i = 0; i < users.resources.size(); ++i) {
    writer.text(tag_resource, users.resources[i]);
    writer.text_unless_empty(tag_address, users.addresses[i]);
  }
  for (const auto& line : users.lines) writer.text(tag_line, line);
  writer.number_unless_zero(tag_reached, answer.reached);
  return out;
}

std::optional<SurveyAnswer> parse_survey_answer(std::string_view bytes) {
  SurveyAnswer answer;
  OnlineUsers& users = answer.users;
  std::string_view domain;
  std::vector<std::string_view> locals;
  TlvReader reader(bytes);
  while (const auto field = reader.next()) {
    switch (field->tag) {
      case tag_number:
        answer.number = field->number;
        break;
      case tag_count:
        users.count = field->number;
        break;
      case tag_idle:
        users.idle = field->number;
        break;
      case tag_domain:
        domain = field->text;
        break;
      case tag_local:
        locals.push_back(field->text);
        break;
      case tag_resource:
        users.resources.emplace_back(field->text);
        users.addresses.emplace_back();
        break;
      case tag_address:
        if (!users.addresses.empty()) users.addresses.back() = field->text;
        break;
      case tag_line:
        users.lines.emplace_back(field->text);
        break;
      case tag_reached:
        answer.reached = field->number;
        break;
      default:
        break;
    }
  }
  if (reader.malformed() || answer.number == 0 || users.idle > users.count) return std::nullopt;
  for (const auto local : locals) {
    auto account = xmpp::Jid::make(local, domain);
    if (account && account->has_local()) users.accounts.push_back(std::move(*account));
  }
  return answer;
}

}  // namespace rookery::server::cluster
