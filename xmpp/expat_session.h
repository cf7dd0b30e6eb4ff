// An expat parser standing inside a stream's root element, and the pool of those that wait there for the next stanza.
// Internal to the stream parser.
#pragma once

#include <expat.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "xmpp/errors.h"
#include "xmpp/stream_parser.h"
#include "xmpp/tree_builder.h"

namespace rookery::xmpp {

/// Finished stanzas in order; linked through the roots, so that queueing costs nothing.
class StanzaQueue {
 public:
  StanzaQueue() = default;
  StanzaQueue(const StanzaQueue&) = delete;
  StanzaQueue& operator=(const StanzaQueue&) = delete;
  ~StanzaQueue() { clear(); }

  bool empty() const { return !head_; }
  void push(ElementPtr stanza);
  ElementPtr pop();
  void clear();

 private:
  Element* head_ = nullptr;
  Element* tail_ = nullptr;
};

/// Expat with our handlers. It is only ever given whole tokens (StreamFramer).
class ExpatSession {
 public:
  /// In front of a header that is still to come.
  ExpatSession();
  ~ExpatSession();
  ExpatSession(const ExpatSession&) = delete;
  ExpatSession& operator=(const ExpatSession&) = delete;

  /// A session inside of the root element whose start tag is `root_tag`; usually from this thread's pool.
  static std::unique_ptr<ExpatSession> borrow(const std::string& root_tag);
  /// Back to this thread's pool, unless it grew or its root tag is not a usual one. No stanza may be open.
  static void give_back(std::unique_ptr<ExpatSession> session);

  /// What feeding made of the bytes.
  std::optional<StreamError> feed(std::string_view tokens, const ParserLimits& limits, StanzaQueue& out);

  size_t depth() const { return tree_.depth(); }  ///< open elements of the current stanza

  struct Header {
    StreamHeader values;
    std::string root_tag;  ///< a start tag that declares the same prefixes, for borrow()
    bool closed = false;   ///< `<stream:stream/>`
  };
  /// Feeds the start tag of the stream.
  std::expected<Header, StreamError> feed_header(std::string_view tag, const ParserLimits& limits);

 private:
  static void on_start(void* self, const XML_Char* name, const XML_Char** attributes);
  static void on_end(void* self, const XML_Char* name);
  static void on_text(void* self, const XML_Char* text, int size);
  static void on_namespace(void* self, const XML_Char* prefix, const XML_Char* uri);
  static void on_restricted(void* self, const XML_Char*);
  static void on_restricted_pi(void* self, const XML_Char*, const XML_Char*);
  static void on_doctype(void* self, const XML_Char*, const XML_Char*, const XML_Char*, int);

  void start_root(std::string_view name, std::string_view ns, const XML_Char** attributes);
  void start_element(std::string_view name, std::string_view ns, const XML_Char** attributes);
  void fail(StreamCondition condition, const char* why);
  bool parse(std::string_view bytes);
  StreamError error() const;

  XML_Parser expat_;
  TreeBuilder tree_;
  std::string root_tag_;
  std::vector<std::pair<std::string, std::string>> declarations_;  ///< of the header: prefix and namespace
  Header* header_ = nullptr;
  StanzaQueue* out_ = nullptr;
  const ParserLimits* limits_ = nullptr;
  std::optional<StreamError> failure_;
  uint32_t elements_ = 0;
  uint32_t level_ = 0;  ///< open elements, the root included
  size_t fed_ = 0;
  bool grown_ = false;
};

/// The root tags whose sessions are pooled, or null.
const std::string* usual_root_tag(std::string_view tag);
/// A root that declares only a default namespace, for documents.
std::string document_root_tag(std::string_view default_ns);
/// XML 1.0 §2.8 and RFC 6120 §11.6: `<?xml …?>` in UTF-8.
std::optional<StreamError> check_declaration(std::string_view declaration);

}  // namespace rookery::xmpp
