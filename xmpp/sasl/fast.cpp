#include "xmpp/sasl/fast.h"

#include <algorithm>
#include <array>
#include <utility>

#include "crypto/hash.h"
#include "crypto/random.h"

namespace rookery::xmpp {

namespace {

constexpr size_t token_entropy_bytes = 32;

struct HashedToken {
  std::string_view name;
  std::string_view binding;  // empty: none
};
constexpr std::array<HashedToken, 3> mechanisms = {{
    {"HT-SHA-256-EXPR", "tls-exporter"},
    {"HT-SHA-256-ENDP", "tls-server-end-point"},
    {"HT-SHA-256-NONE", ""},
}};

std::string keyed(std::string_view secret, std::string_view role, std::string_view binding_data) {
  return crypto::hmac(crypto::Hash::sha256, secret, std::string(role).append(binding_data));
}

bool is_proven(const std::optional<FastToken>& token, const FastAttempt& attempt) {
  if (!token) return false;
  const bool same_hash =
      crypto::equal_in_constant_time(keyed(token->secret, "Initiator", attempt.binding_data), attempt.proof);
  // §3.4: a token is bound to the mechanism that it was asked for.
  return same_hash && token->mechanism == attempt.mechanism;
}

// §3.4: a count that was seen, or a lower one, is a replay. So is none from a client that counts.
bool is_replay(const FastToken& token, const FastAttempt& attempt) {
  return attempt.count ? *attempt.count <= token.count : token.count > 0;
}

}  // namespace

FastOutcome use_fast_token(FastSlots& slots, const FastAttempt& attempt, TimePoint now, const FastPolicy& policy) {
  const bool is_fresh = is_proven(slots.fresh, attempt);
  const bool is_current = is_proven(slots.current, attempt);
  if (!is_fresh && !is_current) return {};
  FastToken& token = is_fresh ? *slots.fresh : *slots.current;
  if (token.expires <= now) return {.verdict = FastVerdict::expired, .answer = {}};
  if (is_replay(token, attempt)) return {};
  if (attempt.count) token.count = *attempt.count;
  FastOutcome outcome{.verdict = FastVerdict::accepted,
                      .answer = hashed_token_answer(token.secret, attempt.binding_data),
                      .is_due_for_rotation = now - token.issued >= policy.rotate_after};
  if (is_fresh) slots.current = std::exchange(slots.fresh, std::nullopt);
  return outcome;
}

const FastToken& issue_fast_token(FastSlots& slots, std::string_view mechanism, TimePoint now,
                                  const FastPolicy& policy) {
  return slots.fresh.emplace(FastToken{.secret = crypto::random_token(token_entropy_bytes),
                                       .mechanism = std::string(mechanism),
                                       .issued = now,
                                       .expires = now + policy.lifetime});
}

std::vector<std::string_view> fast_mechanisms(const ChannelBindings& bindings) {
  std::vector<std::string_view> names;
  for (const HashedToken& mechanism : mechanisms) {
    if (fast_binding_data(mechanism.name, bindings) != nullptr) names.push_back(mechanism.name);
  }
  return names;
}

bool is_fast_mechanism(std::string_view name) {
  return std::ranges::find(mechanisms, name, &HashedToken::name) != mechanisms.end();
}

const std::string* fast_binding_data(std::string_view mechanism, const ChannelBindings& bindings) {
  static const std::string nothing;
  const auto found = std::ranges::find(mechanisms, mechanism, &HashedToken::name);
  if (found == mechanisms.end()) return nullptr;
  return found->binding.empty() ? &nothing : bindings.find(found->binding);
}

std::optional<HashedTokenMessage> parse_hashed_token(std::string_view message) {
  const size_t end = message.find('\0');
  if (end == std::string_view::npos || end == 0) return std::nullopt;
  const std::string_view proof = message.substr(end + 1);
  if (proof.size() != crypto::digest_size(crypto::Hash::sha256)) return std::nullopt;
  return HashedTokenMessage{.username = std::string(message.substr(0, end)), .proof = std::string(proof)};
}

std::string hashed_token_message(std::string_view username, std::string_view secret, std::string_view binding_data) {
  return std::string(username).append(1, '\0').append(keyed(secret, "Initiator", binding_data));
}

std::string hashed_token_answer(std::string_view secret, std::string_view binding_data) {
  return keyed(secret, "Responder", binding_data);
}

}  // namespace rookery::xmpp
