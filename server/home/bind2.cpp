#include "server/home/bind2.h"

#include "server/archive/archive.h"
#include "server/home/homes.h"
#include "server/node.h"
#include "xmpp/namespaces.h"
#include "xmpp/stream_parser.h"

namespace rookery::server {

namespace {

constexpr int most_readings = 5;

/// One binding on its way; kept by the callbacks it waits for.
struct Binding {
  Homes& homes;
  const xmpp::Jid account;
  std::string resource;
  xmpp::ElementPtr options;
  ClientLink& link;
  std::function<void(BindOutcome)> then;
  int readings = 0;
};

std::string inline_features(Session& session, const xmpp::Element& bind) {
  std::string answers;
  for (const xmpp::Element& child : bind.elements()) {
    if (child.is("enable", xmpp::ns::sm)) {
      answers += session.enable_management(child);
      continue;
    }
    for (const auto& entry : session.home().node().features().bind_handlers()) {
      if (entry.feature != child.ns()) continue;
      if (const auto answer = entry.handler(session, child)) answers += answer->to_xml(xmpp::ns::bind2);
    }
  }
  return answers;
}

std::string metadata_element(const xmpp::MamMetadata& metadata) {
  auto holder = xmpp::Element::make("bound", xmpp::ns::bind2);
  metadata.add_to(*holder);
  return holder->first_element()->to_xml(xmpp::ns::bind2);
}

void finish(Binding& binding, Home& home, const std::optional<xmpp::MamMetadata>& metadata) {
  if (!binding.link.is_open()) return;
  const auto client = binding.options->attr("client");
  // XEP-0386 §3.2: earlier sessions of the same client end; they do not count against it either.
  for (Session* old : home.sessions()) {
    if (client.empty() || old->client != client) continue;
    old->end({.condition = xmpp::StreamCondition::conflict, .text = "Replaced by a new connection"});
  }
  if (!home.has_room_for(binding.resource)) {
    return binding.then({.refused = xmpp::StanzaError{.condition = xmpp::Condition::resource_constraint}});
  }
  Session& session = home.bind(binding.resource, binding.link);
  session.client = client;
  if (home.push) home.push->came_back(session);
  BindOutcome outcome{.session = &session};
  if (metadata) {
    outcome.xml = metadata_element(*metadata);
    session.archive_known_to = home.committed_id();
  }
  outcome.xml += inline_features(session, *binding.options);
  binding.then(std::move(outcome));
}

/// Reads until nothing has come in between, so that what is said of the archive is true when the session begins.
void read_then_finish(std::shared_ptr<Binding> binding, Home& home) {
  if (home.is_abandoned()) return binding->then({.moved = true});
  const auto up_to = home.committed_id();
  const auto oldest = oldest_kept(home.node().config().archive_keep);
  auto read = [owner = home.jid().text(), up_to, oldest](const storage::MessageLog& log) {
    return archive_metadata(log, owner, up_to, oldest);
  };
  home.node().read_log(std::move(read), [binding, up_to](Result<xmpp::MamMetadata> metadata) {
    Home* home = binding->homes.find_loaded(binding->account);
    if (home == nullptr || !binding->homes.takes_sessions(binding->account.bare_text()))
      return binding->then({.moved = true});
    const bool is_true = home->committed_id() == up_to && !home->has_uncommitted();
    if (metadata && !is_true && ++binding->readings < most_readings) {
      return home->when_committed([binding, home] { read_then_finish(binding, *home); });
    }
    // An archive that is busier than that, or cannot be read: the client asks the archive itself.
    finish(*binding, *home, metadata && is_true ? std::optional(*metadata) : std::nullopt);
  });
}

}  // namespace

void bind2(Homes& homes, const xmpp::Jid& account, BindRequest request, ClientLink& link,
           std::function<void(BindOutcome)> then) {
  auto options = xmpp::parse_own(request.options);
  if (!options) return then({.refused = xmpp::StanzaError{.condition = xmpp::Condition::bad_request}});
  auto binding = std::make_shared<Binding>(
      Binding{homes, account, std::move(request.resource), std::move(*options), link, std::move(then)});
  homes.with_home(account, [binding](Home* home) {
    if (!binding->homes.takes_sessions(binding->account.bare_text())) return binding->then({.moved = true});
    if (home == nullptr) return binding->then({});
    if (!home->node().config().archive) return finish(*binding, *home, std::nullopt);
    home->when_committed([binding, home] { read_then_finish(binding, *home); });
  });
}

}  // namespace rookery::server
