#include "xmpp/expat_session.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <new>

#include "crypto/result.h"
#include "xmpp/namespaces.h"

namespace rookery::xmpp {
namespace {

/// Between namespace and name in what expat reports; no XML text can contain it.
constexpr char kSeparator = '\x1f';
constexpr size_t kPooled = 8;                 // per thread
constexpr size_t kLargestPooled = 64 * 1024;  // expat keeps the buffers that a large feed made grow
constexpr size_t kRetireAfter = 512 * 1024;   // and every name it ever saw
constexpr size_t kHeaderDeclarations = 16;

struct ExpandedName {
  std::string_view ns;
  std::string_view name;
};

ExpandedName split(const XML_Char* expat_name) {
  // Names are short: one walk beats strlen and memchr.
  const XML_Char* at = expat_name;
  while (*at != '\0' && *at != kSeparator) ++at;
  const std::string_view first(expat_name, static_cast<size_t>(at - expat_name));
  if (*at == '\0') return {{}, first};
  return {first, std::string_view(at + 1)};
}

StreamError translate(XML_Error code) {
  switch (code) {
    case XML_ERROR_UNDEFINED_ENTITY:
    case XML_ERROR_RECURSIVE_ENTITY_REF:
    case XML_ERROR_BINARY_ENTITY_REF:
    case XML_ERROR_EXTERNAL_ENTITY_HANDLING:
      return {StreamCondition::restricted_xml, "entity references are not allowed"};
    case XML_ERROR_UNKNOWN_ENCODING:
    case XML_ERROR_INCORRECT_ENCODING:
      return {StreamCondition::unsupported_encoding, ""};
    case XML_ERROR_NO_MEMORY:
      return {StreamCondition::resource_constraint, ""};
    default:
      return {StreamCondition::not_well_formed, XML_ErrorString(code)};
  }
}

std::string with_declarations(std::string_view name, const std::vector<std::pair<std::string, std::string>>& sorted) {
  std::string tag("<");
  tag.append(name);
  for (const auto& [prefix, uri] : sorted) {
    tag.append(prefix.empty() ? " xmlns" : " xmlns:").append(prefix).append("='");
    append_escaped(tag, uri);
    tag.append("'");
  }
  return tag.append(">");
}

const auto& usual_root_tags() {
  static const std::array<std::string, 6> tags = [] {
    const std::string stream(ns::streams);
    const auto stream_root = [&](std::string_view content) {
      return with_declarations("stream:stream", {{"", std::string(content)}, {"stream", stream}});
    };
    return std::array<std::string, 6>{
        stream_root(ns::client),
        stream_root(ns::server),
        with_declarations("stream:stream",
                          {{"", std::string(ns::server)}, {"db", "jabber:server:dialback"}, {"stream", stream}}),
        document_root_tag(ns::client),
        document_root_tag(ns::server),
        document_root_tag({}),
    };
  }();
  return tags;
}

thread_local bool pool_is_gone = false;
struct Pool {
  std::vector<std::unique_ptr<ExpatSession>> sessions;
  ~Pool() { pool_is_gone = true; }
};
thread_local Pool pool;

}  // namespace

void StanzaQueue::push(ElementPtr stanza) {
  Element* root = stanza.release();
  if (tail_)
    TreeBuilder::link(*tail_, root);
  else
    head_ = root;
  tail_ = root;
}

ElementPtr StanzaQueue::pop() {
  Element* root = head_;
  head_ = const_cast<Element*>(root->next_node());
  if (!head_) tail_ = nullptr;
  TreeBuilder::link(*root, nullptr);
  return ElementPtr(root);
}

void StanzaQueue::clear() {
  while (!empty()) pop();
}

ExpatSession::ExpatSession() : expat_(XML_ParserCreateNS("UTF-8", kSeparator)) {
  if (!expat_) throw std::bad_alloc();
  XML_SetUserData(expat_, this);
  XML_SetElementHandler(expat_, on_start, on_end);
  XML_SetCharacterDataHandler(expat_, on_text);
  // StreamFramer refuses these before expat sees them; two locks are better than one.
  XML_SetCommentHandler(expat_, on_restricted);
  XML_SetProcessingInstructionHandler(expat_, on_restricted_pi);
  XML_SetStartDoctypeDeclHandler(expat_, on_doctype);
}

ExpatSession::~ExpatSession() { XML_ParserFree(expat_); }

std::unique_ptr<ExpatSession> ExpatSession::borrow(const std::string& root_tag) {
  for (size_t i = pool_is_gone ? 0 : pool.sessions.size(); i > 0; --i) {
    if (pool.sessions[i - 1]->root_tag_ != root_tag) continue;
    auto session = std::move(pool.sessions[i - 1]);
    pool.sessions.erase(pool.sessions.begin() + static_cast<std::ptrdiff_t>(i - 1));
    return session;
  }
  auto session = std::make_unique<ExpatSession>();
  session->root_tag_ = root_tag;
  ensure(session->parse(root_tag));
  return session;
}

void ExpatSession::give_back(std::unique_ptr<ExpatSession> session) {
  if (pool_is_gone || session->grown_ || session->fed_ > kRetireAfter || !usual_root_tag(session->root_tag_)) return;
  if (pool.sessions.size() == kPooled) pool.sessions.erase(pool.sessions.begin());
  pool.sessions.push_back(std::move(session));
}

std::optional<StreamError> ExpatSession::feed(std::string_view tokens, const ParserLimits& limits, StanzaQueue& out) {
  limits_ = &limits;
  out_ = &out;
  const bool good = parse(tokens);
  limits_ = nullptr;
  out_ = nullptr;
  if (good) return std::nullopt;
  return error();
}

std::expected<ExpatSession::Header, StreamError> ExpatSession::feed_header(std::string_view tag,
                                                                           const ParserLimits& limits) {
  Header header;
  header_ = &header;
  limits_ = &limits;
  XML_SetStartNamespaceDeclHandler(expat_, on_namespace);
  const bool good = parse(tag);
  XML_SetStartNamespaceDeclHandler(expat_, nullptr);
  header_ = nullptr;
  limits_ = nullptr;
  if (!good) return std::unexpected(error());
  std::sort(declarations_.begin(), declarations_.end());
  const std::string_view name = tag.substr(1, tag.find_first_of(" \t\r\n/>", 1) - 1);
  header.root_tag = root_tag_ = with_declarations(name, declarations_);
  declarations_ = {};
  return header;
}

bool ExpatSession::parse(std::string_view bytes) {
  fed_ += bytes.size();
  if (bytes.size() > kLargestPooled) grown_ = true;
  return XML_Parse(expat_, bytes.data(), static_cast<int>(bytes.size()), XML_FALSE) == XML_STATUS_OK;
}

StreamError ExpatSession::error() const { return failure_ ? *failure_ : translate(XML_GetErrorCode(expat_)); }

void ExpatSession::fail(StreamCondition condition, const char* why) {
  if (failure_) return;
  failure_ = StreamError{condition, why};
  XML_StopParser(expat_, XML_FALSE);
}

void ExpatSession::on_start(void* self, const XML_Char* name, const XML_Char** attributes) {
  auto& session = *static_cast<ExpatSession*>(self);
  if (session.failure_) return;
  ++session.level_;
  const auto [ns, local] = split(name);
  if (session.level_ == 1)
    session.start_root(local, ns, attributes);
  else
    session.start_element(local, ns, attributes);
}

void ExpatSession::start_root(std::string_view name, std::string_view ns, const XML_Char** attributes) {
  if (!header_) return;  // our own root tag
  if (ns != ns::streams) return fail(StreamCondition::invalid_namespace, "this is not an XMPP stream");
  if (name != "stream") return fail(StreamCondition::bad_format, "the root is not <stream/>");
  uint32_t count = 0;
  for (; attributes[0]; attributes += 2) {
    if (++count > limits_->attributes) return fail(StreamCondition::policy_violation, "too many attributes");
    const auto [attribute_ns, attribute] = split(attributes[0]);
    StreamHeader& values = header_->values;
    if (attribute_ns == ns::xml && attribute == "lang") values.lang = attributes[1];
    if (!attribute_ns.empty()) continue;
    if (attribute == "to")
      values.to = attributes[1];
    else if (attribute == "from")
      values.from = attributes[1];
    else if (attribute == "id")
      values.id = attributes[1];
    else if (attribute == "version")
      values.version = attributes[1];
  }
}

void ExpatSession::start_element(std::string_view name, std::string_view ns, const XML_Char** attributes) {
  // Counted before anything is built.
  if (tree_.depth() == 0) elements_ = 0;
  if (tree_.depth() >= limits_->depth) return fail(StreamCondition::policy_violation, "nested too deeply");
  if (++elements_ > limits_->elements) return fail(StreamCondition::policy_violation, "too many elements");
  size_t strings = 0;
  while (attributes[strings]) strings += 2;
  if (strings / 2 > limits_->attributes) return fail(StreamCondition::policy_violation, "too many attributes");

  size_t longest = ns.size();
  tree_.start(name, ns);
  for (; attributes[0]; attributes += 2) {
    const auto [attribute_ns, attribute] = split(attributes[0]);
    tree_.attribute(attribute, attribute_ns, attributes[1]);
    longest = std::max(longest, attribute_ns.size());
  }
  if (longest > limits_->namespace_bytes || tree_.namespace_bytes() > limits_->stanza_bytes)
    fail(StreamCondition::policy_violation, "its namespaces are too long");
}

void ExpatSession::on_end(void* self, const XML_Char*) {
  auto& session = *static_cast<ExpatSession*>(self);
  if (session.failure_) return;
  --session.level_;
  if (session.level_ == 0) {
    if (session.header_) session.header_->closed = true;
    return;
  }
  if (ElementPtr stanza = session.tree_.end()) session.out_->push(std::move(stanza));
}

void ExpatSession::on_text(void* self, const XML_Char* text, int size) {
  auto& session = *static_cast<ExpatSession*>(self);
  if (session.failure_ || session.tree_.depth() == 0) return;  // between stanzas it is white space
  session.tree_.text({text, static_cast<size_t>(size)});
}

void ExpatSession::on_namespace(void* self, const XML_Char* prefix, const XML_Char* uri) {
  auto& session = *static_cast<ExpatSession*>(self);
  if (session.failure_ || !uri) return;
  if (std::strlen(uri) > session.limits_->namespace_bytes)
    return session.fail(StreamCondition::policy_violation, "a namespace is too long");
  if (!prefix) session.header_->values.content_ns = uri;
  if (session.declarations_.size() == kHeaderDeclarations) {
    return session.fail(StreamCondition::policy_violation, "too many namespaces");
  }
  session.declarations_.emplace_back(prefix ? prefix : "", uri);
}

void ExpatSession::on_restricted(void* self, const XML_Char*) {
  static_cast<ExpatSession*>(self)->fail(StreamCondition::restricted_xml, "");
}
void ExpatSession::on_restricted_pi(void* self, const XML_Char*, const XML_Char*) { on_restricted(self, nullptr); }
void ExpatSession::on_doctype(void* self, const XML_Char*, const XML_Char*, const XML_Char*, int) {
  on_restricted(self, nullptr);
}

const std::string* usual_root_tag(std::string_view tag) {
  for (const auto& usual : usual_root_tags()) {
    if (usual == tag) return &usual;
  }
  return nullptr;
}

std::string document_root_tag(std::string_view default_ns) {
  if (default_ns.empty()) return "<document>";
  return with_declarations("document", {{"", std::string(default_ns)}});
}

std::optional<StreamError> check_declaration(std::string_view declaration) {
  if (declaration == "<?xml version='1.0'?>" || declaration == "<?xml version=\"1.0\"?>") return std::nullopt;
  if (!declaration.starts_with("<?xml") || std::strchr(" \t\r\n", declaration[5]) == nullptr) {
    return StreamError{StreamCondition::restricted_xml, "processing instructions are not allowed"};
  }
  bool other_encoding = false;
  const auto on_declaration = [](void* other, const XML_Char*, const XML_Char* encoding, int) {
    const std::string_view name = encoding ? encoding : "UTF-8";
    const auto same = [](char a, char b) { return (a >= 'a' && a <= 'z' ? a - 'a' + 'A' : a) == b; };
    *static_cast<bool*>(other) = !std::ranges::equal(name, std::string_view("UTF-8"), same);
  };
  const std::unique_ptr<XML_ParserStruct, decltype(&XML_ParserFree)> expat(XML_ParserCreate("UTF-8"), XML_ParserFree);
  if (!expat) throw std::bad_alloc();
  XML_SetUserData(expat.get(), &other_encoding);
  XML_SetXmlDeclHandler(expat.get(), on_declaration);
  const std::string document = std::string(declaration).append("<x/>");
  const bool good =
      XML_Parse(expat.get(), document.data(), static_cast<int>(document.size()), XML_TRUE) == XML_STATUS_OK;
  if (other_encoding) return StreamError{StreamCondition::unsupported_encoding, "XMPP is UTF-8"};
  if (!good) return translate(XML_GetErrorCode(expat.get()));
  return std::nullopt;
}

}  // namespace rookery::xmpp
