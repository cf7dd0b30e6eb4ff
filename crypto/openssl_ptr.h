// Owners of OpenSSL's objects.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace rookery::crypto {

template <auto free_function>
struct OpensslFree {
  template <typename T>
  void operator()(T* object) const {
    free_function(object);
  }
};
template <typename T, auto free_function>
using OpensslPtr = std::unique_ptr<T, OpensslFree<free_function>>;

/// The oldest entry of this thread's error queue as text; empties the queue.
std::string take_openssl_reason();

/// A password callback that has none: without it OpenSSL would ask at the terminal.
int no_passphrase(char* buffer, int size, int for_writing, void* context);

}  // namespace rookery::crypto
