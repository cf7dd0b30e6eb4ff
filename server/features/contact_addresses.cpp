// XEP-0157: Contact Addresses for XMPP Services, as [contact] names them.
#include "server/features/features.h"
#include "server/node.h"
#include "xmpp/namespaces.h"

namespace rookery::server {

void install_contact_addresses(Node& node, FeatureRegistry& registry) {
  const Config& config = node.config();
  auto form = xmpp::DataForm::make(xmpp::DataForm::Type::result, xmpp::ns::server_info);
  const auto add = [&form](std::string_view var, const std::vector<std::string>& addresses) {
    if (!addresses.empty()) form.add_values(var, addresses, "list-multi");
  };
  add("abuse-addresses", config.contact_abuse);
  add("admin-addresses", config.contact_admin);
  add("feedback-addresses", config.contact_feedback);
  add("sales-addresses", config.contact_sales);
  add("security-addresses", config.contact_security);
  add("status-addresses", config.contact_status);
  add("support-addresses", config.contact_support);
  if (form.fields.size() > 1) registry.table(Scope::server).extend(std::move(form));  // more than its type
  registry.implements({.number = 157,
                       .name = "Contact Addresses for XMPP Services",
                       .version = "1.1.1",
                       .left_out = {},
                       .tests = "golden/adhoc/contact_addresses.scs"});
}

}  // namespace rookery::server
