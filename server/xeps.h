// docs/xeps.md: which XEPs the server speaks, generated from what its features say of themselves.
#pragma once

#include <string>

namespace rookery::server {

class FeatureRegistry;

/// The whole page, sorted by number.
std::string xeps_page(const FeatureRegistry& registry);

}  // namespace rookery::server
