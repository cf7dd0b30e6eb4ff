#include "server/cluster/links.h"

#include <algorithm>

#include "server/cluster/cluster.h"
#include "server/log.h"
#include "server/node.h"
#include "xmpp/namespaces.h"
#include "xmpp/stream_parser.h"

namespace rookery::server::cluster {

namespace {

// Packets of one client that its home has not taken yet; beyond it the edge stops reading from the client.
constexpr size_t most_untaken = 64;

xmpp::StreamError moved() {
  return {
      .condition = xmpp::StreamCondition::reset, .text = "The account has moved to another node", .application = {}};
}

}  // namespace

/// A session at a home elsewhere, as the edge here sees it.
class RemoteSession final : public ClientSession {
 public:
  RemoteSession(Links& links, uint64_t number, xmpp::Jid account, ClientLink& link)
      : links_(links), number_(number), shard_(shard_of(account.text())), jid_(std::move(account)), link_(&link) {}

  const xmpp::Jid& jid() const override { return jid_; }
  void begin() override {}  // what the home sends comes behind its answer

  void on_element(xmpp::ElementPtr element) override {
    if (element->is("enable", xmpp::ns::sm)) acknowledges_ = true;
    input(element->to_xml(xmpp::ns::client));
  }
  void on_legacy_session(xmpp::ElementPtr iq) override { input(iq->to_xml(xmpp::ns::client)); }

  void on_drained() override {
    if (acknowledges_ || drained_told_ == outputs_) return;  // with XEP-0198 the client's own word counts
    drained_told_ = outputs_;
    drained_ = outputs_;
    flush_later();
  }

  void on_link_lost(bool clean) override {
    flush();
    links_.port_.send_to_shard(shard_, Topic::link_lost,
                               encode(LinkLost{name(), std::string(jid_.bare_text()), clean}));
    links_.sessions_.erase(number_);  // `this` is gone
  }
  /// The attach has been taken by the shard's owner, which will answer unless it dies before.
  void attach(const Attach& request) {
    links_.port_.send_to_shard(shard_, Topic::attach, encode(request), [&links = links_, number = number_] {
      const auto found = links.sessions_.find(number);
      if (found != links.sessions_.end()) found->second->attach_taken_ = true;
    });
  }
  bool is_attached() const { return !home_process_.empty(); }

  bool accepts_input() const override { return *untaken_ < most_untaken && !links_.node_.cluster()->is_suspended(); }

 private:
  friend class Links;

  LinkName name() const { return {links_.port_.address(), number_}; }

  void input(std::string xml) {
    elements_.push_back(std::move(xml));
    flush_later();
  }
  void flush_later() {
    if (std::exchange(flush_scheduled_, true)) return;
    links_.loop_.at_turn_end([&links = links_, number = number_] {
      const auto found = links.sessions_.find(number);
      if (found != links.sessions_.end()) found->second->flush();
    });
  }
  void flush() {
    flush_scheduled_ = false;
    if (elements_.empty() && !drained_) return;
    LinkInput message{name(), std::string(jid_.bare_text()), std::exchange(elements_, {}), std::exchange(drained_, {})};
    ++*untaken_;
    links_.port_.send_to_shard(shard_, Topic::link_input, encode(message), [untaken = untaken_] { --*untaken; });
  }

  Links& links_;
  const uint64_t number_;
  const uint32_t shard_;
  xmpp::Jid jid_;
  ClientLink* link_;
  bool acknowledges_ = false;
  std::string home_process_;  ///< empty until attached
  uint64_t home_epoch_ = 0;
  bool attach_taken_ = false;
  std::string taken_by_;  ///< who owned the shard when the attach had been taken, as far as we knew
  uint64_t outputs_ = 0, drained_told_ = 0;
  std::vector<std::string> elements_;
  std::optional<uint64_t> drained_;
  bool flush_scheduled_ = false;
  std::shared_ptr<size_t> untaken_ = std::make_shared<size_t>(0);
  std::function<void(BindOutcome)> bound_;
  std::function<void(ResumeOutcome)> resumed_;
};

/// An edge elsewhere, as the session here sees it.
class RemoteLink final : public ClientLink {
 public:
  RemoteLink(Links& links, LinkName name, const Attach& attach)
      : links_(links),
        name_(std::move(name)),
        account_(attach.account),
        peer_address_(attach.peer_address),
        encrypted_(attach.encrypted) {}

