// What this node asks the others about those who are online, and what it is asked by them. One of each loop.
#pragma once

#include <chrono>
#include <coroutine>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "server/cluster/port.h"
#include "server/cluster/survey_messages.h"
#include "server/task.h"

namespace rookery::server::cluster {

class Surveys {
 public:
  /// One question to other processes, from its making on under way; `co_await` it once for the answers. That lasts
  /// until all have answered, and no longer than a few seconds. Lives and is awaited on the loop of its Surveys.
  class Question {
   public:
    Question(const Question&) = delete;
    ~Question();

    size_t asked() const { return asked_; }
    bool await_ready() const noexcept { return is_over_; }
    void await_suspend(std::coroutine_handle<> waiting) noexcept { waiting_ = waiting; }
    std::vector<SurveyAnswer> await_resume() noexcept { return std::move(answers_); }

   private:
    friend class Surveys;
    Question(Surveys& surveys, uint64_t number, std::set<std::string> processes, Topic topic, const std::string& body);
    void on_answer(const std::string& process, SurveyAnswer answer);
    void end();

    Surveys& surveys_;
    const uint64_t number_;
    std::set<std::string> unanswered_;  ///< processes
    const size_t asked_;
    std::vector<SurveyAnswer> answers_;
    Loop::TimerId timer_{};
    bool is_over_ = false;
    std::coroutine_handle<> waiting_;
  };

  /// `patience`: how long an answer may take.
  Surveys(Node& node, Loop& loop, Port& port, std::string process,
          std::chrono::milliseconds patience = std::chrono::seconds(3));

  /// All other processes that live; about one account that which owns it.
  Question ask(const OnlineQuery& query);
  Question ask(const Announcement& announcement);

 private:
  std::set<std::string> others() const;
  std::set<std::string> owner_of(const xmpp::Jid& account) const;
  Task<void> look(std::string asker, Survey survey);
  Task<void> announce(std::string asker, SurveyAnnouncement survey);
  void on_answer(const Incoming& incoming);

  Node& node_;
  Loop& loop_;
  Port& port_;
  const std::string process_;
  const std::chrono::milliseconds patience_;
  uint64_t last_number_ = 0;
  std::unordered_map<uint64_t, Question*> questions_;  ///< that wait for answers
};

}  // namespace rookery::server::cluster
