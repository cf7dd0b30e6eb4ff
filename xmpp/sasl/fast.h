// FAST (XEP-0484): tokens that a client got after a full login and shows at the next one. Pure decisions; keeping the
// tokens is the storage's.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "xmpp/sasl/sasl.h"
#include "xmpp/time.h"

namespace rookery::xmpp {

struct FastToken {
  std::string secret;     ///< as the client got it: HT-* computes an HMAC with it, so a hash of it would not do
  std::string mechanism;  ///< the only one that it is good for, e.g. "HT-SHA-256-EXPR"
  TimePoint issued{}, expires{};
  uint64_t count = 0;  ///< the highest `count` that a client has shown with it; 0: none
  bool operator==(const FastToken&) const = default;
};

/// §5.1 "Server-side handling of multiple active tokens": a new token waits in `fresh` until it is used, so that a
/// client that never heard of it can still log in with `current`.
struct FastSlots {
  std::optional<FastToken> current, fresh;
  bool empty() const { return !current && !fresh; }
  void clear() { current.reset(), fresh.reset(); }
  bool operator==(const FastSlots&) const = default;
};

struct FastPolicy {
  std::chrono::seconds lifetime{};      ///< of a new token
  std::chrono::seconds rotate_after{};  ///< a token that is older is replaced when it is used
};

/// One attempt, as the client sends it.
struct FastAttempt {
  std::string_view mechanism;
  std::string_view proof;         ///< the hash out of the client's message
  std::string_view binding_data;  ///< of this connection, for this mechanism; empty for HT-*-NONE
  std::optional<uint64_t> count;  ///< <fast count/>
};

enum class FastVerdict {
  accepted,
  expired,  ///< it was a token of ours: answer credentials-expired
  refused,  ///< unknown, of another mechanism, or replayed: answer not-authorized
};

struct FastOutcome {
  FastVerdict verdict = FastVerdict::refused;
  std::string answer;  ///< accepted: what proves to the client that we know the token too (raw bytes)
  bool is_due_for_rotation = false;
};

/// Checks the attempt against both slots, in constant time. Accepted: the token used is now `current`, its count is
/// remembered, and every token older than it is gone.
FastOutcome use_fast_token(FastSlots& slots, const FastAttempt& attempt, TimePoint now, const FastPolicy& policy);

/// Puts a new token into `fresh`, in place of one that was never used, and returns it.
const FastToken& issue_fast_token(FastSlots& slots, std::string_view mechanism, TimePoint now,
                                  const FastPolicy& policy);

// The Hashed Token mechanisms (draft-ietf-kitten-sasl-ht-00).

/// HT-SHA-256-NONE and those whose channel binding this connection has; strongest first.
std::vector<std::string_view> fast_mechanisms(const ChannelBindings& bindings);
bool is_fast_mechanism(std::string_view name);
/// The binding data that goes with the mechanism ("" for NONE); nullptr when it is unknown or this connection has none.
const std::string* fast_binding_data(std::string_view mechanism, const ChannelBindings& bindings);

struct HashedTokenMessage {
  std::string username;  ///< not prepared
  std::string proof;
};
/// authcid NUL initiator-hashed-token
std::optional<HashedTokenMessage> parse_hashed_token(std::string_view message);
/// The client's message, and the server's proof that answers it.
std::string hashed_token_message(std::string_view username, std::string_view secret, std::string_view binding_data);
std::string hashed_token_answer(std::string_view secret, std::string_view binding_data);

}  // namespace rookery::xmpp
