#include "xmpp/document_reader.h"

#include <expat.h>

#include <new>
#include <optional>

#include "xmpp/tree_builder.h"
#include "xmpp/xml_chars.h"

namespace rookery::xmpp {

namespace {

constexpr char separator = '\x1f';       // no XML text can contain it
constexpr size_t longest_character = 3;  // bytes of one that is cut off

std::pair<std::string_view, std::string_view> split(std::string_view expanded) {
  const auto at = expanded.find(separator);
  if (at == std::string_view::npos) return {{}, expanded};
  return {expanded.substr(0, at), expanded.substr(at + 1)};
}

}  // namespace

struct DocumentReader::State {
  State(const ParserLimits& parser_limits, Handler& owner)
      : limits(parser_limits), handler(owner), expat(XML_ParserCreateNS("UTF-8", separator)) {
    if (expat == nullptr) throw std::bad_alloc();
    XML_SetUserData(expat, this);
    XML_SetElementHandler(expat, on_start, on_end);
    XML_SetCharacterDataHandler(expat, on_text);
    XML_SetCommentHandler(expat, [](void* self, const XML_Char*) { refuse(self, "comments are not allowed"); });
    XML_SetProcessingInstructionHandler(expat, [](void* self, const XML_Char*, const XML_Char*) {
      refuse(self, "processing instructions are not allowed");
    });
    XML_SetStartDoctypeDeclHandler(expat, [](void* self, const XML_Char*, const XML_Char*, const XML_Char*, int) {
      refuse(self, "a DTD is not allowed");
    });
  }
  ~State() { XML_ParserFree(expat); }
  State(const State&) = delete;

  static void refuse(void* self, const char* why) { static_cast<State*>(self)->stop(why); }
  void stop(const std::string& why) { stop(Error{Failure::invalid, "line " + std::to_string(line()) + ": " + why}); }
  void stop(Error why) {
    if (!error) error = std::move(why);
    XML_StopParser(expat, XML_FALSE);
  }
  void check(const Status& status) {
    if (!status) stop(status.error());
  }
  size_t line() const { return XML_GetCurrentLineNumber(expat); }

  static void on_start(void* self, const XML_Char* name, const XML_Char** attributes);
  static void on_end(void* self, const XML_Char* name);
  static void on_text(void* self, const XML_Char* text, int size);
  void build(TreeBuilder& builder, const XML_Char* name, const XML_Char** attributes);
  Status parse(std::string_view bytes, bool is_final);

  const ParserLimits limits;
  Handler& handler;
  XML_Parser expat;
  TreeBuilder tree;
  std::optional<Error> error;
  std::string cut_off;  ///< the beginning of a character
  size_t containers = 0;
  uint32_t elements = 0;
  XML_Index began_at = 0;
};

void DocumentReader::State::build(TreeBuilder& builder, const XML_Char* name, const XML_Char** attributes) {
  const auto [ns, local] = split(name);
  builder.start(local, ns);
  for (; attributes[0] != nullptr; attributes += 2) {
    const auto [attribute_ns, attribute] = split(attributes[0]);
    builder.attribute(attribute, attribute_ns, attributes[1]);
  }
}

void DocumentReader::State::on_start(void* self, const XML_Char* name, const XML_Char** attributes) {
  auto& state = *static_cast<State*>(self);
  if (state.error) return;
  size_t strings = 0;
  while (attributes[strings] != nullptr) strings += 2;
  if (strings / 2 > state.limits.attributes) return state.stop("too many attributes");
  if (state.tree.depth() == 0) {
    if (state.containers >= state.limits.depth) return state.stop("nested too deeply");
    TreeBuilder alone;
    state.build(alone, name, attributes);
    const ElementPtr tag = alone.end();
    if (state.handler.enter(*tag)) {
      ++state.containers;
      return;
    }
    state.elements = 0;
    state.began_at = XML_GetCurrentByteIndex(state.expat);
  }
  if (state.tree.depth() >= state.limits.depth) return state.stop("nested too deeply");
  if (++state.elements > state.limits.elements) return state.stop("too many elements in one");
  if (static_cast<size_t>(XML_GetCurrentByteIndex(state.expat) - state.began_at) > state.limits.stanza_bytes)
    return state.stop("an element is too large");
  state.build(state.tree, name, attributes);
}

void DocumentReader::State::on_end(void* self, const XML_Char*) {
  auto& state = *static_cast<State*>(self);
  if (state.error) return;
  if (state.tree.depth() == 0) {
    --state.containers;
    return state.check(state.handler.leave());
  }
  if (ElementPtr element = state.tree.end()) state.check(state.handler.take(std::move(element)));
}

void DocumentReader::State::on_text(void* self, const XML_Char* text, int size) {
  auto& state = *static_cast<State*>(self);
  if (state.error || state.tree.depth() == 0) return;  // between elements it is white space, or says nothing to us
  if (static_cast<size_t>(XML_GetCurrentByteIndex(state.expat) - state.began_at) > state.limits.stanza_bytes)
    return state.stop("an element is too large");
  state.tree.text({text, static_cast<size_t>(size)});
}

Status DocumentReader::State::parse(std::string_view bytes, bool is_final) {
  if (error) return std::unexpected<Error>(*error);
  if (XML_Parse(expat, bytes.data(), static_cast<int>(bytes.size()), is_final ? XML_TRUE : XML_FALSE) == XML_STATUS_OK)
    return {};
  if (!error) {
    const XML_Error code = XML_GetErrorCode(expat);
    stop(code == XML_ERROR_UNDEFINED_ENTITY ? "entity references are not allowed" : XML_ErrorString(code));
  }
  return std::unexpected<Error>(*error);
}

DocumentReader::DocumentReader(const ParserLimits& limits, Handler& handler)
    : state_(std::make_unique<State>(limits, handler)) {}
DocumentReader::~DocumentReader() = default;

size_t DocumentReader::line() const { return state_->line(); }

Status DocumentReader::feed(std::string_view bytes) {
  std::string joined;
  if (!state_->cut_off.empty()) {
    joined = std::exchange(state_->cut_off, {});
    joined += bytes;
    bytes = joined;
  }
  const TextCheck check = check_text(bytes);
  if (auto parsed = state_->parse(bytes.substr(0, check.valid), false); !parsed) return parsed;
  if (check.fault != TextFault::none) {
    state_->stop(check.fault == TextFault::encoding ? "not UTF-8" : "not an XML character");
    return std::unexpected<Error>(*state_->error);
  }
  state_->cut_off = bytes.substr(check.valid);
  ensure(state_->cut_off.size() <= longest_character);
  return {};
}

Status DocumentReader::finish() {
  if (!state_->cut_off.empty()) state_->stop("not UTF-8");
  return state_->parse({}, true);
}

}  // namespace rookery::xmpp
