// One operation of a Device as libomemo-c sees it: reads fall through to the Store, writes are collected in Changes.
#pragma once

#include <optional>
#include <string>

#include "crypto/omemo/handles.h"
#include "crypto/omemo/omemo.h"

namespace rookery::crypto::omemo {

/// The own identity in libomemo-c's serialised forms.
struct OwnKeys {
  std::string public_key;   ///< 0x05 + Curve25519
  std::string private_key;  ///< secret
};

struct FreeStoreContext {
  void operator()(signal_protocol_store_context* context) const { signal_protocol_store_context_destroy(context); }
};

class Operation {
 public:
  /// All arguments must outlive the operation. With `keep_used_pre_keys` a used prekey is marked, not deleted.
  Operation(signal_context* context, Store& store, const OwnKeys& keys, uint32_t own_device, Version version,
            bool keep_used_pre_keys = false);
  Operation(const Operation&) = delete;

  signal_context* context() const { return context_; }
  signal_protocol_store_context* store_context() const { return store_context_.get(); }
  Version version() const { return version_; }
  Changes& changes() { return changes_; }
  /// libomemo-c reports a failed Store as just another error: this tells them apart.
  bool store_failed() const { return store_failed_; }

  /// The state as this operation has it, pending changes included; errors also set store_failed().
  Result<std::optional<std::string>> session(const Address& peer);
  Result<std::optional<Identity>> identity(const Address& peer);
  /// A device's first key: `automatic`, or `undecided` once some device of that JID has been verified (REQUIREMENTS
  /// 33).
  Result<Trust> first_trust(const std::string& jid);

 private:
  static signal_protocol_session_store session_callbacks(Operation* self);
  static signal_protocol_pre_key_store pre_key_callbacks(Operation* self);
  static signal_protocol_signed_pre_key_store signed_pre_key_callbacks(Operation* self);
  static signal_protocol_identity_key_store identity_callbacks(Operation* self);

  template <typename T>
  Result<T> noted(Result<T> result) {
    if (!result) store_failed_ = true;
    return result;
  }

  signal_context* context_;
  Store& store_;
  const OwnKeys& keys_;
  uint32_t own_device_;
  Version version_;
  bool keep_used_pre_keys_;
  bool store_failed_ = false;
  Changes changes_;
  std::unique_ptr<signal_protocol_store_context, FreeStoreContext> store_context_;
};

/// libomemo-c's address; `address` must outlive it.
inline signal_protocol_address c_address(const Address& address) {
  return {address.jid.data(), address.jid.size(), static_cast<int32_t>(address.device)};
}

}  // namespace rookery::crypto::omemo
