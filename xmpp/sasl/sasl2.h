// The elements of the Extensible SASL Profile (SASL2, XEP-0388 1.0) and of what travels inside (XEP-0386, 0480, 0484,
// 0509).
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "xmpp/element.h"
#include "xmpp/payloads/stream_management.h"
#include "xmpp/sasl/sasl.h"
#include "xmpp/time.h"

namespace rookery::xmpp {

/// XEP-0388 §2.3. The id is as good as unguessable and stays between client and server.
struct UserAgent {
  std::string id;  ///< a UUID in lower case, or empty
  std::string software, device;
};

/// `<authenticate/>`.
struct Sasl2Request {
  struct Fast {
    std::optional<uint64_t> count;
    bool invalidate = false;
  };

  std::string mechanism;
  std::optional<std::string> initial_response;  ///< raw bytes; XEP-0388 §2.2: absent and empty are two things
  UserAgent agent;
  std::optional<SmResume> resume;
  ElementPtr bind;                            ///< XEP-0386, as sent; null without
  std::optional<Fast> fast;                   ///< the mechanism is one for tokens
  std::optional<std::string> token_wish;      ///< the mechanism of <request-token/>
  std::vector<std::string> upgrades;          ///< XEP-0480 task names
  std::optional<std::string> config_version;  ///< XEP-0509

  /// malformed_request or incorrect_encoding for what the XEPs do not allow.
  static std::expected<Sasl2Request, SaslError> parse(const Element& authenticate);
};

/// The base64 of a <response/> or <initial-response/>; white space around it is forgiven.
std::optional<std::string> parse_sasl_data(const Element& element);

/// `<authentication/>` of the stream features.
struct Sasl2Offer {
  std::vector<std::string_view> mechanisms;
  std::vector<std::string> bind_features;  ///< XEP-0386 §3.1, namespaces
  std::vector<std::string_view> fast_mechanisms;
  std::vector<std::string> upgrades;

  std::string to_xml() const;
};

// What the server says, as XML.
std::string sasl2_challenge(std::string_view data);
/// `condition` is an application-specific one as XML, or empty.
std::string sasl2_failure(SaslError error, std::string_view condition = {});
/// `data` is the mechanism's last word; empty: there is none.
std::string sasl2_continue(std::string_view data, std::string_view task);
/// `identity` is a bare JID or, once bound, a full one; `more` are further children as XML.
std::string sasl2_success(std::string_view data, std::string_view identity, std::string_view more);
std::string fast_token_element(std::string_view secret, TimePoint expires);

// XEP-0480 §3: SCRAM upgrade tasks.
std::string upgrade_task(std::string_view scram_mechanism);  ///< "UPGR-SCRAM-SHA-256"
std::string upgrade_salt(std::string_view salt, uint32_t iterations);
/// The SaltedPassword out of <task-data/>, raw bytes.
std::optional<std::string> parse_upgrade_hash(const Element& task_data);

}  // namespace rookery::xmpp
