// What every folder shares: Result<T> for a world that can fail, ensure() for mistakes of ours.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace rookery {

/// Why something of the outside world failed. A peer's protocol errors are StanzaError and StreamError (xmpp/errors.h).
enum class Failure {
  not_found,    ///< what was asked for does not exist
  conflict,     ///< it exists already
  invalid,      ///< malformed input
  denied,       ///< wrong password, untrusted key or certificate
  fenced,       ///< a newer owner has written (storage epochs)
  full,         ///< no space on the device or a quota is used up
  io,           ///< disk, socket or library failure
  unavailable,  ///< not reachable now; try again later
};
std::string_view to_string(Failure failure);

/// A failure and one sentence for the log or the person at the keyboard; never a secret.
struct Error {
  Failure failure = Failure::io;
  std::string message;
};

template <typename T>
class [[nodiscard]] Result : public std::expected<T, Error> {
 public:
  using std::expected<T, Error>::expected;
};
using Status = Result<void>;

/// `return fail(Failure::io, "cannot open " + path);`
inline std::unexpected<Error> fail(Failure failure, std::string message) {
  return std::unexpected<Error>(Error{failure, std::move(message)});
}

/// A condition that only a mistake of ours can break; on in release builds too. Throws std::logic_error.
[[noreturn]] void ensure_failed(const char* condition, const char* file, int line);
#define ensure(condition) ((condition) ? (void)0 : ::rookery::ensure_failed(#condition, __FILE__, __LINE__))

}  // namespace rookery
