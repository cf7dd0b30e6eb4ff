#include "server/cluster/port.h"

#include <charconv>
#include <iterator>

#include "crypto/random.h"
#include "server/log.h"
#include "server/node.h"
#include "xmpp/namespaces.h"

namespace rookery::server::cluster {

namespace {

// What nobody has acknowledged is sent again after this; news of a shard's new owner comes earlier.
constexpr auto retry_after = std::chrono::milliseconds(500);

/// A message that is written somewhere must not be taken twice, so the log remembers it (REQUIREMENTS 20). What a client has
/// given no origin-id is remembered by a name of our own.
void name_for_the_log(Envelope& envelope) {
  if (envelope.seen || (!envelope.sent_copy && !envelope.must_log)) return;
  envelope.seen = storage::LogBatch::Seen{std::string(envelope.from.bare_text()), crypto::random_bytes(16)};
}

}  // namespace

std::string shard_destination(uint32_t shard) { return "s." + std::to_string(shard); }

Port::Port(Node& node, Loop& loop, Bus& bus, std::string prefix, std::string process)
    : node_(node),
      loop_(loop),
      bus_(bus),
      prefix_(std::move(prefix)),
      stream_(process + "." + std::to_string(loop.index())),
      address_("l." + stream_) {
  to_shard_.resize(shard_count);
  handlers_[Topic::envelope] = [this](Incoming incoming) { handle_envelope(std::move(incoming)); };
  timer_ = loop_.after(retry_after, [this] { tick(); });
}

Port::~Port() = default;

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
  return std::make_unique<OutChannel>(stream_, [this, subject, reply = prefix_ + address_ + ".a." + destination](const std::string& packet) {
    ++loop_.counters().packets_out;
    bus_.publish(subject, reply, packet);
  });
}

OutChannel& Port::to_shard(uint32_t shard) {
  if (!to_shard_[shard]) to_shard_[shard] = make_channel(shard_destination(shard), prefix_ + shard_destination(shard));
  return *to_shard_[shard];
}

OutChannel* Port::find_channel(std::string_view destination) {
  if (destination.starts_with("s.")) {
    uint32_t shard = 0;
    const auto parsed = std::from_chars(destination.data() + 2, destination.data() + destination.size(), shard);
    return parsed.ec == std::errc() && shard < shard_count ? to_shard_[shard].get() : nullptr;
  }
  const auto found = to_loop_.find(std::string(destination));
  return found == to_loop_.end() ? nullptr : found->second.get();
}

void Port::send_to_shard(uint32_t shard, Topic topic, std::string body, OutChannel::Taken taken) {
  to_shard(shard).send(topic, std::move(body), std::move(taken));
}

void Port::send_to_loop(const std::string& address, Topic topic, std::string body) {
  auto& channel = to_loop_[address];
  if (!channel) channel = make_channel(address, prefix_ + address + ".d");
  channel->send(topic, std::move(body), {});
}

void Port::send(uint32_t shard, Envelope envelope) {
  if (envelope.stanza->name() == "message" && !envelope.sender.packet) {
    name_for_the_log(envelope);
    const uint32_t own = shard_of(envelope.from.bare_text());
    if (envelope.seen) envelope.sender_fence = storage::LogBatch::Fence{own, node_.homes(loop_).epoch_of(own)};
  }
  send_to_shard(shard, Topic::envelope, encode(envelope), [this, sender = std::move(envelope.sender)] { node_.router().confirm(sender); });
}

void Port::forget(const std::string& address) { to_loop_.erase(address); }

void Port::shards_moved() {
  for (auto& channel : to_shard_) {
    if (!channel || !channel->is_waiting()) continue;
    ++loop_.counters().packet_retries;
    channel->retry();
  }
}

void Port::tick() {
  shards_moved();
  for (auto& [address, channel] : to_loop_) {
    if (!channel->is_waiting()) continue;
    ++loop_.counters().packet_retries;
    channel->retry();
  }
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
  if (!packet || packet->kind != Packet::Kind::data) return log::warning("packet_not_understood", {{"subject", message.subject}});
  const StreamKey key{std::string(destination), packet->stream};
  ++loop_.counters().packets_in;
  Stream& stream = in_[key];
  stream.reply = message.reply;
  switch (stream.channel.on_packet(*packet)) {
    case InChannel::Verdict::duplicate:
      if (packet->seq <= stream.channel.acknowledged()) acknowledge_later(key, stream);
      return;
    case InChannel::Verdict::gap:
      return bus_.publish(stream.reply, {}, encode(Packet{.kind = Packet::Kind::gap, .seq = stream.channel.next()}));
    case InChannel::Verdict::process: break;
  }
  Incoming incoming{{key.first, key.second, packet->seq}, std::string(packet->body), packet->again};
  const auto topic = static_cast<Topic>(packet->topic);
  if (stream.checking) return stream.behind.emplace_back(topic, std::move(incoming)), void();
  handle(topic, std::move(incoming));
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
  if (incoming.again && envelope->seen) return receive_unless_known(incoming.ref, std::move(*envelope));
  node_.router().deliver_here(std::move(*envelope));
}

void Port::receive_unless_known(const PacketRef& ref, Envelope envelope) {
  const StreamKey key{ref.destination, ref.stream};
  in_[key].checking = true;
  auto ask = [seen = *envelope.seen](storage::MessageLog& log) { return log.has_seen(seen.owner, seen.key); };
  node_.read_log(std::move(ask), [this, key, ref, envelope = std::move(envelope)](Result<bool> known) mutable {
    const auto found = in_.find(key);
    if (found == in_.end()) return;  // the shard is another's by now
    if (!known) {
      // Not acknowledged, so it comes again; nothing behind it may overtake it.
      in_.erase(found);
      return;
    }
    if (*known) {
      taken(ref);
    } else {
      node_.router().deliver_here(std::move(envelope));
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
      rest.insert(rest.end(), std::move_iterator(behind.begin() + static_cast<ptrdiff_t>(i)), std::move_iterator(behind.end()));
      return;
    }
    handle(behind[i].first, std::move(behind[i].second));
  }
}

void Port::taken(const PacketRef& ref) {
  const StreamKey key{ref.destination, ref.stream};
  const auto found = in_.find(key);
  if (found != in_.end() && found->second.channel.done(ref.seq)) acknowledge_later(key, found->second);
}

void Port::acknowledge_later(const StreamKey& key, Stream& stream) {
  if (std::exchange(stream.ack_due, true)) return;
  if (due_.empty()) {
    loop_.at_turn_end([this] {
      for (const auto& one : std::exchange(due_, {})) {
        const auto found = in_.find(one);
        if (found == in_.end()) continue;
        found->second.ack_due = false;
        bus_.publish(found->second.reply, {}, encode(Packet{.kind = Packet::Kind::ack, .seq = found->second.channel.acknowledged()}));
      }
    });
  }
  due_.push_back(key);
}

void Port::drop_shard(uint32_t shard) {
  const std::string destination = shard_destination(shard);
  auto it = in_.lower_bound({destination, {}});
  while (it != in_.end() && it->first.first == destination) it = in_.erase(it);
}

}  // namespace rookery::server::cluster
