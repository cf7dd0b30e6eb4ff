// Result Set Management, XEP-0059.
#pragma once

#include "xmpp/payloads/payload.h"

namespace rookery::xmpp {

/// The request's `<set/>`.
struct RsmRequest {
  std::optional<uint32_t> max;  ///< 0 asks for the count only, §2.7
  std::optional<std::string> after;
  std::optional<std::string> before;  ///< empty: the last page, §2.5
  std::optional<uint32_t> index;      ///< §2.6

  static Parsed<RsmRequest> parse(const Element& set);
  /// The `<set/>` inside a query; one without any fields when there is none.
  static Parsed<RsmRequest> parse_child(const Element& query);
  void add_to(Element& query) const;
  bool empty() const { return !max && !after && !before && !index; }
  bool wants_last_page() const { return before && before->empty(); }
  bool operator==(const RsmRequest&) const = default;
};

/// The response's `<set/>`; an empty page has neither first nor last.
struct RsmResult {
  std::optional<std::string> first, last;
  std::optional<uint32_t> first_index;
  std::optional<uint64_t> count;

  static Parsed<RsmResult> parse_child(const Element& parent);
  void add_to(Element& parent) const;
  bool operator==(const RsmResult&) const = default;
};

}  // namespace rookery::xmpp
