// Owners for libomemo-c's reference-counted objects and buffers, and its context with our cryptography behind it.
#pragma once

#include <omemo/curve.h>
#include <omemo/session_pre_key.h>
#include <omemo/signal_protocol.h>

#include <memory>
#include <string>
#include <string_view>

namespace rookery::crypto::omemo {

struct Unref {
  template <typename T>
  void operator()(T* object) const {
    signal_type_unref(reinterpret_cast<signal_type_base*>(object));
  }
};
template <typename T>
using Ref = std::unique_ptr<T, Unref>;

struct FreeBuffer {
  void operator()(signal_buffer* buffer) const { signal_buffer_bzero_free(buffer); }
};
using Buffer = std::unique_ptr<signal_buffer, FreeBuffer>;

struct FreeContext {
  void operator()(signal_context* context) const { signal_context_destroy(context); }
};
using Context = std::unique_ptr<signal_context, FreeContext>;

/// Receives an out-parameter of C into a unique_ptr at the end of the full expression: `f(into(ref))`.
template <typename Owner>
class Into {
 public:
  explicit Into(Owner& owner) : owner_(owner) {}
  Into(const Into&) = delete;
  ~Into() { owner_.reset(raw_); }
  operator typename Owner::pointer *() { return &raw_; }

 private:
  Owner& owner_;
  typename Owner::pointer raw_ = nullptr;
};
template <typename Owner>
Into<Owner> into(Owner& owner) {
  return Into<Owner>(owner);
}

inline const uint8_t* bytes(std::string_view text) { return reinterpret_cast<const uint8_t*>(text.data()); }
inline std::string_view view(const uint8_t* data, size_t size) { return {reinterpret_cast<const char*>(data), size}; }
inline signal_buffer* make_buffer(std::string_view text) { return signal_buffer_create(bytes(text), text.size()); }
/// An absent buffer gives an empty string.
std::string to_string(const Buffer& buffer);

/// A context whose digests, ciphers and randomness are crypto/'s. For one thread: it has no lock.
Context make_context();

}  // namespace rookery::crypto::omemo
