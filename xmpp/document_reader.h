// Large XML files, element by element: the front end of the stream parser (REQUIREMENTS 7) for what does not come over
// a stream. Strict UTF-8 and XML 1.0 Char before expat, no DTD, entity, processing instruction or comment.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "crypto/result.h"
#include "xmpp/element.h"
#include "xmpp/stream_parser.h"

namespace rookery::xmpp {

class DocumentReader {
 public:
  class Handler {
   public:
    /// A start tag, as an element without children. True: it is a container, whose children are to come one by one;
    /// false: it is wanted whole.
    virtual bool enter(const Element& tag) = 0;
    virtual Status leave() = 0;  ///< the end of the innermost container
    virtual Status take(ElementPtr element) = 0;
    virtual ~Handler() = default;
  };

  /// `limits` are of an element that is wanted whole, and `depth` of containers too.
  DocumentReader(const ParserLimits& limits, Handler& handler);
  ~DocumentReader();

  /// Failure::invalid with the line for what is no such XML; what the handler refuses, as it said it. Then it is over.
  Status feed(std::string_view bytes);
  Status finish();      ///< the file ends here
  size_t line() const;  ///< where the parser stands: for the handler's messages

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace rookery::xmpp
