#include "server/caps.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <mutex>
#include <unordered_map>

#include "crypto/random.h"
#include "server/feature.h"
#include "server/features/features.h"
#include "server/home/home.h"
#include "server/home/homes.h"
#include "server/node.h"
#include "xmpp/namespaces.h"
#include "xmpp/payloads/caps.h"

namespace rookery::server {

namespace {

using SharedInterests = std::shared_ptr<const Interests>;

constexpr size_t most_cached = 4096;
constexpr size_t most_entities = 2000;  ///< of one account
constexpr size_t most_questions = 256;  ///< unanswered, of one account
constexpr size_t most_interests = 128;  ///< of one client
constexpr size_t sweep_interval = 1024;
constexpr std::string_view notify_suffix = "+notify";

/// Verified hashes, shared by all loops.
class HashCache {
 public:
  SharedInterests find(const xmpp::Caps& caps) {
    const std::lock_guard lock(mutex_);
    const auto found = known_.find(key(caps));
    return found == known_.end() ? nullptr : found->second;
  }
  void put(const xmpp::Caps& caps, SharedInterests interests) {
    const std::lock_guard lock(mutex_);
    if (known_.size() >= most_cached) known_.erase(known_.begin());
    known_.insert_or_assign(key(caps), std::move(interests));
  }

 private:
  static std::string key(const xmpp::Caps& caps) { return caps.hash + ' ' + caps.ver; }
  std::mutex mutex_;
  std::unordered_map<std::string, SharedInterests> known_;
};

HashCache& hash_cache() {
  static HashCache cache;
  return cache;
}

/// A client. Every account knows one for each contact, so it is small: of its capabilities only a hash is kept, which
/// tells whether they have changed, and of its address the characters.
struct Entity {
  explicit Entity(const xmpp::Jid& full) : text(std::make_unique_for_overwrite<char[]>(full.text().size() + 1)) {
    std::memcpy(text.get(), full.text().c_str(), full.text().size() + 1);
  }
  std::string_view jid() const { return text.get(); }

  std::unique_ptr<char[]> text;
  size_t caps = 0;
  uint64_t session = 0;       ///< of a client of ours: another session under the same JID is another client
  SharedInterests interests;  ///< null: not known yet
};
struct Question {
  xmpp::Jid asked;
  xmpp::Caps caps;
};
/// What one account knows.
struct Surroundings {
  Entity* find(const xmpp::Jid& full) {
    const auto place = place_of(full);
    return place != entities.end() && place->jid() == full.text() ? &*place : nullptr;
  }
  Entity& add(const xmpp::Jid& full) { return *entities.emplace(place_of(full), full); }
  void remove(const xmpp::Jid& full) {
    if (const Entity* entity = find(full)) entities.erase(entities.begin() + (entity - entities.data()));
  }

  std::vector<Entity> entities;               ///< by address
  std::map<std::string, Question> questions;  ///< by IQ id

