// What an edge and a home on different nodes say to each other about one client's connection.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rookery::server::cluster {

/// One connection, named by its edge: the address of the loop that holds the socket, and a number there.
struct LinkName {
  std::string edge;
  uint64_t number = 0;
  auto operator<=>(const LinkName&) const = default;
};

/// Edge → home: the client has authenticated and wants a session.
struct Attach {
  LinkName link;
  std::string account;   ///< bare JID
  bool resume = false;   ///< XEP-0198; else bind
  std::string resource;  ///< bind: what was asked for, may be empty
  std::string options;   ///< bind: what else was asked for, as XML of Bind 2 (XEP-0386); empty for RFC 6120's bind
  std::string previous;  ///< resume: previd
  uint32_t handled = 0;  ///< resume: h
  std::string peer_address;
  bool encrypted = false;
};

/// Home → edge.
struct Attached {
  enum class Outcome : uint8_t { bound = 1, resumed, not_found, refused, no_account, too_high, moved };
  uint64_t link = 0;
  Outcome outcome = Outcome::bound;
  std::string jid;  ///< bound, resumed: the full JID
  std::string
      xml;  ///< bound: answers to the options; resumed: what follows <resumed/>; refused: the stanza error's condition
  std::optional<uint32_t> handled;  ///< resumed: h of <resumed/>; not_found: h of <failed/>, if known
  std::string process;              ///< of the home's node: when its shard is another's, the link is dead
  uint64_t epoch = 0;
};

/// Edge → home, the client's elements in their order.
struct LinkInput {
  LinkName link;
  std::string account;
  std::vector<std::string> elements;
  std::optional<uint64_t> drained;  ///< the outbox is empty after output number so-and-so
};

struct LinkLost {
  LinkName link;
  std::string account;
  bool clean = false;  ///< the client has closed its stream: nothing will be resumed
};

/// Home → edge: bytes for the client, numbered from 1.
struct LinkOutput {
  uint64_t link = 0;
  uint64_t number = 0;
  std::string bytes;
};

/// Home → edge: the stream ends with this error (xmpp::StreamError).
struct LinkClose {
  uint64_t link = 0;
  std::string condition, text, application;
};

std::string encode(const Attach& message);
std::string encode(const Attached& message);
std::string encode(const LinkInput& message);
std::string encode(const LinkLost& message);
std::string encode(const LinkOutput& message);
std::string encode(const LinkClose& message);

std::optional<Attach> parse_attach(std::string_view bytes);
std::optional<Attached> parse_attached(std::string_view bytes);
std::optional<LinkInput> parse_link_input(std::string_view bytes);
std::optional<LinkLost> parse_link_lost(std::string_view bytes);
std::optional<LinkOutput> parse_link_output(std::string_view bytes);
std::optional<LinkClose> parse_link_close(std::string_view bytes);

}  // namespace rookery::server::cluster
