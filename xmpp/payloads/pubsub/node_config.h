// The configuration of a pubsub node, XEP-0060 §8.2 and §16.4.4.
#pragma once

#include <limits>

#include "xmpp/payloads/data_form.h"

namespace rookery::xmpp::pubsub {

enum class AccessModel { authorize, open, presence, roster, whitelist };
enum class PublishModel { publishers, subscribers, open };
enum class SendLastItem { never, on_sub, on_sub_and_presence };
enum class NotificationType { normal, headline };
enum class ItemReply { none, owner, publisher };

std::string_view to_string(AccessModel model);
std::string_view to_string(PublishModel model);

struct NodeConfig {
  static constexpr uint32_t unlimited = std::numeric_limits<uint32_t>::max();  ///< "max": whatever the server allows
  static constexpr uint32_t most_items = 1000;     ///< that one node keeps: what max_items "max" stands for
  static constexpr size_t most_text_bytes = 1024;  ///< of one text, and of one list in all

  AccessModel access_model = AccessModel::open;
  PublishModel publish_model = PublishModel::publishers;
  SendLastItem send_last_published_item = SendLastItem::never;
  NotificationType notification_type = NotificationType::headline;
  ItemReply item_reply = ItemReply::none;  ///< whose address a notification names for replies (XEP-0060 §12.13)
  bool persist_items = true;
  bool deliver_notifications = true;
  bool deliver_payloads = true;
  bool notify_config = false;
  bool notify_delete = false;
  bool notify_retract = true;
  bool notify_sub = false;
  bool presence_based_delivery = false;
  bool allows_subscriptions = true;
  uint32_t max_items = 10;
  uint32_t max_payload_size = unlimited;  ///< bytes
  uint32_t item_expire = unlimited;       ///< seconds
  std::string title, description, type, language;
  std::vector<std::string> roster_groups_allowed;
  std::vector<std::string> contact;

  /// The defaults of personal eventing, XEP-0163 §3.
  static NodeConfig pep();
  /// The defaults of a pubsub service: open, for many items, the last one at subscription.
  static NodeConfig service();

  /// Changes what a submitted form names (max_items to most_items at most, unless it is "max"); nothing when any of it
  /// is wrong. not-acceptable for unknown fields that have a value and for wrong values; unsupported-access-model
  /// (§8.1.3); bad-request when the form is another one.
  Parsed<void> apply(const DataForm& submitted);
  /// The same for the preconditions of a publication that creates the node (§7.1.5 step 3).
  Parsed<void> apply_publish_options(const DataForm& options);
  /// Does this node meet the preconditions of a publication (§7.1.5)? conflict with precondition-not-met.
  Parsed<void> check_publish_options(const DataForm& options) const;

  /// Texts and lists of others are listed to whoever asks: not-acceptable when one is longer than most_text_bytes. What
  /// is stored already may be.
  Parsed<void> check_sizes() const;

  /// Everything, with types, options and labels when it is a form to fill in. apply() takes it back as a submission.
  DataForm to_form(DataForm::Type type) const;
  /// What may be told to those who discover the node (§5.4).
  DataForm metadata() const;

  bool operator==(const NodeConfig&) const = default;
};

}  // namespace rookery::xmpp::pubsub
