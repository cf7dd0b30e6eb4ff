// The options of a subscription, XEP-0060 §6.3 and §16.4.2.
#pragma once

#include "xmpp/payloads/data_form.h"
#include "xmpp/time.h"

namespace rookery::xmpp::pubsub {

struct SubscribeOptions {
  bool deliver = true;
  std::optional<TimePoint> expire;  ///< a lease, §12.18

  /// Changes what a submitted form names, nothing when any of it is wrong. bad-request with invalid-options (§6.3.6.2)
  /// for unknown fields with a value, for wrong values and for another form.
  Parsed<void> apply(const DataForm& submitted);
  DataForm to_form(DataForm::Type type) const;
  bool is_live(TimePoint now) const { return !expire || *expire > now; }

  bool operator==(const SubscribeOptions&) const = default;
};

}  // namespace rookery::xmpp::pubsub
