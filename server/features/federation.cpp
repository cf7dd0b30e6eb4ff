// What this server does with others, as docs/xeps.md has it. The streams are server/s2s/.
#include "server/feature.h"
#include "server/features/features.h"

namespace rookery::server {

void install_federation(Node&, FeatureRegistry& registry) {
  constexpr std::string_view tests = "integration/federation";
  registry.implements({.number = 178,
                       .name = "Best Practices for Use of SASL EXTERNAL with Certificates",
                       .version = "1.2",
                       .left_out = "clients",
                       .tests = tests});
  registry.implements({.number = 185,
                       .name = "Dialback Key Generation and Validation",
                       .version = "1.0",
                       .left_out = {},
                       .tests = "unit/xmpp/dialback_test.cpp"});
  registry.implements({.number = 220,
                       .name = "Server Dialback",
                       .version = "1.1.1",
                       .left_out = "multiplexing on our own streams (it is taken on those of others)",
                       .tests = tests});
  registry.implements({.number = 368,
                       .name = "SRV records for XMPP over TLS",
                       .version = "1.1.0",
                       .left_out = "the records of the own domains, which are the operator's matter",
                       .tests = "golden/stream, integration/federation"});
}

}  // namespace rookery::server
