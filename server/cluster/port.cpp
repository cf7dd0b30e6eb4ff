#include "server/cluster/port.h"

#include <algorithm>
#include <charconv>
#include <iterator>

#include "crypto/random.h"
#include "server/cluster/cluster.h"
#include "server/home/message_rules.h"
#include "server/log.h"
#include "server/node.h"
#include "xmpp/namespaces.h"

namespace rookery::server::cluster {

namespace {

// What nobody has acknowledged is sent again after this; news of a shard's new owner comes earlier.
constexpr auto retry_after = std::chrono::milliseconds(500);
// Nobody waits for what a loop acknowledges of its own stream (send_to_loop): one answer for what comes in this time,
// or for so much.
constexpr auto answer_within = std::chrono::milliseconds(20);
constexpr uint64_t most_unanswered = 128;
constexpr auto look_up_again_after = std::chrono::milliseconds(100);
constexpr size_t packet_overhead = 1024;  // what a packet has besides its body, at most

/// An account keeps what is storable; a room, or the queue for another server, also group chat.
bool may_be_written(const Router& router, const Envelope& envelope) {
  if (envelope.sent_copy || is_storable(*envelope.stanza)) return true;
  return is_recorded(*envelope.stanza) && !router.is_local_domain(envelope.to.domain());
}

/// A message that is written somewhere must not be taken twice, so the log remembers it (REQUIREMENTS 20). What has no
/// origin-id is remembered by a name of our own: the sender's, where its epoch is shown, or else the receiver's.
void name_for_the_log(const Router& router, Envelope& envelope) {
  if (envelope.seen || !may_be_written(router, envelope)) return;
  const xmpp::Jid& account = envelope.sender.account;
  const std::string_view owner = account.empty() ? router.owner_name(envelope.to) : account.bare_text();
  envelope.seen = storage::LogBatch::Seen{std::string(owner), crypto::random_bytes(16)};
}

std::optional<uint32_t> parse_shard(std::string_view destination) {
  uint32_t shard = 0;
  if (!destination.starts_with("s.")) return std::nullopt;
  const auto parsed = std::from_chars(destination.data() + 2, destination.data() + destination.size(), shard);
  if (parsed.ec != std::errc() || shard >= shard_count) return std::nullopt;
  return shard;
}

}  // namespace

std::string shard_destination(uint32_t shard) { return "s." + std::to_string(shard); }

std::string process_of_loop(std::string_view address) {
  const size_t end = address.rfind('.');
  if (end == std::string_view::npos || end < 2) return {};
  return std::string(address.substr(2, end - 2));
}

std::string_view process_of_stream(std::string_view stream) { return stream.substr(0, stream.rfind('.')); }

Port::Port(Node& node, Loop& loop, Bus& bus, std::string prefix, std::string process)
    : node_(node),
      loop_(loop),
      bus_(bus),
      prefix_(std::move(prefix)),
      stream_(process + "." + std::to_string(loop.index())),
      address_("l." + stream_) {
  to_shard_.resize(shard_count);
  handlers_[Topic::envelope] = [this](Incoming incoming) { handle_envelope(std::move(incoming)); };
  handlers_[Topic::stay] = handlers_[Topic::envelope];
  handlers_[Topic::nothing] = [this](Incoming incoming) { taken(incoming.ref); };
  timer_ = loop_.after(retry_after, [this] { tick(); });
}

Port::~Port() {
  loop_.cancel(timer_);
  loop_.cancel(due_soon_timer_);
}

Status Port::subscribe() {
  // l.PROCESS.LOOP carries packets, l.PROCESS.LOOP.a.DESTINATION what is answered to ours.
  auto subscription = bus_.subscribe(prefix_ + address_ + ".>", [this](BusMessage message) {
    loop_.post([this, message = std::move(message)] {
      const std::string_view rest = std::string_view(message.subject).substr(prefix_.size() + address_.size() + 1);
      if (rest == "d") return on_packet(address_, message);
      if (rest.starts_with("a.")) on_answer(message);
    });
  });
  if (!subscription) return std::unexpected<Error>(subscription.error());
  subscription_ = std::move(*subscription);
  return {};
}

std::unique_ptr<OutChannel> Port::make_channel(const std::string& destination, const std::string& subject) {
  return std::make_unique<OutChannel>(
      stream_,
      [this, subject, reply = prefix_ + address_ + ".a." + destination](const std::string& packet) {
        ++loop_.counters().packets_out;
        bus_.publish(subject, reply, packet);
      },
      bus_.max_payload() - packet_overhead);
}

OutChannel& Port::to_shard(uint32_t shard) {
  if (!to_shard_[shard]) to_shard_[shard] = make_channel(shard_destination(shard), prefix_ + shard_destination(shard));
  return *to_shard_[shard];
}

bool Port::receives(std::string_view destination) const {
  const auto shard = parse_shard(destination);
  if (!shard) return true;
  // A process that stood still finds here what has come meanwhile, before it learns that the shard is another's.
  return node_.homes(loop_).epoch_of(*shard) != 0 && !node_.cluster()->is_suspended();
}

OutChannel* Port::find_channel(std::string_view destination) {
  if (const auto shard = parse_shard(destination)) return to_shard_[*shard].get();
  const auto found = to_loop_.find(std::string(destination));
  return found == to_loop_.end() ? nullptr : found->second.get();
}

void Port::send_to_shard(uint32_t shard, Topic topic, std::string body, OutChannel::Taken taken) {
  to_shard(shard).send(topic, std::move(body), std::move(taken));
}

void Port::send_to_loop(const std::string& address, Topic topic, std::string body, OutChannel::Taken taken) {
  auto& channel = to_loop_[address];
  if (!channel) channel = make_channel(address, prefix_ + address + ".d");
  channel->send(topic, std::move(body), std::move(taken));
}

void Port::send(uint32_t shard, Envelope envelope) {
  if (envelope.stanza->name() == "message") name_for_the_log(node_.router(), envelope);
  if (!envelope.sent_copy && !envelope.seen) envelope.sender_fence.reset();  // nothing is written by it
  // Not as an envelope, which an older node would take for presence.
  const Topic topic = envelope.stay && envelope.stay->is_report ? Topic::stay : Topic::envelope;
  std::string body = encode(envelope);
  // Where it has come from another node, that one gives it up too, or gives it to us anew.
  const auto withdrawn = [this, packet = envelope.sender.packet] {
    if (packet) refused(*packet);
  };
  to_shard(shard).send(
      topic, std::move(body), [this, sender = std::move(envelope.sender)] { node_.router().confirm(sender); },
      envelope.sender_fence, withdrawn);
}

void Port::forget(const std::string& address) {
  // A process that stood still and comes back knows the numbers that it has had: those of a new channel would be old to
  // it.
  const auto found = to_loop_.find(address);
  if (found != to_loop_.end()) found->second->take_all();
}

void Port::on_places(const std::shared_ptr<const Places>& places) {
  places_ = places;
  for (auto& [address, channel] : to_loop_) {
    if (!channel->is_waiting() || places->processes.contains(process_of_loop(address))) continue;
    for (const auto& kept : channel->take_all()) not_delivered(kept);
  }
  withdraw([this](const storage::Fence& fence) { return is_outdated(fence); });
  std::erase_if(senders_, [&](const std::string& stream) {
    return !places->processes.contains(std::string(process_of_stream(stream)));
  });
}

void Port::not_delivered(const OutChannel::Kept& kept) {
  if (kept.topic != Topic::component) return;
  const auto envelope = parse_envelope(kept.body);
  if (envelope && envelope->stanza->name() != "presence")
    node_.router().bounce(*envelope, {.condition = xmpp::Condition::remote_server_timeout});
}

Backlog& Backlog::operator+=(const OutChannel& channel) {
  const auto waited = std::chrono::steady_clock::now() - channel.waiting_since();
  return *this += {channel.waiting(), std::chrono::duration_cast<std::chrono::milliseconds>(waited)};
}

Backlog& Backlog::operator+=(const Backlog& other) {
  packets += other.packets;
  lag = std::max(lag, other.lag);
  return *this;
}

std::map<std::string, Backlog> Port::backlogs() const {
  std::map<std::string, Backlog> found;
  for (uint32_t shard = 0; shard < shard_count; ++shard) {
    const auto& channel = to_shard_[shard];
    if (!channel || !channel->is_waiting()) continue;
    found[places_ && shard < places_->shards.size() ? places_->shards[shard].process : std::string()] += *channel;
  }
  for (const auto& [address, channel] : to_loop_) {
    if (channel->is_waiting()) found[process_of_loop(address)] += *channel;
  }
  return found;
}

Backlog Port::backlog() const {
  Backlog all;
  for (const auto& [process, one] : backlogs()) all += one;
  return all;
}

void Port::withdraw(const std::function<bool(const storage::Fence&)>& is_lost) {
  for (auto& channel : to_shard_) {
    if (channel) channel->withdraw(is_lost);
  }
}

void Port::shards_moved() {
  for (auto& channel : to_shard_) {
    if (!channel || !channel->is_waiting()) continue;
    ++loop_.counters().packet_retries;
    channel->retry();
  }
}

void Port::tick() {
  const auto retry = [this](OutChannel& channel) {
    if (!channel.is_stuck()) return;
    ++loop_.counters().packet_retries;
    channel.retry();
  };
  for (auto& channel : to_shard_) {
    if (channel) retry(*channel);
  }
  for (auto& [address, channel] : to_loop_) retry(*channel);
  timer_ = loop_.after(retry_after, [this] { tick(); });
}

void Port::on_answer(const BusMessage& message) {
  const size_t at = prefix_.size() + address_.size() + 3;  // ".a."
  OutChannel* channel = find_channel(std::string_view(message.subject).substr(at));
  if (channel == nullptr) return;
  if (message.no_responders) {
    ++loop_.counters().no_responders;
    return channel->on_no_owner();
  }
  const auto packet = parse_packet(message.data);
  if (!packet) return;
  if (packet->kind == Packet::Kind::ack) channel->on_ack(packet->seq);
  if (packet->kind == Packet::Kind::gap) channel->on_gap(packet->seq);
}

void Port::on_packet(std::string_view destination, const BusMessage& message) {
  const auto packet = parse_packet(message.data);
  if (!packet || packet->kind != Packet::Kind::data)
    return log::warning("packet_not_understood", {{"subject", message.subject}});
  ++loop_.counters().packets_in;
  // Its owner, and nobody before or after it, may take what is for a shard: a copy that came to a former owner and goes
  // on from there, and the one that its sender sends again, would be two.
  if (!receives(destination)) return;
  const StreamKey key{std::string(destination), packet->stream};
  Stream& stream = in_[key];
  if (stream.serial == 0) {
    stream.serial = ++last_serial_;
    senders_.insert(key.second);
  }
  stream.reply = message.reply;
  switch (stream.channel.on_packet(*packet)) {
    case InChannel::Verdict::duplicate:
      if (packet->seq <= stream.channel.acknowledged()) acknowledge_later(key, stream);
      return;
    case InChannel::Verdict::gap:
      return bus_.publish(stream.reply, {}, encode(Packet{.kind = Packet::Kind::gap, .seq = stream.channel.next()}));
    case InChannel::Verdict::known_gap:
      return;
    case InChannel::Verdict::process:
      break;
  }
  if (!take_part(stream, *packet)) return;
  Incoming incoming{{key.first, key.second, packet->seq, loop_.index(), std::exchange(stream.parts, 0)},
                    std::exchange(stream.begun, {}),
                    packet->again};
  const auto topic = static_cast<Topic>(packet->topic);
  if (stream.checking) return stream.behind.emplace_back(topic, std::move(incoming)), void();
  handle(topic, std::move(incoming));
}

/// What is too long for one packet is taken or refused as one. False: more of it is to come, or to come again.
bool Port::take_part(Stream& stream, const Packet& packet) {
  const auto give_up = [&stream] {
    for (; stream.parts > 0; --stream.parts) stream.channel.refuse(stream.last_part--);
    stream.begun.clear();
  };
  if (stream.last_part + 1 != packet.seq) give_up();  // of what was refused and comes again, something was lost
  if (packet.parts > stream.parts) {
    stream.channel.refuse(packet.seq);
    give_up();
    return false;
  }
  stream.begun.append(packet.body);
  if (static_cast<Topic>(packet.topic) != Topic::part) return true;
  ++stream.parts;
  stream.last_part = packet.seq;
  return false;
}

void Port::handle(Topic topic, Incoming incoming) {
  const auto handler = handlers_.find(topic);
  if (handler != handlers_.end()) return handler->second(std::move(incoming));
  // From a newer node: nobody waits for what we cannot do.
  log::warning("topic_not_understood", {{"topic", std::to_string(static_cast<uint32_t>(topic))}});
  taken(incoming.ref);
}

void Port::handle_envelope(Incoming incoming) {
  auto envelope = parse_envelope(incoming.body);
  if (!envelope) {
    log::warning("envelope_not_understood");
    return taken(incoming.ref);
  }
  if (envelope->stanza->name() != "message") {
    node_.router().deliver_here(std::move(*envelope));
    return taken(incoming.ref);
  }
  envelope->sender.packet = std::make_shared<PacketRef>(incoming.ref);
  // Storage would say so, and a home be dropped for it.
  if (envelope->sender_fence && is_outdated(*envelope->sender_fence)) return refused(incoming.ref);
  // An older node's room passes things on under its own epoch: storage would refuse them for ever.
  if (envelope->sent_copy && !is_shown(*envelope, envelope->sent_copy->owner)) envelope->sent_copy.reset();
  if (envelope->seen && !is_shown(*envelope, envelope->seen->owner)) envelope->seen.reset();
  if (incoming.again && envelope->seen)
    return receive_unless_known(incoming.ref, std::make_shared<Envelope>(std::move(*envelope)));
  node_.router().deliver_here(std::move(*envelope));
}

/// The right to write what this owner keeps: its home's, or ours.
bool Port::is_shown(const Envelope& envelope, std::string_view owner) const {
  const uint32_t shard = shard_of(owner);
  return (envelope.sender_fence && envelope.sender_fence->shard == shard) || node_.homes(loop_).epoch_of(shard) != 0;
}

bool Port::is_outdated(const storage::Fence& fence) const {
  return places_ && fence.shard < places_->shards.size() && fence.epoch < places_->shards[fence.shard].epoch;
}

void Port::receive_unless_known(const PacketRef& ref, std::shared_ptr<Envelope> envelope) {
  const StreamKey key{ref.destination, ref.stream};
  const auto stream = in_.find(key);
  if (stream == in_.end()) return;
  stream->second.checking = true;
  auto ask = [seen = *envelope->seen](storage::MessageLog& log) { return log.has_seen(seen.owner, seen.key); };
  node_.read_log(std::move(ask), [this, key, ref, envelope, serial = stream->second.serial](Result<bool> known) {
    const auto found = in_.find(key);
    if (found == in_.end() || found->second.serial != serial) return;  // the shard is another's by now, or was
    if (!known) {
      // The database is away. What came before may still be on its way into it, so nothing is begun anew: this waits,
      // and what is behind it too.
      loop_.after(look_up_again_after, [this, key, ref, envelope, serial] {
        const auto still = in_.find(key);
        if (still != in_.end() && still->second.serial == serial) receive_unless_known(ref, envelope);
      });
      return;
    }
    if (*known) {
      taken(ref);
    } else {
      node_.router().deliver_here(std::move(*envelope));
    }
    go_on(key);
  });
}

void Port::go_on(const StreamKey& key) {
  const auto found = in_.find(key);
  if (found == in_.end()) return;
  found->second.checking = false;
  auto behind = std::exchange(found->second.behind, {});
  for (size_t i = 0; i < behind.size(); ++i) {
    const auto now = in_.find(key);
    if (now == in_.end()) return;
    if (now->second.checking) {  // one of them is asked about in its turn
      auto& rest = now->second.behind;
      rest.insert(rest.end(), std::move_iterator(behind.begin() + static_cast<ptrdiff_t>(i)),
                  std::move_iterator(behind.end()));
      return;
    }
    handle(behind[i].first, std::move(behind[i].second));
  }
}

/// A room and those to whom it passes something on may live on different loops.
bool Port::passed_on(const PacketRef& ref, void (Port::*what)(const PacketRef&)) {
  if (ref.loop == loop_.index()) return false;
  Loop& loop = *node_.loops()[ref.loop];
  loop.post([&node = node_, &loop, ref, what] { (node.cluster()->port(loop).*what)(ref); });
  return true;
}

void Port::taken(const PacketRef& ref) {
  if (passed_on(ref, &Port::taken)) return;
  const StreamKey key{ref.destination, ref.stream};
  const auto found = in_.find(key);
  if (found == in_.end()) return;
  bool is_news = false;
  for (uint64_t seq = ref.seq - ref.parts; seq <= ref.seq; ++seq) is_news = found->second.channel.done(seq) || is_news;
  if (is_news) acknowledge_later(key, found->second);
}

void Port::refused(const PacketRef& ref) {
  if (passed_on(ref, &Port::refused)) return;
  const auto found = in_.find({ref.destination, ref.stream});
  if (found == in_.end()) return;
  for (uint64_t seq = ref.seq - ref.parts; seq <= ref.seq; ++seq) found->second.channel.refuse(seq);
}

void Port::acknowledge_later(const StreamKey& key, Stream& stream) {
  const bool was_due = std::exchange(stream.ack_due, true);
  if (key.first != address_) {
    if (was_due) return;
    if (due_.empty()) loop_.at_turn_end([this] { acknowledge(std::exchange(due_, {})); });
    return due_.push_back(key);
  }
  if (stream.channel.acknowledged() - stream.answered >= most_unanswered) return acknowledge({key});
  if (was_due) return;
  if (due_soon_.empty())
    due_soon_timer_ = loop_.after(answer_within, [this] { acknowledge(std::exchange(due_soon_, {})); });
  due_soon_.push_back(key);
}

void Port::acknowledge(const std::vector<StreamKey>& streams) {
  for (const auto& one : streams) {
    const auto found = in_.find(one);
    if (found == in_.end() || !std::exchange(found->second.ack_due, false)) continue;
    Stream& stream = found->second;
    stream.answered = stream.channel.acknowledged();
    bus_.publish(stream.reply, {}, encode(Packet{.kind = Packet::Kind::ack, .seq = stream.answered}));
  }
}

void Port::drop_shard(uint32_t shard) {
  const std::string destination = shard_destination(shard);
  auto it = in_.lower_bound({destination, {}});
  while (it != in_.end() && it->first.first == destination) it = in_.erase(it);
}

}  // namespace rookery::server::cluster
