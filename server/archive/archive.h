// XEP-0313 for whoever owns a log, account or room: from the query to the page. Who may ask is the owner's matter.
#pragma once

#include "server/store_worker.h"
#include "storage/message_log.h"
#include "xmpp/payloads/mam.h"

namespace rookery::server {

/// What is to be read: the query, and the ids it refers to, which have to exist.
struct ArchiveSearch {
  storage::ArchiveQuery query;
  storage::LogId oldest = 0;  ///< what has a lower id has expired, whether it is still there or not
  std::vector<storage::LogId> anchors;
  bool count_only = false;
};

/// The lowest id that an archive shows which keeps its entries so long; 0 for one that keeps them for ever.
storage::LogId oldest_kept(std::chrono::days keep);

/// `newest` is the last entry that is surely committed: what is being written now belongs to no page yet, since a later
/// page would miss what is committed before it.
xmpp::Parsed<ArchiveSearch> make_archive_search(const xmpp::MamQuery& asked, const xmpp::Jid& owner,
                                                storage::LogId newest, storage::LogId oldest);

// Blocking reads, for Node::read_log. Failure::not_found for an id that is not in the archive.
Result<storage::ArchivePage> read_archive(const storage::MessageLog& log, const ArchiveSearch& search);
/// What XEP-0313 §5 tells of the archive, from entry `oldest` to entry `newest`.
Result<xmpp::MamMetadata> archive_metadata(const storage::MessageLog& log, const std::string& owner,
                                           storage::LogId newest, storage::LogId oldest);

/// The `<message><result/></message>` that brings an entry.
std::string archive_result(const storage::LogEntry& entry, const xmpp::Jid& owner, const xmpp::Jid& to,
                           std::string_view query_id);
xmpp::MamFin archive_fin(const storage::ArchivePage& page);
xmpp::StanzaError too_many_queries();  ///< where ArchiveTurns takes no more

}  // namespace rookery::server
