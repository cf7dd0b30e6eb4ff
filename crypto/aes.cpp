#include "crypto/aes.h"

#include <openssl/evp.h>

#include <memory>
#include <stdexcept>

#include "crypto/random.h"

namespace rookery::crypto {
namespace {

constexpr size_t aes_block = 16;
constexpr size_t largest_nonce = 16;
constexpr size_t largest_text = size_t{1} << 30;

struct FreeContext {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};

const EVP_CIPHER* fetched(const char* name) {
  const EVP_CIPHER* cipher = EVP_CIPHER_fetch(nullptr, name, nullptr);
  if (!cipher) throw std::runtime_error(std::string("OpenSSL has no ") + name);
  return cipher;
}

// Fetched once a process and never freed.
const EVP_CIPHER* gcm_for(std::string_view key) {
  static const EVP_CIPHER* const small = fetched("AES-128-GCM");
  static const EVP_CIPHER* const large = fetched("AES-256-GCM");
  return key.size() == 16 ? small : key.size() == 32 ? large : nullptr;
}

const EVP_CIPHER* cbc_for(std::string_view key) {
  static const EVP_CIPHER* const small = fetched("AES-128-CBC");
  static const EVP_CIPHER* const large = fetched("AES-256-CBC");
  return key.size() == 16 ? small : key.size() == 32 ? large : nullptr;
}

const unsigned char* in(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }
unsigned char* out(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

/// One message through one cipher; each step returns false once OpenSSL has refused something.
class Run {
 public:
  enum class Direction { decrypt = 0, encrypt = 1 };

  explicit Run(Direction direction) : direction_(static_cast<int>(direction)), context_(EVP_CIPHER_CTX_new()) {
    if (!context_) throw std::bad_alloc();
  }
  bool start(const EVP_CIPHER* cipher, std::string_view key, std::string_view iv, bool sets_iv_size) {
    return EVP_CipherInit_ex2(context_.get(), cipher, nullptr, nullptr, direction_, nullptr) == 1 &&
           (!sets_iv_size || control(EVP_CTRL_AEAD_SET_IVLEN, iv.size(), nullptr)) &&
           EVP_CipherInit_ex2(context_.get(), nullptr, in(key), in(iv), direction_, nullptr) == 1;
  }
  bool authenticate(std::string_view additional) {
    int written = 0;
    return additional.empty() || EVP_CipherUpdate(context_.get(), nullptr, &written, in(additional),
                                                  static_cast<int>(additional.size())) == 1;
  }
  bool feed(std::string_view text, std::string& result) {
    result.resize(text.size() + aes_block);
    int written = 0;
    // An empty update would be taken for additional data without a destination.
    if (!text.empty() &&
        EVP_CipherUpdate(context_.get(), out(result), &written, in(text), static_cast<int>(text.size())) != 1) {
      return false;
    }
    used_ = static_cast<size_t>(written);
    return true;
  }
  bool end(std::string& result) {
    int written = 0;
    if (EVP_CipherFinal_ex(context_.get(), out(result) + used_, &written) != 1) return false;
    result.resize(used_ + static_cast<size_t>(written));
    return true;
  }
  bool control(int command, size_t size, void* data) {
    return EVP_CIPHER_CTX_ctrl(context_.get(), command, static_cast<int>(size), data) == 1;
  }

 private:
  int direction_;
  std::unique_ptr<EVP_CIPHER_CTX, FreeContext> context_;
  size_t used_ = 0;
};

}  // namespace

Sealed aes_gcm_seal(std::string_view key, std::string_view nonce, std::string_view plaintext,
                    std::string_view additional) {
  ensure(gcm_for(key) != nullptr);
  ensure(nonce.size() >= aes_gcm_nonce_size && nonce.size() <= largest_nonce);
  ensure(plaintext.size() <= largest_text && additional.size() <= largest_text);
  Run run(Run::Direction::encrypt);
  Sealed sealed{.ciphertext = {}, .tag = std::string(aes_gcm_tag_size, '\0')};
  const bool done = run.start(gcm_for(key), key, nonce, true) && run.authenticate(additional) &&
                    run.feed(plaintext, sealed.ciphertext) && run.end(sealed.ciphertext) &&
                    run.control(EVP_CTRL_AEAD_GET_TAG, sealed.tag.size(), sealed.tag.data());
  if (!done) throw std::runtime_error("OpenSSL cannot encrypt with AES-GCM");
  return sealed;
}

Result<std::string> aes_gcm_open(std::string_view key, std::string_view nonce, const Sealed& sealed,
                                 std::string_view additional) {
  if (!gcm_for(key)) return fail(Failure::invalid, "an AES key has 16 or 32 bytes");
  if (nonce.size() < aes_gcm_nonce_size || nonce.size() > largest_nonce) {
    return fail(Failure::invalid, "an AES-GCM nonce has 12 to 16 bytes");
  }
  // A shorter tag would be easier to forge, so only the full one counts.
  if (sealed.tag.size() != aes_gcm_tag_size) return fail(Failure::invalid, "an AES-GCM tag has 16 bytes");
  if (sealed.ciphertext.size() > largest_text || additional.size() > largest_text) {
    return fail(Failure::invalid, "the ciphertext is too large");
  }
  Run run(Run::Direction::decrypt);
  std::string plaintext;
  std::string tag = sealed.tag;
  const bool done = run.start(gcm_for(key), key, nonce, true) && run.authenticate(additional) &&
                    run.feed(sealed.ciphertext, plaintext) &&
                    run.control(EVP_CTRL_AEAD_SET_TAG, tag.size(), tag.data()) && run.end(plaintext);
  if (!done) return fail(Failure::denied, "the ciphertext was changed or the key is not the right one");
  return plaintext;
}

std::string aes_gcm_seal_packed(std::string_view key, std::string_view plaintext, std::string_view additional) {
  std::string packed = random_bytes(aes_gcm_nonce_size);
  const Sealed sealed = aes_gcm_seal(key, packed, plaintext, additional);
  return packed.append(sealed.ciphertext).append(sealed.tag);
}

Result<std::string> aes_gcm_open_packed(std::string_view key, std::string_view packed, std::string_view additional) {
  if (packed.size() < aes_gcm_nonce_size + aes_gcm_tag_size) {
    return fail(Failure::invalid, "too short to be a sealed value");
  }
  const std::string_view nonce = packed.substr(0, aes_gcm_nonce_size);
  const size_t text_size = packed.size() - aes_gcm_nonce_size - aes_gcm_tag_size;
  return aes_gcm_open(key, nonce,
                      Sealed{.ciphertext = std::string(packed.substr(aes_gcm_nonce_size, text_size)),
                             .tag = std::string(packed.substr(aes_gcm_nonce_size + text_size))},
                      additional);
}

Result<std::string> aes_cbc_encrypt(std::string_view key, std::string_view iv, std::string_view plaintext) {
  if (!cbc_for(key) || iv.size() != aes_block) return fail(Failure::invalid, "AES-CBC: a key or iv of the wrong size");
  if (plaintext.size() > largest_text) return fail(Failure::invalid, "AES-CBC: the plaintext is too large");
  Run run(Run::Direction::encrypt);
  std::string ciphertext;
  if (!run.start(cbc_for(key), key, iv, false) || !run.feed(plaintext, ciphertext) || !run.end(ciphertext)) {
    return fail(Failure::io, "OpenSSL cannot encrypt with AES-CBC");
  }
  return ciphertext;
}

Result<std::string> aes_cbc_decrypt(std::string_view key, std::string_view iv, std::string_view ciphertext) {
  if (!cbc_for(key) || iv.size() != aes_block) return fail(Failure::invalid, "AES-CBC: a key or iv of the wrong size");
  if (ciphertext.size() > largest_text) return fail(Failure::invalid, "AES-CBC: the ciphertext is too large");
  Run run(Run::Direction::decrypt);
  std::string plaintext;
  if (!run.start(cbc_for(key), key, iv, false) || !run.feed(ciphertext, plaintext) || !run.end(plaintext)) {
    return fail(Failure::denied, "AES-CBC: wrong padding");
  }
  return plaintext;
}

std::string hkdf_sha256(std::string_view input_key, std::string_view salt, std::string_view info, size_t size) {
  ensure(size <= 255 * digest_size(Hash::sha256));
  // RFC 5869 §2.2; HMAC pads an empty salt to zeros by itself.
  const std::string pseudo_random_key = hmac(Hash::sha256, salt, input_key);
  std::string result;
  std::string block;
  for (unsigned char counter = 1; result.size() < size; ++counter) {
    block = hmac(Hash::sha256, pseudo_random_key, block.append(info) + static_cast<char>(counter));
    result += block;
  }
  result.resize(size);
  return result;
}

}  // namespace rookery::crypto
