// What is known of uploaded files (XEP-0363); their content is in the blob store under the same id.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/result.h"
#include "storage/message_log.h"
#include "xmpp/jid.h"

namespace rookery::storage {

struct Upload {
  std::string id;
  xmpp::Jid account;  ///< bare
  std::string name, type;
  uint64_t size_bytes = 0;
  TimePoint expires{};    ///< when the row and the content may go
  bool complete = false;  ///< the content is durable
};

class UploadStore {
 public:
  virtual ~UploadStore() = default;
  /// Claims the space of an upload that begins. Failure::conflict when the id was used before, Failure::full when the
  /// account would have more than `quota_bytes` then.
  virtual Status begin(const Upload& upload, uint64_t quota_bytes) = 0;
  virtual Status complete(std::string_view id, TimePoint expires) = 0;  ///< Failure::not_found
  virtual Result<Upload> find(std::string_view id) = 0;                 ///< Failure::not_found
  virtual Result<uint64_t> used_bytes(const xmpp::Jid& account) = 0;    ///< of uploads that are complete or have begun
  virtual Status remove(std::string_view id) = 0;                       ///< fine if absent
  virtual Status expire(std::string_view id) = 0;                       ///< at once; fine if absent
  /// Complete or not, the longest expired first.
  virtual Result<std::vector<std::string>> expired(TimePoint now, size_t limit) = 0;
};

}  // namespace rookery::storage
