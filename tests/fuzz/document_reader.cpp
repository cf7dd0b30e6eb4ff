// Files of strangers, as the importer reads them (xmpp/document_reader.h): what is accepted, and what comes out, must
// not depend on how the bytes were cut. REQ 36
#include "xmpp/document_reader.h"

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

using namespace rookery;
using namespace rookery::xmpp;

namespace {

/// Enters elements without attributes that are called so, refuses one, and writes down the rest.
class Recorder final : public DocumentReader::Handler {
 public:
  bool enter(const Element& tag) override {
    if (tag.name() != "host" && tag.name() != "user") return false;
    ++depth_;
    seen += "(";
    return true;
  }
  Status leave() override {
    if (depth_-- == 0) std::abort();
    seen += ")";
    return {};
  }
  Status take(ElementPtr element) override {
    if (element == nullptr) std::abort();
    seen += element->to_xml();
    if (element->name() == "refused") return fail(Failure::conflict, "refused");
    return {};
  }
  std::string seen;

 private:
  size_t depth_ = 0;
};

struct Outcome {
  bool accepted = false;
  std::string seen;
};

Outcome read(std::string_view bytes, size_t piece) {
  Recorder recorder;
  DocumentReader reader({.stanza_bytes = 1 << 20, .elements = 64, .attributes = 8, .depth = 8}, recorder);
  bool fine = true;
  for (size_t at = 0; fine && at < bytes.size(); at += piece) fine = reader.feed(bytes.substr(at, piece)).has_value();
  // Whatever came before, it may be asked once more and says no again.
  if (!fine && (reader.feed("<x/>").has_value() || reader.finish().has_value())) std::abort();
  if (fine) fine = reader.finish().has_value();
  return {.accepted = fine, .seen = std::move(recorder.seen)};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const Outcome whole = read(bytes, bytes.size() + 1);
  for (const size_t piece : {size_t{1}, size_t{7}}) {
    const Outcome cut = read(bytes, piece);
    // Of what is refused in the end, more or less may have been seen by then.
    const bool is_same =
        cut.accepted ? cut.seen == whole.seen : cut.seen.starts_with(whole.seen) || whole.seen.starts_with(cut.seen);
    if (cut.accepted != whole.accepted || !is_same) std::abort();
  }
  return 0;
}
