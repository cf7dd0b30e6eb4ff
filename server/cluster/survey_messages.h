// What one node asks all others about those who are online, and what they answer (server/admin/online_users.h).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "server/admin/online_users.h"

namespace rookery::server::cluster {

/// To a loop of another process; the answer goes to the loop that it comes from.
struct Survey {
  uint64_t number = 0;  ///< of the question, not 0
  OnlineQuery query;
};

/// The same: a word to all who are online at the homes there.
struct SurveyAnnouncement {
  uint64_t number = 0;
  Announcement announcement;
};

/// Of accounts the local parts alone are sent, so that the longest answer is below NATS's limit of 1 MiB.
struct SurveyAnswer {
  uint64_t number = 0;
  OnlineUsers users;     ///< to a Survey
  uint64_t reached = 0;  ///< to a SurveyAnnouncement: sessions
};

std::string encode(const Survey& survey);
std::string encode(const SurveyAnnouncement& survey);
std::string encode(const SurveyAnswer& answer);

std::optional<Survey> parse_survey(std::string_view bytes);
std::optional<SurveyAnnouncement> parse_survey_announcement(std::string_view bytes);
std::optional<SurveyAnswer> parse_survey_answer(std::string_view bytes);

}  // namespace rookery::server::cluster
