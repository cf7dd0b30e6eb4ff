#include "server/edge/bosh_wire.h"

#include <algorithm>
#include <charconv>

#include "crypto/random.h"
#include "server/http/http_connection.h"
#include "xmpp/namespaces.h"

namespace rookery::server {

namespace {

constexpr uint64_t most_rid = uint64_t{1} << 53;  // XEP-0124 §14.1
constexpr std::chrono::seconds longest_wait{60}, inactivity{60};
constexpr size_t body_overhead_bytes = 1024;  // of <body/> itself, beside one element

std::optional<uint64_t> number(std::string_view text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string_view attr_ns(const xmpp::Element& element, std::string_view name, std::string_view ns) {
  for (const auto* attribute = element.first_attribute(); attribute != nullptr; attribute = attribute->next) {
    if (attribute->name == name && attribute->ns == ns) return attribute->value;
  }
  return {};
}

xmpp::StreamHeader header_of(const xmpp::Element& body) {
  xmpp::StreamHeader header;
  header.to = body.attr("to");
  header.from = body.attr("from");
  header.version = attr_ns(body, "version", xmpp::ns::xbosh);
  header.lang = body.attr("xml:lang");
  header.content_ns = xmpp::ns::client;
  return header;
}

std::string body_xml(const std::string& attributes, const std::string& content) {
  std::string out = "<body xmlns='http://jabber.org/protocol/httpbind'" + attributes;
  return content.empty() ? out + "/>" : out + ">" + content + "</body>";
}

}  // namespace

std::string bosh_terminated(std::string_view condition) {
  std::string attributes = " type='terminate'";
  if (!condition.empty()) attributes.append(" condition='").append(condition).append("'");
  return body_xml(attributes, {});
}

BoshRequest::BoshRequest(std::shared_ptr<HttpConnection> connection, std::string xml)
    : connection_(std::move(connection)), loop_(connection_->loop()), xml_(std::move(xml)) {}

void BoshRequest::answer(std::string body) {
  const auto respond = [connection = connection_, body = std::move(body)]() mutable {
    // For web clients of other sites, as host-meta is (XEP-0156 §3).
    connection->respond({.status = 200,
                         .headers = {{"Content-Type", "text/xml; charset=utf-8"},
                                     {"Access-Control-Allow-Origin", "*"},
                                     {"Cache-Control", "no-store"}},
                         .body = std::move(body)});
  };
  if (&loop_ == Loop::current()) return Job(respond)();
  loop_.post(respond);
}

BoshWire::BoshWire(BoshSessions& sessions, Loop& loop, bool is_encrypted)
    : sessions_(sessions), sid_(crypto::random_token()), is_encrypted_(is_encrypted), loop_(&loop) {}

bool BoshWire::create(const BoshRequestPtr& request) {
  auto body = parse(request);
  if (!body || body->element->attr("to").empty() || body->element->has_attr("sid")) {
    request->answer(bosh_terminated("bad-request"));
    return false;
  }
  const auto& element = *body->element;
  wait_ = std::chrono::seconds(std::min<uint64_t>(longest_wait.count(), number(element.attr("wait")).value_or(60)));
  hold_ = std::min<size_t>(number(element.attr("hold")).value_or(1), 1);
  next_rid_ = body->rid + 1;
  const size_t requests = hold_ + 1;
  opening_ = " sid='" + sid_ + "' wait='" + std::to_string(wait_.count()) + "' hold='" + std::to_string(hold_) +
             "' requests='" + std::to_string(requests) + "' inactivity='" + std::to_string(inactivity.count()) +
             "' polling='0' ver='1.10' xmlns:xmpp='urn:xmpp:xbosh' xmpp:version='1.0' xmpp:restartlogic='true'";
  if (is_encrypted_) opening_ += " secure='true'";
  first_header_ = header_of(element);
  events_.emplace_back(first_header_);
  hold(body->rid, request);
  return true;
}

void BoshWire::start(StreamWire::Owner& owner) {
  owner_ = &owner;
  owner_->on_input(0);
}

std::optional<BoshWire::Body> BoshWire::parse(const BoshRequestPtr& request) const {
  xmpp::ParserLimits limits = limits_;
  limits.stanza_bytes += body_overhead_bytes;
  ++limits.depth;
  ++limits.elements;
  auto element = xmpp::parse_document(request->xml(), limits);
  if (!element || !(*element)->is("body", xmpp::ns::bosh)) return std::nullopt;
  const auto rid = number((*element)->attr("rid"));
  if (!rid || *rid > most_rid) return std::nullopt;
  return Body{*rid, std::move(*element), request};
}

void BoshWire::take(BoshRequestPtr request) {
  Loop* loop = loop_;
  loop->post([self = shared_from_this(), request = std::move(request)]() mutable {
    // It may have moved meanwhile.
    if (self->loop_ != Loop::current()) return self->take(std::move(request));
    self->on_request(std::move(request));
  });
}

void BoshWire::on_request(BoshRequestPtr request) {
  if (ended_) return request->answer(bosh_terminated("item-not-found"));
  auto body = parse(request);
  if (!body || body->element->attr("sid") != sid_) {
    request->answer(bosh_terminated("bad-request"));
    return lose("bad request");
  }
  on_body(std::move(*body));
}

void BoshWire::on_body(Body body) {
  if (body.rid < next_rid_) return repeat(body);
  // §14.2: no more ahead than requests may be open at once.
  if (body.rid > next_rid_ + hold_ + 1) {
    body.request->answer(bosh_terminated("item-not-found"));
    return lose("request id out of its window");
  }
  const auto known = waiting_.find(body.rid);
  if (known != waiting_.end()) {
    std::exchange(known->second.request, body.request)->answer(body_xml({}, {}));  // as repeat() does
  } else {
    waiting_.emplace(body.rid, std::move(body));
  }
  take_waiting();
}

void BoshWire::take_waiting() {
  for (auto first = waiting_.begin(); !paused_ && !ended_ && first != waiting_.end() && first->first == next_rid_;
       first = waiting_.begin()) {
    Body body = std::move(first->second);
    waiting_.erase(first);
    accept(std::move(body));
  }
  flush_later();
}

/// §14.3: the client did not get the answer.
void BoshWire::repeat(const Body& body) {
  for (auto& held : held_) {
    if (held.rid == body.rid) {
      std::exchange(held.request, body.request)->answer(body_xml({}, {}));
      return;
    }
  }
  const auto answered = answered_.find(body.rid);
  if (answered != answered_.end()) return body.request->answer(answered->second);
  body.request->answer(bosh_terminated("item-not-found"));
  lose("an old request id");
}

void BoshWire::accept(Body body) {
  ++next_rid_;
  hold(body.rid, body.request);
  if (ending_) return;
  // XEP-0206 §5: the stream begins anew after SASL.
  if (attr_ns(*body.element, "restart", xmpp::ns::xbosh) == "true") {
    auto header = header_of(*body.element);
    if (header.to.empty()) header.to = first_header_.to;
    header.version = first_header_.version;  // said once
    events_.emplace_back(std::move(header));
  }
  for (const auto& child : body.element->elements()) {
    auto element = child.clone();
    element->rename_ns(xmpp::ns::bosh, xmpp::ns::client);  // many clients leave jabber:client out
    events_.emplace_back(std::move(element));
  }
  if (body.element->attr("type") == "terminate") events_.emplace_back(xmpp::StreamEnd{});
  owner_->on_input(body.request->xml().size());
}

void BoshWire::hold(uint64_t rid, BoshRequestPtr request) {
  if (inactivity_) loop_.load()->cancel(*std::exchange(inactivity_, std::nullopt));
  const auto timer = loop_.load()->after(wait_, [this, weak = weak_from_this(), rid] {
    const auto self = weak.lock();
    if (!self) return;
    while (!held_.empty() && held_.front().rid <= rid) answer_oldest();
    watch_inactivity();
  });
  held_.push_back({rid, std::move(request), timer});
  flush_later();
}

void BoshWire::flush_later() {
  if (std::exchange(flushing_, true)) return;
  loop_.load()->at_turn_end([self = weak_from_this()] {
    const auto wire = self.lock();
    if (!wire || wire->loop_ != Loop::current()) return;  // it has moved
    wire->flushing_ = false;
    wire->flush();
  });
}

void BoshWire::flush() {
  if (ended_) return;
  const bool has_something = !outbox_.empty();
  while (!held_.empty() && (ending_ || !outbox_.empty() || held_.size() > hold_)) answer_oldest();
  if (ending_ && ended_) return;
  watch_inactivity();
  if (has_something && outbox_.empty() && !ending_) owner_->on_drained();
}

void BoshWire::answer_oldest() {
  Held held = std::move(held_.front());
  held_.pop_front();
  loop_.load()->cancel(held.timer);
  std::string attributes = std::exchange(opening_, {});
  if (ending_) attributes += has_error_ ? " type='terminate' condition='remote-stream-error'" : " type='terminate'";
  std::string answer = body_xml(attributes, std::exchange(outbox_, {}));
  answered_[held.rid] = answer;
  while (answered_.size() > hold_ + 1) answered_.erase(answered_.begin());
  held.request->answer(std::move(answer));
  if (ending_ && held_.empty()) {
    const auto keep = shared_from_this();
    loop_.load()->at_turn_end([keep] { keep->lose("finished"); });
  }
}

/// XEP-0124 §10: a client that has no request open for long is gone.
void BoshWire::watch_inactivity() {
  if (!held_.empty() || inactivity_ || ended_) return;
  inactivity_ = loop_.load()->after(inactivity, [this, weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self) return;
    inactivity_.reset();
    lose("inactive");
  });
}

void BoshWire::lose(std::string reason) {
  if (ended_) return;
  const auto keep = shared_from_this();
  close();
  if (owner_ != nullptr) owner_->on_closed(reason);
}

void BoshWire::close() {
  if (std::exchange(ended_, true)) return;
  Loop& loop = *loop_.load();
  if (inactivity_) loop.cancel(*std::exchange(inactivity_, std::nullopt));
  for (auto& held : std::exchange(held_, {})) {
    loop.cancel(held.timer);
    held.request->answer(bosh_terminated({}));
  }
  for (auto& [rid, body] : std::exchange(waiting_, {})) body.request->answer(bosh_terminated({}));
  sessions_.remove(sid_);
}

std::optional<xmpp::StreamEvent> BoshWire::next() {
  if (events_.empty()) return std::nullopt;
  xmpp::StreamEvent event = std::move(events_.front());
  events_.pop_front();
  return event;
}

void BoshWire::restart(const xmpp::ParserLimits& limits) {
  limits_ = limits;
  events_.clear();
}

void BoshWire::resume_reading() {
  if (!std::exchange(paused_, false) || ended_) return;
  loop_.load()->at_turn_end([self = weak_from_this()] {
    const auto wire = self.lock();
    if (wire && wire->loop_ == Loop::current()) wire->take_waiting();
  });
}

void BoshWire::open(const xmpp::StreamHeader& header) {
  const auto add = [this](std::string_view name, const std::string& value) {
    opening_.append(" ").append(name).append("='");
    xmpp::append_escaped(opening_, value);
    opening_ += '\'';
  };
  if (opening_.empty()) return;  // a stream that was begun anew has no header of its own (XEP-0206 §5)
  add("from", header.from);
  add("authid", header.id);
}

void BoshWire::send(std::string_view xml) {
  if (ended_ || ending_) return;
  for_each_element(xml, [this](const std::string& element) {
    has_error_ = has_error_ || element.starts_with("<stream:error");
    outbox_ += element;
  });
  flush_later();
}

void BoshWire::finish() {
  ending_ = true;
  flush_later();
}

void BoshWire::move_to(Loop& loop, Job then) {
  // Timers belong to a loop: those of held requests are set again on the new one.
  Loop& old = *loop_.load();
  if (inactivity_) old.cancel(*std::exchange(inactivity_, std::nullopt));
  for (auto& held : held_) old.cancel(held.timer);
  loop_ = &loop;
  loop.post([self = shared_from_this(), then = std::move(then)]() mutable {
    for (auto& held : std::exchange(self->held_, {})) self->hold(held.rid, std::move(held.request));
    self->flushing_ = false;
    self->flush_later();
    then();
  });
}

}  // namespace rookery::server
