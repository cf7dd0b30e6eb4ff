// What a Device holds between operations.
#pragma once

#include "crypto/omemo/handles.h"
#include "crypto/omemo/operation.h"

namespace rookery::crypto::omemo {

struct Device::State {
  Store& store;
  Context context;
  OwnDevice own;
  OwnKeys keys;

  Operation operation(Version version, bool keep_used_pre_keys = false) {
    return Operation(context.get(), store, keys, own.address.device, version, keep_used_pre_keys);
  }
  /// Hands the collected changes to the Store, in one piece.
  Status commit(Operation& operation) { return store.apply(operation.changes()); }
};

/// `message` for what libomemo-c refused with `code`.
Error from_c(int code, std::string message);
Result<Ref<ratchet_identity_key_pair>> load_identity(signal_context* context, std::string_view blob);

}  // namespace rookery::crypto::omemo
