// Message Archive Management, XEP-0313 with its preferences, XEP-0441.
#pragma once

#include <vector>

#include "xmpp/payloads/data_form.h"
#include "xmpp/payloads/forwarded.h"
#include "xmpp/payloads/result_set.h"

namespace rookery::xmpp {

/// `<query/>` of an iq of type set, §4.
struct MamQuery {
  std::string query_id;
  std::string node;  ///< XEP-0442
  std::optional<Jid> with;
  std::optional<TimePoint> start, end;
  std::optional<std::string> before_id, after_id;
  std::vector<std::string> ids;
  std::optional<bool> include_groupchat;
  RsmRequest page;
  bool flip_page = false;

  /// bad-request for malformed values, feature-not-implemented for a field that is not known (§4.1.5), jid-malformed.
  static Parsed<MamQuery> parse(const Element& query);
  void add_to(Element& iq) const;
  bool operator==(const MamQuery&) const = default;
};

/// The form that answers an iq of type get (§4.1.5), inside its `<query/>`.
void add_mam_fields(Element& iq);

/// `<result/>` in a message.
struct MamResult {
  std::string query_id, id;
  Forwarded forwarded;

  /// nullopt when the message carries no well-formed result. Who sent it is for the caller to check (REQUIREMENTS 30).
  static std::optional<MamResult> parse(const Element& message);
};
void add_mam_result(Element& message, std::string_view query_id, std::string_view id, const Element& stanza,
                    TimePoint stamp);

struct MamFin {
  bool complete = false;
  bool stable = true;
  RsmResult page;

  static Parsed<MamFin> parse(const Element& iq);
  void add_to(Element& iq) const;
  bool operator==(const MamFin&) const = default;
};

/// §5; an empty archive has neither end.
struct MamMetadata {
  struct End {
    std::string id;
    TimePoint timestamp{};
    bool operator==(const End&) const = default;
  };
  std::optional<End> start, end;

  static Parsed<MamMetadata> parse(const Element& iq);
  void add_to(Element& iq) const;
  bool operator==(const MamMetadata&) const = default;
};

struct MamPreferences {
  enum class Default { always, never, roster };
  Default by_default = Default::always;
  std::vector<Jid> always, never;

  static Parsed<MamPreferences> parse(const Element& prefs);
  void add_to(Element& iq) const;
  bool operator==(const MamPreferences&) const = default;
};

}  // namespace rookery::xmpp
