#include "crypto/hash.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <memory>
#include <stdexcept>

namespace rookery::crypto {
namespace {

constexpr size_t largest_block = 128;

struct Algorithm {
  const EVP_MD* md;
  size_t digest_size;
  size_t block_size;
};

// A fetch walks OpenSSL's provider tables under a lock, so it happens once a process; the result is never freed.
const Algorithm& algorithm(Hash hash) {
  const auto fetch = [](const char* name) {
    const EVP_MD* md = EVP_MD_fetch(nullptr, name, nullptr);
    if (!md) throw std::runtime_error(std::string("OpenSSL has no ") + name);
    return Algorithm{md, static_cast<size_t>(EVP_MD_get_size(md)), static_cast<size_t>(EVP_MD_get_block_size(md))};
  };
  static const std::array<Algorithm, 3> all = {fetch("SHA1"), fetch("SHA256"), fetch("SHA512")};
  return all.at(static_cast<size_t>(hash));
}

struct FreeContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_MD_CTX, FreeContext>;

// A context that stays with its algorithm is reset without an allocation, unlike EVP_MAC.
EVP_MD_CTX* context_for(Hash hash) {
  thread_local std::array<Context, 3> contexts;
  auto& context = contexts.at(static_cast<size_t>(hash));
  if (!context) context.reset(EVP_MD_CTX_new());
  if (!context) throw std::bad_alloc();
  return context.get();
}

void digest_two(Hash hash, std::string_view first, std::string_view second, unsigned char* out) {
  EVP_MD_CTX* context = context_for(hash);
  const bool done = EVP_DigestInit_ex2(context, algorithm(hash).md, nullptr) == 1 &&
                    EVP_DigestUpdate(context, first.data(), first.size()) == 1 &&
                    EVP_DigestUpdate(context, second.data(), second.size()) == 1 &&
                    EVP_DigestFinal_ex(context, out, nullptr) == 1;
  if (!done) throw std::runtime_error("OpenSSL cannot compute a digest");
}

constexpr std::string_view base64_alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr std::array<int8_t, 256> make_base64_values() {
  std::array<int8_t, 256> values{};
  values.fill(-1);
  for (size_t i = 0; i < base64_alphabet.size(); ++i) {
    values[static_cast<unsigned char>(base64_alphabet[i])] = static_cast<int8_t>(i);
  }
  return values;
}
constexpr auto base64_values = make_base64_values();

unsigned byte_at(std::string_view text, size_t index) { return static_cast<unsigned char>(text[index]); }

}  // namespace

size_t digest_size(Hash hash) { return algorithm(hash).digest_size; }

std::string digest(Hash hash, std::string_view data) {
  std::string result(digest_size(hash), '\0');
  digest_two(hash, data, {}, reinterpret_cast<unsigned char*>(result.data()));
  return result;
}

// RFC 2104.
std::string hmac(Hash hash, std::string_view key, std::string_view data) {
  const Algorithm& chosen = algorithm(hash);
  if (key.size() > chosen.block_size) return hmac(hash, digest(hash, key), data);
  std::array<unsigned char, EVP_MAX_MD_SIZE> inner;
  std::array<char, largest_block> pad;
  const auto fill_pad = [&](char constant) {
    for (size_t i = 0; i < chosen.block_size; ++i) {
      pad[i] = static_cast<char>((i < key.size() ? key[i] : '\0') ^ constant);
    }
  };
  const std::string_view pad_view(pad.data(), chosen.block_size);
  fill_pad(0x36);
  digest_two(hash, pad_view, data, inner.data());
  std::string result(chosen.digest_size, '\0');
  fill_pad(0x5c);
  digest_two(hash, pad_view, {reinterpret_cast<const char*>(inner.data()), chosen.digest_size},
             reinterpret_cast<unsigned char*>(result.data()));
  OPENSSL_cleanse(pad.data(), pad.size());
  return result;
}

std::string pbkdf2(Hash hash, std::string_view password, std::string_view salt, uint32_t iterations) {
  ensure(iterations > 0 && iterations <= INT32_MAX);
  const Algorithm& chosen = algorithm(hash);
  std::string result(chosen.digest_size, '\0');
  // OpenSSL takes a null pointer for "no password" as a request to fail.
  const char* bytes = password.empty() ? "" : password.data();
  const int done =
      PKCS5_PBKDF2_HMAC(bytes, static_cast<int>(password.size()), reinterpret_cast<const unsigned char*>(salt.data()),
                        static_cast<int>(salt.size()), static_cast<int>(iterations), chosen.md,
                        static_cast<int>(result.size()), reinterpret_cast<unsigned char*>(result.data()));
  if (done != 1) throw std::runtime_error("OpenSSL cannot compute PBKDF2");
  return result;
}

std::string base64_encode(std::string_view raw) {
  std::string text;
  text.reserve((raw.size() + 2) / 3 * 4);
  size_t i = 0;
  for (; i + 2 < raw.size(); i += 3) {
    const unsigned bits = byte_at(raw, i) << 16 | byte_at(raw, i + 1) << 8 | byte_at(raw, i + 2);
    for (int shift = 18; shift >= 0; shift -= 6) text += base64_alphabet[bits >> shift & 63];
  }
  const size_t left = raw.size() - i;
  if (left == 0) return text;
  const unsigned bits = byte_at(raw, i) << 16 | (left == 2 ? byte_at(raw, i + 1) << 8 : 0);
  text += base64_alphabet[bits >> 18 & 63];
  text += base64_alphabet[bits >> 12 & 63];
  text += left == 2 ? base64_alphabet[bits >> 6 & 63] : '=';
  text += '=';
  return text;
}

Result<std::string> base64_decode(std::string_view text) {
  if (text.size() % 4 != 0) return fail(Failure::invalid, "base64: the length is not a multiple of 4");
  size_t padding = 0;
  while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') ++padding;
  std::string raw;
  raw.reserve(text.size() / 4 * 3);
  unsigned bits = 0;
  for (size_t i = 0; i < text.size() - padding; ++i) {
    const int value = base64_values[byte_at(text, i)];
    if (value < 0) return fail(Failure::invalid, "base64: a character outside of the alphabet");
    bits = bits << 6 | static_cast<unsigned>(value);
    // The first character of each four completes no byte.
    if (i % 4 != 0) raw += static_cast<char>(bits >> (6 - 2 * (i % 4)) & 0xff);
  }
  // RFC 4648 §3.5: bits that padding leaves over must be zero, else one value would have several spellings.
  const unsigned unused = padding == 1 ? 0x3 : padding == 2 ? 0xf : 0;
  if ((bits & unused) != 0) return fail(Failure::invalid, "base64: padding bits are not zero");
  return raw;
}

std::string hex_encode(std::string_view raw) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  text.reserve(raw.size() * 2);
  for (size_t i = 0; i < raw.size(); ++i) {
    text += digits[byte_at(raw, i) >> 4];
    text += digits[byte_at(raw, i) & 15];
  }
  return text;
}

bool equal_in_constant_time(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace rookery::crypto