 private:
  std::vector<Entity>::iterator place_of(const xmpp::Jid& full) {
    return std::ranges::lower_bound(entities, std::string_view(full.text()), {}, &Entity::jid);
  }
};

// A home never leaves its loop, and a loop never its thread.
thread_local std::unordered_map<std::string, Surroundings> surroundings;
thread_local size_t until_sweep = sweep_interval;

Surroundings* known_around(const Home& home) {
  const auto found = surroundings.find(home.jid().text());
  return found == surroundings.end() ? nullptr : &found->second;
}

size_t hash_of(const xmpp::Caps& caps) {
  return std::hash<std::string>()(caps.hash + ' ' + caps.ver + ' ' + caps.node);
}

void sweep(Homes& homes) {
  if (--until_sweep > 0) return;
  until_sweep = sweep_interval;
  std::erase_if(surroundings, [&](const auto& entry) {
    const auto jid = xmpp::Jid::parse(entry.first);
    return !jid || homes.find_loaded(*jid) == nullptr;
  });
}

SharedInterests interests_in(const xmpp::DiscoInfo& info) {
  auto interests = std::make_shared<Interests>();
  for (const auto& feature : info.features) {
    if (!feature.ends_with(notify_suffix) || interests->size() >= most_interests) continue;
    interests->insert(feature.substr(0, feature.size() - notify_suffix.size()));
  }
  return interests;
}

void learned(Home& home, const xmpp::Jid& full, Entity& entity, SharedInterests interests) {
  Interests gained;
  for (const auto& node : *interests) {
    if (entity.interests == nullptr || !entity.interests->contains(node)) gained.insert(node);
  }
  entity.interests = std::move(interests);
  if (gained.empty()) return;
  for (const auto& hook : home.node().features().interests_gained) hook(home, full, gained);
}

void ask(Home& home, Surroundings& around, const xmpp::Jid& full, const xmpp::Caps& caps) {
  // A client that does not answer must not stop the others from being asked.
  if (around.questions.size() >= most_questions) around.questions.erase(around.questions.begin());
  const std::string id = crypto::random_token();
  around.questions.insert_or_assign(id, Question{full, caps});
  auto iq = xmpp::Element::make("iq", xmpp::ns::client);
  iq->set_attr("type", "get").set_attr("id", id).set_attr("from", home.jid().text()).set_attr("to", full.text());
  iq->add("query", xmpp::ns::disco_info).set_attr("node", caps.query_node());
  home.node().router().send(std::move(iq));
}

void on_presence(Home& home, const xmpp::Jid& full, const xmpp::Element& presence, uint64_t session = 0) {
  if (full.is_bare()) return;
  const auto caps = xmpp::Caps::find(presence);
  if (!presence.attr("type").empty() || !caps) {
    if (Surroundings* around = known_around(home)) around->remove(full);
    return;
  }
  sweep(home.homes());
  auto& around = surroundings[home.jid().text()];
  Entity* entity = around.find(full);
  if (entity == nullptr && around.entities.size() >= most_entities) return;
  if (entity == nullptr) entity = &around.add(full);
  if (entity->session != session) entity->caps = 0, entity->interests = nullptr;
  entity->session = session;
  if (std::exchange(entity->caps, hash_of(*caps)) == hash_of(*caps)) return;
  if (auto interests = hash_cache().find(*caps)) return learned(home, full, *entity, std::move(interests));
  ask(home, around, full, *caps);
}

bool on_response(Home& home, const Envelope& envelope) {
  Surroundings* around = known_around(home);
  if (around == nullptr) return false;
  const auto question = around->questions.find(std::string(envelope.stanza->attr("id")));
  // Only who was asked may answer (REQUIREMENTS 30).
  if (question == around->questions.end() || question->second.asked != envelope.from) return false;
  const xmpp::Caps caps = std::move(question->second.caps);
  around->questions.erase(question);
  const auto* query = envelope.stanza->child("query", xmpp::ns::disco_info);
  if (envelope.stanza->attr("type") != "result" || query == nullptr) return true;
  const auto info = xmpp::DiscoInfo::parse(*query);
  if (!info) return true;
  auto interests = interests_in(*info);
  // XEP-0115 §5.4: an answer that does not fit its hash holds for this client only.
  if (xmpp::caps_match(caps, *info)) hash_cache().put(caps, interests);
  Entity* entity = around->find(envelope.from);
  if (entity == nullptr || entity->caps != hash_of(caps)) return true;
  learned(home, envelope.from, *entity, std::move(interests));
  return true;
}

}  // namespace

std::vector<xmpp::Jid> listeners(Home& home, std::string_view node) {
  std::vector<xmpp::Jid> found;
  const Surroundings* around = known_around(home);
  if (around == nullptr) return found;
  for (const Entity& entity : around->entities) {
    if (entity.interests == nullptr || !entity.interests->contains(node)) continue;
    if (auto full = xmpp::Jid::parse(entity.jid())) found.push_back(std::move(*full));
  }
  return found;
}

std::vector<std::pair<xmpp::Jid, std::shared_ptr<const Interests>>> interests_of(Home& home, const xmpp::Jid& contact) {
  std::vector<std::pair<xmpp::Jid, SharedInterests>> found;
  const Surroundings* around = known_around(home);
  if (around == nullptr) return found;
  for (const Entity& entity : around->entities) {
    if (entity.interests == nullptr || !entity.jid().starts_with(contact.bare_text())) continue;
    auto full = xmpp::Jid::parse(entity.jid());
    if (full && full->same_bare(contact)) found.emplace_back(std::move(*full), entity.interests);
  }
  return found;
}

void install_caps(Node&, FeatureRegistry& registry) {
  registry.presence_updated.push_back([](Session& session, const xmpp::Element& presence) {
    on_presence(session.home(), session.jid(), presence, session.serial());
  });
  registry.presence_ended.push_back(
      [](Session& session, const xmpp::Element& presence) { on_presence(session.home(), session.jid(), presence); });
  registry.contact_presence.push_back([](Home& home, const xmpp::Jid& from, const xmpp::Element& presence) {
    // Strangers' directed presence is not worth a question, nor memory.
    if (home.may_see_presence(from) || home.is_contact(from)) on_presence(home, from, presence);
  });
  registry.response_to_account.push_back(on_response);
  registry.implements({.number = 115,
                       .name = "Entity Capabilities",
                       .version = "1.6.0",
                       .left_out = {},
                       .tests = "golden/pep/caps_hash_is_verified.scs"});
}

}  // namespace rookery::server