  void send(std::string_view xml) override {
    if (is_full_) return;
    output_.append(xml);
    // As at an edge of this node: a client that reads slower than that is closed, and its session kept.
    is_full_ = output_.size() + *on_its_way_ > links_.node_.config().outbox_bytes;
    if (std::exchange(flush_scheduled_, true)) return;
    links_.loop_.at_turn_end([&links = links_, name = name_] {
      const auto found = links.links_.find(name);
      if (found != links.links_.end()) found->second->flush();
    });
  }
  void close(const xmpp::StreamError& error) override {
    if (!is_full_) flush();
    session = nullptr;
    tell_to_close(error);
    forget_later();
  }
  std::string peer_address() const override { return peer_address_; }
  bool is_encrypted() const override { return encrypted_; }
  bool is_open() const override { return open_; }

  ClientSession* session = nullptr;

 private:
  friend class Links;

  void flush() {
    flush_scheduled_ = false;
    if (is_full_) return give_up();
    if (output_.empty()) return;
    const size_t size = output_.size();
    *on_its_way_ += size;
    links_.port_.send_to_loop(name_.edge, Topic::link_output,
                              encode(LinkOutput{name_.number, ++outputs_, std::exchange(output_, {})}),
                              [on_its_way = on_its_way_, size] { *on_its_way -= size; });
  }
  void give_up() {
    if (!open_) return;
    log::info("outbox_full", {{"jid", account_}, {"ip", peer_address_}});
    std::string().swap(output_);
    tell_to_close({.condition = xmpp::StreamCondition::resource_constraint,
                   .text = "Too much waits for this client",
                   .application = {}});
    forget_later();
    if (session != nullptr) std::exchange(session, nullptr)->on_link_lost(false);
  }
  void tell_to_close(const xmpp::StreamError& error) {
    links_.port_.send_to_loop(
        name_.edge, Topic::link_close,
        encode(LinkClose{name_.number, std::string(to_string(error.condition)), error.text, error.application}));
  }
  /// The caller may still use this object in this turn.
  void forget_later() {
    if (!std::exchange(open_, false)) return;
    links_.loop_.at_turn_end([&links = links_, name = name_] { links.links_.erase(name); });
  }

