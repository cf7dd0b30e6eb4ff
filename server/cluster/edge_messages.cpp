#include "server/cluster/edge_messages.h"

#include "server/cluster/tlv.h"

namespace rookery::server::cluster {

namespace {

// One list of tags for all of these messages: a name means the same everywhere.
enum : uint32_t {
  tag_edge = 1,
  tag_link,
  tag_account,
  tag_resume,
  tag_resource,
  tag_options,
  tag_previous,
  tag_handled,
  tag_peer,
  tag_encrypted,
  tag_outcome,
  tag_jid,
  tag_xml,
  tag_process,
  tag_epoch,
  tag_element,
  tag_drained,
  tag_clean,
  tag_number,
  tag_bytes,
  tag_condition,
  tag_text,
  tag_application
};

/// Calls `take(field)` for each; false when the bytes are malformed.
template <typename Take>
bool read(std::string_view bytes, Take take) {
  TlvReader reader(bytes);
  while (const auto field = reader.next()) take(*field);
  return !reader.malformed();
}

void put(TlvWriter& writer, const LinkName& link) {
  writer.text(tag_edge, link.edge);
  writer.number(tag_link, link.number);
}

bool take(const TlvReader::Field& field, LinkName& link) {
  if (field.tag == tag_edge) link.edge = field.text;
  if (field.tag == tag_link) link.number = field.number;
  return field.tag == tag_edge || field.tag == tag_link;
}

}  // namespace

std::string encode(const Attach& message) {
  std::string out;
  TlvWriter writer(out);
  put(writer, message.link);
  writer.text(tag_account, message.account);
  writer.number_unless_zero(tag_resume, message.resume ? 1 : 0);
  writer.text_unless_empty(tag_resource, message.resource);
  writer.text_unless_empty(tag_options, message.options);
  writer.text_unless_empty(tag_previous, message.previous);
  writer.number_unless_zero(tag_handled, message.handled);
  writer.text_unless_empty(tag_peer, message.peer_address);
  writer.number_unless_zero(tag_encrypted, message.encrypted ? 1 : 0);
  return out;
}

std::optional<Attach> parse_attach(std::string_view bytes) {
  Attach message;
  const bool whole = read(bytes, [&](const TlvReader::Field& field) {
    if (take(field, message.link)) return;
    switch (field.tag) {
      case tag_account:
        message.account = field.text;
        break;
      case tag_resume:
        message.resume = field.number != 0;
        break;
      case tag_resource:
        message.resource = field.text;
        break;
      case tag_options:
        message.options = field.text;
        break;
      case tag_previous:
        message.previous = field.text;
        break;
      case tag_handled:
        message.handled = static_cast<uint32_t>(field.number);
        break;
      case tag_peer:
        message.peer_address = field.text;
        break;
      case tag_encrypted:
        message.encrypted = field.number != 0;
        break;
      default:
        break;
    }
  });
  if (!whole || message.link.edge.empty() || message.account.empty()) return std::nullopt;
  return message;
}

std::string encode(const Attached& message) {
  std::string out;
  TlvWriter writer(out);
  writer.number(tag_link, message.link);
  writer.number(tag_outcome, static_cast<uint64_t>(message.outcome));
  writer.text_unless_empty(tag_jid, message.jid);
  writer.text_unless_empty(tag_xml, message.xml);
  if (message.handled) writer.number(tag_handled, *message.handled);
  writer.text_unless_empty(tag_process, message.process);
  writer.number_unless_zero(tag_epoch, message.epoch);
  return out;
}

std::optional<Attached> parse_attached(std::string_view bytes) {
  Attached message;
  const bool whole = read(bytes, [&](const TlvReader::Field& field) {
    switch (field.tag) {
      case tag_link:
        message.link = field.number;
        break;
      case tag_outcome:
        message.outcome = static_cast<Attached::Outcome>(field.number);
        break;
      case tag_jid:
        message.jid = field.text;
        break;
      case tag_xml:
        message.xml = field.text;
        break;
      case tag_handled:
        message.handled = static_cast<uint32_t>(field.number);
        break;
      case tag_process:
        message.process = field.text;
        break;
      case tag_epoch:
        message.epoch = field.number;
        break;
      default:
        break;
    }
  });
  if (!whole || message.link == 0) return std::nullopt;
  return message;
}

std::string encode(const LinkInput& message) {
  std::string out;
  TlvWriter writer(out);
  put(writer, message.link);
  writer.text(tag_account, message.account);
  for (const auto& element : message.elements) writer.text(tag_element, element);
  if (message.drained) writer.number(tag_drained, *message.drained);
  return out;
}

std::optional<LinkInput> parse_link_input(std::string_view bytes) {
  LinkInput message;
  const bool whole = read(bytes, [&](const TlvReader::Field& field) {
    if (take(field, message.link)) return;
    if (field.tag == tag_account) message.account = field.text;
    if (field.tag == tag_element) message.elements.emplace_back(field.text);
    if (field.tag == tag_drained) message.drained = field.number;
  });
  if (!whole || message.link.edge.empty()) return std::nullopt;
  return message;
}

std::string encode(const LinkLost& message) {
  std::string out;
  TlvWriter writer(out);
  put(writer, message.link);
  writer.text(tag_account, message.account);
  writer.number_unless_zero(tag_clean, message.clean ? 1 : 0);
  return out;
}

std::optional<LinkLost> parse_link_lost(std::string_view bytes) {
  LinkLost message;
  const bool whole = read(bytes, [&](const TlvReader::Field& field) {
    if (take(field, message.link)) return;
    if (field.tag == tag_account) message.account = field.text;
    if (field.tag == tag_clean) message.clean = field.number != 0;
  });
  if (!whole || message.link.edge.empty()) return std::nullopt;
  return message;
}

std::string encode(const LinkOutput& message) {
  std::string out;
  out.reserve(message.bytes.size() + 32);
  TlvWriter writer(out);
  writer.number(tag_link, message.link);
  writer.number(tag_number, message.number);
  writer.text(tag_bytes, message.bytes);
  return out;
}

std::optional<LinkOutput> parse_link_output(std::string_view bytes) {
  LinkOutput message;
  const bool whole = read(bytes, [&](const TlvReader::Field& field) {
    if (field.tag == tag_link) message.link = field.number;
    if (field.tag == tag_number) message.number = field.number;
    if (field.tag == tag_bytes) message.bytes = field.text;
  });
  if (!whole || message.link == 0) return std::nullopt;
  return message;
}

std::string encode(const LinkClose& message) {
  std::string out;
  TlvWriter writer(out);
  writer.number(tag_link, message.link);
  writer.text(tag_condition, message.condition);
  writer.text_unless_empty(tag_text, message.text);
  writer.text_unless_empty(tag_application, message.application);
  return out;
}

std::optional<LinkClose> parse_link_close(std::string_view bytes) {
  LinkClose message;
  const bool whole = read(bytes, [&](const TlvReader::Field& field) {
    if (field.tag == tag_link) message.link = field.number;
    if (field.tag == tag_condition) message.condition = field.text;
    if (field.tag == tag_text) message.text = field.text;
    if (field.tag == tag_application) message.application = field.text;
  });
  if (!whole || message.link == 0) return std::nullopt;
  return message;
}

}  // namespace rookery::server::cluster
