#include "crypto/omemo/handles.h"

#include <algorithm>
#include <exception>

#include "crypto/aes.h"
#include "crypto/hash.h"
#include "crypto/random.h"
#include "crypto/result.h"

namespace rookery::crypto::omemo {
namespace {

// libomemo-c feeds digests piece by piece, but never more than one message: collecting the pieces costs nothing.
struct Collected {
  std::string key;
  std::string data;
};

/// An exception must not cross the C library's frames.
template <typename Body>
int guarded(Body body) noexcept {
  try {
    return body();
  } catch (const std::exception&) {
    return SG_ERR_UNKNOWN;
  }
}

int give(signal_buffer** output, std::string_view value) {
  *output = make_buffer(value);
  return *output ? SG_SUCCESS : SG_ERR_NOMEM;
}

int random(uint8_t* data, size_t size, void*) {
  return guarded([&] {
    std::ranges::copy(random_bytes(size), data);
    return SG_SUCCESS;
  });
}

int hmac_init(void** context, const uint8_t* key, size_t size, void*) {
  return guarded([&] {
    *context = new Collected{std::string(view(key, size)), {}};
    return SG_SUCCESS;
  });
}

int sha512_init(void** context, void*) {
  return guarded([&] {
    *context = new Collected;
    return SG_SUCCESS;
  });
}

int collect(void* context, const uint8_t* data, size_t size, void*) {
  return guarded([&] {
    static_cast<Collected*>(context)->data.append(view(data, size));
    return SG_SUCCESS;
  });
}

int hmac_final(void* context, signal_buffer** output, void*) {
  return guarded([&] {
    const auto& collected = *static_cast<Collected*>(context);
    return give(output, hmac(Hash::sha256, collected.key, collected.data));
  });
}

int sha512_final(void* context, signal_buffer** output, void*) {
  return guarded([&] {
    auto& collected = *static_cast<Collected*>(context);
    const std::string hashed = digest(Hash::sha512, collected.data);
    collected.data.clear();
    return give(output, hashed);
  });
}

void discard(void* context, void*) { delete static_cast<Collected*>(context); }

using Cipher = Result<std::string> (*)(std::string_view key, std::string_view iv, std::string_view text);

template <Cipher cipher>
int cbc(signal_buffer** output, int mode, const uint8_t* key, size_t key_size, const uint8_t* iv, size_t iv_size,
        const uint8_t* text, size_t text_size, void*) {
  return guarded([&] {
    // Counter mode belongs to message version 2, which OMEMO never used.
    if (mode != SG_CIPHER_AES_CBC_PKCS5) return SG_ERR_INVAL;
    const auto result = cipher(view(key, key_size), view(iv, iv_size), view(text, text_size));
    return result ? give(output, *result) : SG_ERR_INVALID_MESSAGE;
  });
}

}  // namespace

std::string to_string(const Buffer& buffer) {
  if (!buffer) return {};
  return std::string(view(signal_buffer_const_data(buffer.get()), signal_buffer_len(buffer.get())));
}

Context make_context() {
  Context context;
  ensure(signal_context_create(into(context), nullptr) == SG_SUCCESS);
  const signal_crypto_provider provider{
      .random_func = random,
      .hmac_sha256_init_func = hmac_init,
      .hmac_sha256_update_func = collect,
      .hmac_sha256_final_func = hmac_final,
      .hmac_sha256_cleanup_func = discard,
      .sha512_digest_init_func = sha512_init,
      .sha512_digest_update_func = collect,
      .sha512_digest_final_func = sha512_final,
      .sha512_digest_cleanup_func = discard,
      .encrypt_func = cbc<aes_cbc_encrypt>,
      .decrypt_func = cbc<aes_cbc_decrypt>,
      .user_data = nullptr,
  };
  ensure(signal_context_set_crypto_provider(context.get(), &provider) == SG_SUCCESS);
  return context;
}

}  // namespace rookery::crypto::omemo
