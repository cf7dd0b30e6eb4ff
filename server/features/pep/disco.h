// What service discovery tells about an account's nodes (XEP-0060 §5). For the disco feature; each answers its IQ.
#pragma once

#include "server/feature.h"

namespace rookery::server {

/// disco#info with a node that the account's own disco does not know.
void pep_disco_info(IqRequest request);
/// disco#items of the account (no node) or of one of its nodes.
void pep_disco_items(IqRequest request);

}  // namespace rookery::server
