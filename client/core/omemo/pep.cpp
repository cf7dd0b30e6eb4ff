#include "client/core/omemo/pep.h"

#include "xmpp/namespaces.h"
#include "xmpp/payloads/data_form.h"

namespace rookery::client {

namespace ns = xmpp::ns;

namespace {

Error to_error(const xmpp::Element* iq) {
  if (!iq) return {Failure::unavailable, "the server did not answer"};
  const auto error = xmpp::StanzaError::parse(*iq);
  if (!error) return {Failure::invalid, "a malformed error"};
  const std::string text(to_string(error->condition));
  using enum xmpp::Condition;
  switch (error->condition) {
    case item_not_found:
    case forbidden:
    case not_authorized:
    case not_allowed:
    case subscription_required:
    case feature_not_implemented:
    case service_unavailable:
      return {Failure::not_found, text};
    default:
      return {Failure::unavailable, text};
  }
}

bool is_precondition_failure(const xmpp::Element* iq) {
  if (!iq || iq->attr("type") != "error") return false;
  const auto error = xmpp::StanzaError::parse(*iq);
  return error && error->application_name == "precondition-not-met";
}

xmpp::DataForm options_form(std::string_view form_type, const Pep::Item& item) {
  auto form = xmpp::DataForm::make(xmpp::DataForm::Type::submit, form_type);
  form.add("pubsub#persist_items", "true").add("pubsub#access_model", item.only_we ? "whitelist" : "open");
  if (!item.max_items.empty()) form.add("pubsub#max_items", item.max_items);
  return form;
}

}  // namespace

xmpp::ElementPtr Pep::publish_iq(const Item& item, const xmpp::Element& payload, bool with_options) const {
  auto iq = xmpp::Element::make("iq", ns::client);
  iq->set_attr("type", "set");
  auto& pubsub = iq->add("pubsub", ns::pubsub);
  auto& publish = pubsub.add("publish");
  publish.set_attr("node", item.node);
  publish.add("item").set_attr("id", item.id).add_copy(payload);
  if (with_options) options_form(ns::pubsub_publish_options, item).add_to(pubsub.add("publish-options"));
  return iq;
}

void Pep::publish(Item item, const xmpp::Element& payload, Done told) {
  ++open_;
  const Done done = [this, told](Status status) {
    told(status);
    if (--open_ > 0) return;
    for (const auto& waiting : std::exchange(waiting_, {})) waiting();
  };
  const std::shared_ptr<xmpp::Element> copy = payload.clone();
  connection_.send_iq(publish_iq(item, *copy, true), [this, item, copy, done](const xmpp::Element* iq) {
    if (iq && iq->attr("type") == "result") return done({});
    if (!is_precondition_failure(iq)) return done(std::unexpected(to_error(iq)));
    // XEP-0060 §7.1.5: the node exists with other settings; settle them, then publish as asked.
    configure(item, [this, item, copy, done](Status status) {
      if (!status) return done(status);
      publish_again(item, copy, done);
    });
  });
}

void Pep::when_published(std::function<void()> done) {
  if (open_ == 0) return done();
  waiting_.push_back(std::move(done));
}

void Pep::publish_again(const Item& item, const std::shared_ptr<xmpp::Element>& payload, Done done) {
  connection_.send_iq(publish_iq(item, *payload, false), [done](const xmpp::Element* iq) {
    if (iq && iq->attr("type") == "result") return done({});
    done(std::unexpected(to_error(iq)));
  });
}

void Pep::configure(const Item& item, Done done) {
  auto iq = xmpp::Element::make("iq", ns::client);
  iq->set_attr("type", "set");
  auto& configure = iq->add("pubsub", ns::pubsub_owner).add("configure");
  configure.set_attr("node", item.node);
  options_form(ns::pubsub_node_config, item).add_to(configure);
  connection_.send_iq(std::move(iq), [done](const xmpp::Element* answer) {
    if (answer && answer->attr("type") == "result") return done({});
    done(std::unexpected(to_error(answer)));
  });
}

void Pep::fetch(const xmpp::Jid& owner, const std::string& node, const std::string& id, Found found) {
  auto iq = xmpp::Element::make("iq", ns::client);
  iq->set_attr("type", "get").set_attr("to", owner.bare_text());
  auto& items = iq->add("pubsub", ns::pubsub).add("items");
  items.set_attr("node", node);
  if (id.empty())
    items.set_attr("max_items", "1");
  else
    items.add("item").set_attr("id", id);
  connection_.send_iq(std::move(iq), [found](const xmpp::Element* answer) {
    if (!answer || answer->attr("type") != "result") return found(std::unexpected(to_error(answer)));
    const auto* pubsub = answer->child("pubsub", ns::pubsub);
    const auto* list = pubsub ? pubsub->child("items", ns::pubsub) : nullptr;
    const auto* item = list ? list->child("item", ns::pubsub) : nullptr;
    const auto* payload = item ? item->first_element() : nullptr;
    if (!payload) return found(fail(Failure::not_found, "the node is empty"));
    found(payload);
  });
}

}  // namespace rookery::client
