#include "server/cluster/surveys.h"

#include <utility>

#include "server/cluster/cluster.h"
#include "server/node.h"

namespace rookery::server::cluster {

namespace {

/// Where answers to a stream's packets go.
std::string address_of_stream(std::string_view stream) { return "l." + std::string(stream); }

std::string first_loop_of(const std::string& process) { return "l." + process + ".0"; }

}  // namespace

Surveys::Question::Question(Surveys& surveys, uint64_t number, std::set<std::string> processes, Topic topic,
                            const std::string& body)
    : surveys_(surveys),
      number_(number),
      unanswered_(std::move(processes)),
      asked_(unanswered_.size()),
      is_over_(unanswered_.empty()) {
  if (is_over_) return;
  surveys_.questions_[number_] = this;
  timer_ = surveys_.loop_.after(surveys_.patience_, [this] { end(); });
  for (const auto& process : unanswered_) surveys_.port_.send_to_loop(first_loop_of(process), topic, body);
}

Surveys::Question::~Question() {
  waiting_ = {};
  if (!is_over_) end();
}

void Surveys::Question::on_answer(const std::string& process, SurveyAnswer answer) {
  if (unanswered_.erase(process) == 0) return;
  answers_.push_back(std::move(answer));
  if (unanswered_.empty()) end();
}

void Surveys::Question::end() {
  is_over_ = true;
  surveys_.loop_.cancel(timer_);
  surveys_.questions_.erase(number_);
  // Not from within the packet that brought the last answer.
  if (waiting_) surveys_.loop_.post([waiting = waiting_] { waiting.resume(); });
}

Surveys::Surveys(Node& node, Loop& loop, Port& port, std::string process, std::chrono::milliseconds patience)
    : node_(node), loop_(loop), port_(port), process_(std::move(process)), patience_(patience) {
  port_.on(Topic::survey, [this](const Incoming& incoming) {
    if (auto survey = parse_survey(incoming.body))
      spawn(look(address_of_stream(incoming.ref.stream), std::move(*survey)), "surveys.look");
    port_.taken(incoming.ref);
  });
  port_.on(Topic::announcement, [this](const Incoming& incoming) {
    if (auto survey = parse_survey_announcement(incoming.body))
      spawn(announce(address_of_stream(incoming.ref.stream), std::move(*survey)), "surveys.announce");
    port_.taken(incoming.ref);
  });
  port_.on(Topic::survey_answer, [this](const Incoming& incoming) {
    on_answer(incoming);
    port_.taken(incoming.ref);
  });
}

Surveys::Question Surveys::ask(const OnlineQuery& query) {
  const uint64_t number = ++last_number_;
  return {*this, number, query.account.empty() ? others() : owner_of(query.account), Topic::survey,
          encode(Survey{number, query})};
}

Surveys::Question Surveys::ask(const Announcement& announcement) {
  const uint64_t number = ++last_number_;
  return {*this, number, others(), Topic::announcement, encode(SurveyAnnouncement{number, announcement})};
}

std::set<std::string> Surveys::others() const {
  if (!port_.places()) return {};
  auto processes = port_.places()->processes;
  processes.erase(process_);
  return processes;
}

std::set<std::string> Surveys::owner_of(const xmpp::Jid& account) const {
  const Places* places = port_.places();
  const uint32_t shard = shard_of(account.text());
  if (places == nullptr || shard >= places->shards.size()) return {};
  const std::string& owner = places->shards[shard].process;
  // Given away since the last news of all shards: to whom, the next will tell.
  if (owner == process_ && node_.cluster() != nullptr && !node_.cluster()->owns(shard)) return others();
  // Our own, nobody's, or of one that is dead: nobody else knows more than we do.
  if (owner == process_ || !places->processes.contains(owner)) return {};
  return {owner};
}

Task<void> Surveys::look(std::string asker, Survey survey) {
  // What we hold, others may have by now: not to be counted twice.
  if (node_.cluster() != nullptr && node_.cluster()->is_suspended()) co_return;
  auto looking = online_here(node_, std::move(survey.query));
  auto users = co_await looking;
  port_.send_to_loop(asker, Topic::survey_answer,
                     encode(SurveyAnswer{.number = survey.number, .users = std::move(users)}));
}

Task<void> Surveys::announce(std::string asker, SurveyAnnouncement survey) {
  auto announcing = announce_here(node_, std::move(survey.announcement));
  const size_t reached = co_await announcing;
  port_.send_to_loop(asker, Topic::survey_answer,
                     encode(SurveyAnswer{.number = survey.number, .users = {}, .reached = reached}));
}

void Surveys::on_answer(const Incoming& incoming) {
  auto answer = parse_survey_answer(incoming.body);
  const auto question = answer ? questions_.find(answer->number) : questions_.end();
  if (question == questions_.end()) return;  // it came too late
  question->second->on_answer(std::string(process_of_stream(incoming.ref.stream)), std::move(*answer));
}

}  // namespace rookery::server::cluster
