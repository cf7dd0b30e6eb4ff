// What is parsed once is its own normal form, and its parts make the same address again.
// REQ 36
#include "xmpp/jid.h"

#include <cstdint>

using rookery::xmpp::Jid;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto jid = Jid::parse({reinterpret_cast<const char*>(data), size});
  if (!jid) return 0;
  const auto again = Jid::parse(jid->text());
  ensure(again && *again == *jid);
  const auto made = Jid::make(jid->local(), jid->domain(), jid->resource());
  ensure(made && *made == *jid);
  ensure(jid->local().size() <= 1023 && jid->domain().size() <= 1023 && jid->resource().size() <= 1023);
  return 0;
}
