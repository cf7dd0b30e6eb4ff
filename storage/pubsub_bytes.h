// How much an item counts (PubsubUsage::bytes), for every backend alike.
#pragma once

#include <cstdint>

#include "storage/stores.h"

namespace rookery::storage {

inline int64_t size_of(const PubsubItem& item) {
  return static_cast<int64_t>(item.id.size() + item.publisher.size() + item.payload.size());
}

struct DeletedItems {
  int64_t count = 0, bytes = 0;
};

/// Of a DELETE that returns size_of() each item that it has deleted. `Rows`: a backend's.
template <typename Rows>
Result<DeletedItems> sum_of(Rows rows) {
  DeletedItems sum;
  while (rows.next()) {
    ++sum.count;
    sum.bytes += rows.integer(0);
  }
  if (auto status = rows.status(); !status) return std::unexpected(status.error());
  return sum;
}

}  // namespace rookery::storage