  Links& links_;
  const LinkName name_;
  const std::string account_, peer_address_;
  const bool encrypted_;
  bool open_ = true;
  std::string output_;
  bool flush_scheduled_ = false, is_full_ = false;
  uint64_t outputs_ = 0;
  std::shared_ptr<size_t> on_its_way_ = std::make_shared<size_t>(0);  ///< bytes that the edge has not taken yet
};

Links::Links(Node& node, Loop& loop, Port& port, std::string process)
    : node_(node), loop_(loop), port_(port), process_(std::move(process)) {
  const auto handle = [this](Topic topic, void (Links::*method)(const std::string&)) {
    port_.on(topic, [this, method](Incoming incoming) {
      (this->*method)(incoming.body);
      port_.taken(incoming.ref);
    });
  };
  handle(Topic::attach, &Links::on_attach);
  handle(Topic::attached, &Links::on_attached);
  handle(Topic::link_input, &Links::on_input);
  handle(Topic::link_lost, &Links::on_lost);
  port_.on(Topic::link_output, [this](const Incoming& incoming) {
    on_output(incoming);
    port_.taken(incoming.ref);
  });
  handle(Topic::link_close, &Links::on_close);
  port_.on(Topic::command, [this](Incoming incoming) {
    node_.command_from_node(incoming.body);
    port_.taken(incoming.ref);
  });
}

Links::~Links() = default;

RemoteSession& Links::open(const xmpp::Jid& account, ClientLink& link) {
  const uint64_t number = ++last_number_;
  return *(sessions_[number] = std::make_unique<RemoteSession>(*this, number, account, link));
}

void Links::bind(const xmpp::Jid& account, BindRequest request, ClientLink& link,
                 std::function<void(BindOutcome)> then) {
  RemoteSession& session = open(account, link);
  session.bound_ = std::move(then);
  session.attach({.link = session.name(),
                  .account = account.text(),
                  .resource = std::move(request.resource),
                  .options = std::move(request.options),
                  .peer_address = link.peer_address(),
                  .encrypted = link.is_encrypted()});
}

void Links::resume(const xmpp::Jid& account, ResumeRequest request, ClientLink& link,
                   std::function<void(ResumeOutcome)> then) {
  RemoteSession& session = open(account, link);
  session.resumed_ = std::move(then);
  session.acknowledges_ = true;
  session.attach({.link = session.name(),
                  .account = account.text(),
                  .resume = true,
                  .previous = std::move(request.previous),
                  .handled = request.handled,
                  .peer_address = link.peer_address(),
                  .encrypted = link.is_encrypted()});
}

void Links::on_attached(const std::string& body) {
  using Outcome = Attached::Outcome;
  auto answer = parse_attached(body);
  const auto found = answer ? sessions_.find(answer->link) : sessions_.end();
  if (found == sessions_.end()) {
    // The client did not wait for it: without this word its home would keep a session that nobody uses.
    if (answer && !answer->jid.empty()) release(answer->jid, answer->link);
    return;
  }
  RemoteSession& session = *found->second;
  // Two have taken it for theirs, and either may have had some of what followed: the client begins anew.
  if (session.is_attached()) return close_session(answer->link, moved());
  const auto bound = std::exchange(session.bound_, {});
  const auto resumed = std::exchange(session.resumed_, {});
  const bool is_open = session.link_->is_open();
  if (answer->outcome == Outcome::bound || answer->outcome == Outcome::resumed) {
    const auto jid = xmpp::Jid::parse(answer->jid);
    if (!is_open || !jid) return session.on_link_lost(false);
    session.jid_ = *jid;
    if (answer->xml.find("<enabled") != std::string::npos) session.acknowledges_ = true;  // with Bind 2
    session.home_process_ = answer->process;
    session.home_epoch_ = answer->epoch;
    if (bound) return bound({.session = &session, .xml = std::move(answer->xml)});
    if (resumed) return resumed({.session = &session, .resumed = std::move(answer->xml)});
    return;
  }
  sessions_.erase(found);
  if (!is_open) return;
  if (answer->outcome == Outcome::moved) return bound ? bound({.moved = true}) : resumed({.moved = true});
  if (bound && answer->outcome == Outcome::refused) {
    return bound({.refused = xmpp::StanzaError{.condition = xmpp::condition_named(answer->xml)}});
  }
  if (bound) return bound({});
  if (!resumed) return;
  if (answer->outcome == Outcome::no_account) return resumed({.known_account = false});
  if (answer->outcome == Outcome::not_found) return resumed({.handled = answer->handled});
  xmpp::StreamError error{
      .condition = xmpp::StreamCondition::undefined_condition, .text = {}, .application = answer->xml};
  resumed({.error = std::move(error)});
}

void Links::release(const std::string& jid, uint64_t number) {
  const auto full = xmpp::Jid::parse(jid);
  if (!full) return;
  const std::string account(full->bare_text());
  port_.send_to_shard(shard_of(account), Topic::link_lost, encode(LinkLost{{port_.address(), number}, account, false}));
}

void Links::on_output(const Incoming& incoming) {
  const auto output = parse_link_output(incoming.body);
  const auto found = output ? sessions_.find(output->link) : sessions_.end();
  if (found == sessions_.end()) return;
  if (process_of_stream(incoming.ref.stream) != found->second->home_process_)
    return close_session(output->link, moved());
  found->second->outputs_ = output->number;
  found->second->link_->send(output->bytes);
}

void Links::close_session(uint64_t number, const xmpp::StreamError& error) {
  const auto session = sessions_.extract(number);
  if (session.empty()) return;
  // The link forgets the session before it closes, so nothing comes back to us.
  session.mapped()->link_->close(error);
}

void Links::close_all(const xmpp::StreamError& error) {
  std::vector<std::pair<uint64_t, RemoteSession*>> all;
  for (const auto& [number, session] : sessions_) all.emplace_back(number, session.get());
  for (const auto& [number, session] : all) {
    // The home keeps the session, as for any connection that breaks.
    port_.send_to_shard(session->shard_, Topic::link_lost,
                        encode(LinkLost{session->name(), std::string(session->jid_.bare_text()), false}));
    close_session(number, error);
  }
}

void Links::on_close(const std::string& body) {
  const auto message = parse_link_close(body);
  if (!message) return;
  close_session(message->link, {.condition = xmpp::stream_condition_named(message->condition),
                                .text = message->text,
                                .application = message->application});
}

void Links::answer(const LinkName& name, Attached answer) {
  answer.link = name.number;
  port_.send_to_loop(name.edge, Topic::attached, encode(answer));
}

void Links::on_attach(const std::string& body) {
  const auto attach = parse_attach(body);
  const auto account = attach ? xmpp::Jid::parse(attach->account) : xmpp::Jid::parse("");
  if (!account || links_.contains(attach->link)) return;
  const LinkName name = attach->link;
  // Its client may be gone before there is an answer; whoever works on one still has the link then.
  const auto link = links_[name] = std::make_shared<RemoteLink>(*this, name, *attach);
  const uint64_t epoch = node_.homes(loop_).epoch_of(shard_of(attach->account));
  const auto refuse = [this, name, link](Attached refusal) {
    answer(name, std::move(refusal));
    link->forget_later();
  };
  if (attach->resume) {
    return resume_here(node_.homes(loop_), *account, {attach->previous, attach->handled}, *link,
                       [=, this](ResumeOutcome outcome) {
                         if (outcome.session != nullptr) {
                           link->session = outcome.session;
                           answer(name, {.outcome = Attached::Outcome::resumed,
                                         .jid = outcome.session->jid().text(),
                                         .xml = std::move(outcome.resumed),
                                         .process = process_,
                                         .epoch = epoch});
                           return outcome.session->begin();
                         }
                         if (outcome.moved) return refuse({.outcome = Attached::Outcome::moved});
                         if (outcome.error)
                           return refuse({.outcome = Attached::Outcome::too_high, .xml = outcome.error->application});
                         if (!outcome.known_account) return refuse({.outcome = Attached::Outcome::no_account});
                         refuse({.outcome = Attached::Outcome::not_found, .handled = outcome.handled});
                       });
  }
  bind_here(node_.homes(loop_), *account, {attach->resource, attach->options}, *link, [=, this](BindOutcome outcome) {
    if (outcome.session != nullptr) {
      link->session = outcome.session;
      answer(name, {.outcome = Attached::Outcome::bound,
                    .jid = outcome.session->jid().text(),
                    .xml = std::move(outcome.xml),
                    .process = process_,
                    .epoch = epoch});
      return outcome.session->begin();
    }
    if (outcome.moved) return refuse({.outcome = Attached::Outcome::moved});
    if (!outcome.refused) return refuse({.outcome = Attached::Outcome::no_account});
    refuse({.outcome = Attached::Outcome::refused, .xml = std::string(to_string(outcome.refused->condition))});
  });
}

void Links::on_input(const std::string& body) {
  auto input = parse_link_input(body);
  if (!input) return;
  const auto found = links_.find(input->link);
  if (found == links_.end() || found->second->session == nullptr) {
    // Of a session that a former owner of the shard had: the client resumes or logs in anew.
    const auto error = moved();
    return port_.send_to_loop(
        input->link.edge, Topic::link_close,
        encode(LinkClose{input->link.number, std::string(to_string(error.condition)), error.text, {}}));
  }
  RemoteLink& link = *found->second;
  for (const auto& xml : input->elements) {
    auto element = xmpp::parse_own(xml, xmpp::ns::client);
    if (!element || link.session == nullptr) continue;
    const bool is_legacy = (*element)->name() == "iq" && (*element)->child("session", xmpp::ns::session) != nullptr &&
                           (*element)->attr("type") == "set";
    is_legacy ? link.session->on_legacy_session(std::move(*element)) : link.session->on_element(std::move(*element));
  }
  // Only when nothing has been sent since is the outbox of the edge as empty as it was.
  if (input->drained && *input->drained == link.outputs_ && link.output_.empty() && link.session != nullptr)
    link.session->on_drained();
}

void Links::on_lost(const std::string& body) {
  const auto message = parse_link_lost(body);
  const auto found = message ? links_.find(message->link) : links_.end();
  if (found == links_.end()) return;
  const auto link = std::move(found->second);
  links_.erase(found);
  link->open_ = false;
  if (link->session != nullptr) std::exchange(link->session, nullptr)->on_link_lost(message->clean);
}

void Links::check_all() {
  for (const auto& [number, session] : sessions_) {
    if (!session->is_attached()) continue;
    const LinkInput nothing{session->name(), std::string(session->jid_.bare_text()), {}, {}};
    port_.send_to_shard(session->shard_, Topic::link_input, encode(nothing));
  }
}

/// An epoch that is older than the one we attached to is old news.
bool Links::is_over(RemoteSession& session, const ShardPlace& place) const {
  if (session.is_attached()) {
    return place.epoch > session.home_epoch_ ||
           (place.epoch == session.home_epoch_ && place.process != session.home_process_);
  }
  // Whoever has taken the attach and did not answer will not, once it owns the shard no more.
  if (!session.attach_taken_) return false;
  if (session.taken_by_.empty()) session.taken_by_ = place.process + "/" + std::to_string(place.epoch);
  return session.taken_by_ != place.process + "/" + std::to_string(place.epoch);
}

void Links::on_places(const Places& places) {
  // Homes that have moved or died: their sessions are over, the client resumes at the new one.
  std::vector<uint64_t> over;
  for (const auto& [number, session] : sessions_) {
    if (is_over(*session, places.shards[session->shard_])) over.push_back(number);
  }
  for (const uint64_t number : over) close_session(number, moved());
  // Edges that have died: their clients resume elsewhere.
  std::vector<LinkName> lost;
  for (const auto& [name, link] : links_) {
    if (!places.processes.contains(process_of_loop(name.edge))) lost.push_back(name);
  }
  for (const auto& name : lost) {
    on_lost(encode(LinkLost{name, {}, false}));
    port_.forget(name.edge);
  }
}

}  // namespace rookery::server::cluster
