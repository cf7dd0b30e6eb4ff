#include "server/metrics/snapshot.h"

#include "server/cluster/cluster.h"
#include "server/edge/connection_limits.h"
#include "server/log.h"
#include "server/metrics/exposition.h"
#include "server/metrics/process.h"
#include "server/node.h"
#include "xmpp/errors.h"

namespace rookery::server {

namespace {

using Unit = Exposition::Unit;

static_assert(static_cast<size_t>(xmpp::StreamCondition::unsupported_version) + 1 == LoopCounters::stream_conditions);

// 64 us to 34 s, and 1 to 16,383 rows.
constexpr size_t first_time = 6, last_time = 25, first_rows = 1, last_rows = 14;

void write_connections(Exposition& out, Node& node, const LoopCounters& sum) {
  out.gauge("rookery_connections",
            "Open connections by kind; a WebSocket or BOSH session is no http connection any more.");
  for (size_t i = 0; i < connection_kinds.size(); ++i) out.sample(sum.connections[i], {{"kind", connection_kinds[i]}});
  out.counter("rookery_connections_accepted_total", "Connections since the start, by kind.");
  for (size_t i = 0; i < connection_kinds.size(); ++i) out.sample(sum.accepted[i], {{"kind", connection_kinds[i]}});
  out.gauge("rookery_connections_unauthenticated", "Connections that have not logged in.")
      .sample(node.limits().count());
  out.counter("rookery_connections_evicted_total",
              "Connections closed before their login because newer ones needed the place.")
      .sample(node.limits().evicted());
  out.counter("rookery_logins_total", "Attempts to log in, by their result.")
      .sample(node.logins.load(), {{"result", "ok"}});
  out.sample(node.failed_logins.load(), {{"result", "failed"}});
  out.counter("rookery_stream_errors_total", "Client streams that ended with an error, by its condition.");
  for (size_t i = 0; i < sum.stream_errors.size(); ++i) {
    out.sample(sum.stream_errors[i], {{"condition", to_string(static_cast<xmpp::StreamCondition>(i))}});
  }
  out.counter("rookery_reading_pauses_total", "Times that a client's byte rate made the server read more slowly.")
      .sample(node.reading_pauses.load());
  out.counter("rookery_received_bytes_total", "Bytes from clients, without TLS.").sample(sum.bytes_in);
  out.counter("rookery_sent_bytes_total", "Bytes to clients, without TLS.").sample(sum.bytes_out);
  out.gauge("rookery_outbox_bytes", "Bytes that wait for clients to read them.").sample(sum.outbox_bytes);
}

void write_sessions(Exposition& out, const LoopCounters& sum) {
  out.gauge("rookery_sessions",
            "Sessions whose home is this node: connected, or waiting for their clients to resume them.");
  out.sample(sum.sessions - sum.sessions_waiting, {{"state", "connected"}})
      .sample(sum.sessions_waiting, {{"state", "waiting"}});
  // One that waits keeps its presence.
  out.gauge("rookery_sessions_available", "Of these, with available presence.").sample(sum.sessions_available);
  out.counter("rookery_stanzas_received_total", "Stanzas from clients, by kind.");
  for (size_t i = 0; i < stanza_kinds.size(); ++i) out.sample(sum.stanzas_in[i], {{"kind", stanza_kinds[i]}});
  out.counter("rookery_stanzas_sent_total", "Stanzas to sessions, by kind.");
  for (size_t i = 0; i < stanza_kinds.size(); ++i) out.sample(sum.stanzas_out[i], {{"kind", stanza_kinds[i]}});
}

void write_messages(Exposition& out, const LoopCounters& sum) {
  out.counter("rookery_messages_total", "Messages that clients sent and the server took.").sample(sum.messages);
  out.counter("rookery_messages_stored_total", "Entries written to the message log.").sample(sum.stored);
  out.counter("rookery_messages_delivered_total", "Messages given to sessions, carbons not counted.")
      .sample(sum.delivered);
  out.counter("rookery_messages_offline_total", "Messages stored while no session was there to take them.")
      .sample(sum.offline);
  out.counter("rookery_messages_resent_total", "Messages recognised as sent before and not stored again.")
      .sample(sum.resent);
  out.counter("rookery_archive_expired_total", "Entries deleted because they were older than [archive] keeps them.")
      .sample(sum.expired);
  out.histogram("rookery_message_durable_seconds",
                "From reading a client's message until all that had to be durable was, also on another node.",
                sum.durable, Unit::seconds, first_time, last_time);
  out.histogram(
      "rookery_message_acknowledged_seconds",
      "From storing a message until a device of its receiver acknowledged it (one sample an acknowledgement).",
      sum.acknowledged, Unit::seconds, first_time, last_time);
}

void write_federation(Exposition& out, const LoopCounters& sum) {
  out.counter("rookery_s2s_stanzas_total", "Stanzas from and to other servers.")
      .sample(sum.s2s_in, {{"direction", "in"}})
      .sample(sum.s2s_out, {{"direction", "out"}});
  out.counter("rookery_s2s_resent_total", "Messages of other servers recognised as sent before.")
      .sample(sum.s2s_resent);
  out.counter("rookery_s2s_bounced_total", "Stanzas given back because the other server could not be reached.")
      .sample(sum.s2s_bounced);
  out.gauge("rookery_s2s_waiting", "Stanzas in memory that no other server has acknowledged.").sample(sum.s2s_waiting);
}

void write_storage(Exposition& out, Node& node, const LoopCounters& sum, const std::vector<LoopFigures>& loops) {
  out.histogram("rookery_commit_seconds", "Until a batch of one loop was durable.", sum.commit_time, Unit::seconds,
                first_time, last_time);
  out.histogram("rookery_commit_rows", "Rows in a batch.", sum.commit_rows, Unit::count, first_rows, last_rows);
  size_t in_flight = 0, homes = 0, mailboxes = 0;
  for (const auto& loop : loops) {
    in_flight += loop.commits_in_flight;
    homes += loop.homes;
    mailboxes += loop.mailbox;
  }
  out.gauge("rookery_commits_in_flight",
            "Batches on their way to the disk; at 64 a loop stops reading from its clients.")
      .sample(in_flight);
  out.gauge("rookery_homes_loaded", "Accounts in memory.").sample(homes);
  out.gauge("rookery_mailbox_jobs", "Jobs that wait for event loops.").sample(mailboxes);
  out.gauge("rookery_store_jobs", "Jobs that wait for store workers.").sample(node.store_jobs());
  out.gauge("rookery_storage_healthy", "0 while the storage refuses: nothing is acknowledged then.")
      .sample(node.log().healthy(), {{"storage", "log"}})
      .sample(node.stores_healthy(), {{"storage", "stores"}});
  out.gauge("rookery_uploads_usable", "0 while the store of uploaded files cannot be used.")
      .sample(node.uploads_problem().empty());
  out.gauge("rookery_loops", "Event loops.").sample(loops.size());
}

void write_cluster(Exposition& out, Node& node, const LoopCounters& sum, const std::vector<LoopFigures>& loops) {
  const cluster::Cluster* cluster = node.cluster();
  if (cluster == nullptr) return;
  const auto& counts = cluster->counts();
  out.gauge("rookery_shards_owned", "Shards that this node holds a lease on.").sample(cluster->shards_owned());
  out.counter("rookery_shards_moved_total", "Shards taken, handed over in peace, or lost.")
      .sample(counts.taken.load(), {{"how", "taken"}})
      .sample(counts.handed_over.load(), {{"how", "handed_over"}})
      .sample(counts.lost.load(), {{"how", "lost"}});
  out.counter("rookery_lease_renewals_total", "Renewals of the leases in PostgreSQL.")
      .sample(counts.renewals.load(), {{"result", "ok"}})
      .sample(counts.failed_renewals.load(), {{"result", "failed"}});
  out.counter("rookery_fenced_total", "Times that another process was found under this node's name.")
      .sample(counts.fenced.load());
  out.gauge("rookery_cluster_suspended", "1 while the leases have run out and PostgreSQL does not answer.")
      .sample(cluster->is_suspended());
  out.gauge("rookery_cluster_draining", "1 while this node gives its accounts to the others.")
      .sample(cluster->is_draining());
  out.gauge("rookery_nats_connected", "1 while a NATS server is connected.").sample(cluster->is_bus_connected());
  out.counter("rookery_nats_reconnects_total", "Connections to NATS that were made again.")
      .sample(counts.reconnects.load());
  out.counter("rookery_cluster_packets_total", "Packets to and from other nodes.")
      .sample(sum.packets_out, {{"direction", "out"}})
      .sample(sum.packets_in, {{"direction", "in"}});
  out.counter("rookery_cluster_retries_total", "Times that a channel sent again what nobody had acknowledged.")
      .sample(sum.packet_retries);
  out.counter("rookery_cluster_no_responders_total", "Times that nobody listened to a shard.")
      .sample(sum.no_responders);
  cluster::Backlog to_others;
  for (const auto& loop : loops) to_others += loop.to_others;
  out.gauge("rookery_cluster_packets_waiting", "Packets to other nodes that they have not acknowledged.")
      .sample(to_others.packets);
  out.gauge("rookery_cluster_lag_seconds", "How long the oldest of these packets has been waiting.")
      .sample(std::chrono::duration<double>(to_others.lag).count());
}

void write_process(Exposition& out, const Node& node) {
  const auto counts = log::counts();
  out.counter("rookery_log_events_total", "Warnings and errors, whatever is shown.")
      .sample(counts.warnings, {{"level", "warning"}})
      .sample(counts.errors, {{"level", "error"}});
  out.gauge("rookery_build_info", "Which version this is.").sample(1, {{"version", ROOKERY_VERSION}});
  out.gauge("rookery_ready", "1 when /readyz says so.").sample(node.not_ready().empty());
  const auto process = read_process();
  out.counter("process_cpu_seconds_total", "User and system time.").sample(process.cpu_seconds);
  out.gauge("process_start_time_seconds", "Since 1970.").sample(process.start_time);
  out.gauge("process_resident_memory_bytes", "Memory in RAM.").sample(process.resident_bytes);
  out.gauge("process_virtual_memory_bytes", "Address space.").sample(process.virtual_bytes);
  out.gauge("process_open_fds", "Open files and sockets.").sample(process.open_files);
  out.gauge("process_max_fds", "What the system allows.").sample(process.most_files);
  out.gauge("process_threads", "Threads.").sample(process.threads);
}

}  // namespace

std::string render_metrics(Node& node, const std::vector<LoopFigures>& loops) {
  LoopCounters sum;
  for (const auto& loop : loops) sum += loop.counters;
  Exposition out;
  write_connections(out, node, sum);
  write_sessions(out, sum);
  write_messages(out, sum);
  write_federation(out, sum);
  write_storage(out, node, sum, loops);
  write_cluster(out, node, sum, loops);
  write_process(out, node);
  return out.take();
}

}  // namespace rookery::server
