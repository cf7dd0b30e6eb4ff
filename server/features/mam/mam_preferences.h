// XEP-0441: what an account wants archived.
#pragma once

#include "server/feature.h"

namespace rookery::server {

void get_archive_preferences(IqRequest request);
void set_archive_preferences(IqRequest request);

}  // namespace rookery::server
