#include "crypto/result.h"

#include <stdexcept>

namespace rookery {

std::string_view to_string(Failure failure) {
  switch (failure) {
    case Failure::not_found:
      return "not-found";
    case Failure::conflict:
      return "conflict";
    case Failure::invalid:
      return "invalid";
    case Failure::denied:
      return "denied";
    case Failure::fenced:
      return "fenced";
    case Failure::full:
      return "full";
    case Failure::io:
      return "io";
    case Failure::unavailable:
      return "unavailable";
  }
  return "unknown";
}

void ensure_failed(const char* condition, const char* file, int line) {
  throw std::logic_error(std::string(file) + ":" + std::to_string(line) + ": broken promise: " + condition);
}

}  // namespace rookery
