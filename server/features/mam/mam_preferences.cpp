#include "server/features/mam/mam_preferences.h"

#include <array>

#include "server/access.h"
#include "server/node.h"
#include "xmpp/namespaces.h"
#include "xmpp/payloads/mam.h"

namespace rookery::server {

namespace {

constexpr std::array<std::string_view, 3> default_names = {"always", "never", "roster"};

std::vector<xmpp::Jid> to_jids(const std::set<std::string>& texts) {
  std::vector<xmpp::Jid> jids;
  for (const auto& text : texts) {
    if (auto jid = xmpp::Jid::parse(text)) jids.push_back(std::move(*jid));
  }
  return jids;
}

std::set<std::string> to_texts(const std::vector<xmpp::Jid>& jids) {
  std::set<std::string> texts;
  for (const auto& jid : jids) texts.insert(jid.text());
  return texts;
}

}  // namespace

void get_archive_preferences(IqRequest request) {
  if (refused_to_others(request)) return;
  const ArchivePreferences& prefs = request.home()->archive_prefs;
  xmpp::MamPreferences answer;
  for (size_t i = 0; i < default_names.size(); ++i) {
    if (default_names[i] == prefs.by_default) answer.by_default = static_cast<xmpp::MamPreferences::Default>(i);
  }
  answer.always = to_jids(prefs.always);
  answer.never = to_jids(prefs.never);
  auto result = request.make_result();
  answer.add_to(*result);
  request.reply(std::move(result));
}

void set_archive_preferences(IqRequest request) {
  if (refused_to_others(request)) return;
  auto prefs = xmpp::MamPreferences::parse(request.payload());
  if (!prefs) return request.fail(prefs.error());
  auto result = request.make_result();
  prefs->add_to(*result);
  auto write = [owner = request.to(), xml = result->first_element()->to_xml()](storage::Stores& stores) {
    return stores.values().put(owner, "mam-prefs", "", xml);
  };
  request.node()
      .stores_of(request.to())
      .run(std::move(write), [request = std::move(request), prefs = std::move(*prefs),
                              result = std::move(result)](Status stored) mutable {
        if (!stored) return request.fail(stored.error());
        if (Home* home = request.home()) {
          home->archive_prefs.by_default = default_names[static_cast<size_t>(prefs.by_default)];
          home->archive_prefs.always = to_texts(prefs.always);
          home->archive_prefs.never = to_texts(prefs.never);
        }
        request.reply(std::move(result));
      });
}

}  // namespace rookery::server
