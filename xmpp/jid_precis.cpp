// PRECIS (RFC 8264) as far as addresses and passwords need it: UsernameCaseMapped and OpaqueString (RFC 8265).
#include <unicode/locid.h>
#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>
#include <unicode/uscript.h>
#include <unicode/utf8.h>

#include <algorithm>

#include "xmpp/jid.h"

namespace rookery::xmpp {
namespace {

constexpr size_t input_limit_bytes = 64 * 1024;  // bounds the work for text that is refused later for its size

enum class Category { valid, free_valid, context, disallowed };
enum class StringClass { identifier, freeform };

// ICU's normalisers are singletons of the library that are never freed.
const icu::Normalizer2& normalizer(const icu::Normalizer2* (*get)(UErrorCode&)) {
  UErrorCode status = U_ZERO_ERROR;
  const icu::Normalizer2* instance = get(status);
  ensure(U_SUCCESS(status) && instance != nullptr);
  return *instance;
}
const icu::Normalizer2& nfc() {
  static const icu::Normalizer2& instance = normalizer(icu::Normalizer2::getNFCInstance);
  return instance;
}
const icu::Normalizer2& nfkc() {
  static const icu::Normalizer2& instance = normalizer(icu::Normalizer2::getNFKCInstance);
  return instance;
}

Result<std::u32string> decode_utf8(std::string_view text) {
  std::u32string out;
  out.reserve(text.size());
  const auto size = static_cast<int32_t>(text.size());
  for (int32_t i = 0; i < size;) {
    UChar32 c = 0;
    U8_NEXT(text.data(), i, size, c);
    if (c < 0) return fail(Failure::invalid, "not UTF-8");
    out.push_back(static_cast<char32_t>(c));
  }
  return out;
}

icu::UnicodeString to_icu(const std::u32string& text) {
  return icu::UnicodeString::fromUTF32(reinterpret_cast<const UChar32*>(text.data()),
                                       static_cast<int32_t>(text.size()));
}

std::u32string from_icu(const icu::UnicodeString& text) {
  std::u32string out;
  for (int32_t i = 0; i < text.length(); i = text.moveIndex32(i, 1))
    out.push_back(static_cast<char32_t>(text.char32At(i)));
  return out;
}

bool has_compatibility_form(char32_t c) {
  UErrorCode status = U_ZERO_ERROR;
  const icu::UnicodeString one(static_cast<UChar32>(c));
  return nfkc().normalize(one, status) != one || U_FAILURE(status);
}

bool is_old_hangul_jamo(char32_t c) {
  const auto type = u_getIntPropertyValue(static_cast<UChar32>(c), UCHAR_HANGUL_SYLLABLE_TYPE);
  return type == U_HST_LEADING_JAMO || type == U_HST_VOWEL_JAMO || type == U_HST_TRAILING_JAMO;
}

bool is_arabic_indic_digit(char32_t c) { return c >= 0x0660 && c <= 0x0669; }
bool is_extended_arabic_indic_digit(char32_t c) { return c >= 0x06F0 && c <= 0x06F9; }

// RFC 8264 §9.6.
bool exception(char32_t c, Category& category) {
  switch (c) {
    case 0x00DF:
    case 0x03C2:
    case 0x06FD:
    case 0x06FE:
    case 0x0F0B:
    case 0x3007:
      category = Category::valid;
      return true;
    case 0x00B7:
    case 0x0375:
    case 0x05F3:
    case 0x05F4:
    case 0x30FB:
      category = Category::context;
      return true;
    case 0x0640:
    case 0x07FA:
    case 0x302E:
    case 0x302F:
    case 0x3031:
    case 0x3032:
    case 0x3033:
    case 0x3034:
    case 0x3035:
    case 0x303B:
      category = Category::disallowed;
      return true;
    default:
      if (!is_arabic_indic_digit(c) && !is_extended_arabic_indic_digit(c)) return false;
      category = Category::context;
      return true;
  }
}

// RFC 8264 §8, in its order.
Category categorize(char32_t c) {
  const auto icu_char = static_cast<UChar32>(c);
  Category category{};
  if (exception(c, category)) return category;
  if (c >= 0x21 && c <= 0x7E) return Category::valid;
  if (c == 0x200C || c == 0x200D) return Category::context;
  if (is_old_hangul_jamo(c)) return Category::disallowed;
  if (u_hasBinaryProperty(icu_char, UCHAR_DEFAULT_IGNORABLE_CODE_POINT)) return Category::disallowed;
  const uint32_t mask = U_GET_GC_MASK(icu_char);
  // Unassigned and noncharacters (Cn), controls, private use, surrogates and the line and paragraph separators.
  constexpr uint32_t never = U_GC_C_MASK | U_GC_ZL_MASK | U_GC_ZP_MASK;
  if (mask & never) return Category::disallowed;
  if (has_compatibility_form(c)) return Category::free_valid;
  constexpr uint32_t letter_digits =
      U_GC_LL_MASK | U_GC_LU_MASK | U_GC_LO_MASK | U_GC_ND_MASK | U_GC_LM_MASK | U_GC_MN_MASK | U_GC_MC_MASK;
  if (mask & letter_digits) return Category::valid;
  return Category::free_valid;  // other letters and digits, spaces, symbols, punctuation
}

UScriptCode script_of(char32_t c) {
  UErrorCode status = U_ZERO_ERROR;
  return uscript_getScript(static_cast<UChar32>(c), &status);
}

bool follows_virama(const std::u32string& text, size_t i) {
  constexpr uint8_t virama = 9;
  return i > 0 && u_getCombiningClass(static_cast<UChar32>(text[i - 1])) == virama;
}

int joining_type(char32_t c) { return u_getIntPropertyValue(static_cast<UChar32>(c), UCHAR_JOINING_TYPE); }

// RFC 5892 appendix A.1: (L|D) T* ZWNJ T* (R|D).
bool breaks_cursive_connection(const std::u32string& text, size_t i) {
  size_t left = i;
  while (left > 0 && joining_type(text[left - 1]) == U_JT_TRANSPARENT) --left;
  size_t right = i + 1;
  while (right < text.size() && joining_type(text[right]) == U_JT_TRANSPARENT) ++right;
  if (left == 0 || right == text.size()) return false;
  const int before = joining_type(text[left - 1]);
  const int after = joining_type(text[right]);
  return (before == U_JT_LEFT_JOINING || before == U_JT_DUAL_JOINING) &&
         (after == U_JT_RIGHT_JOINING || after == U_JT_DUAL_JOINING);
}

bool is_kana_or_han(char32_t c) {
  const auto script = script_of(c);
  return script == USCRIPT_HIRAGANA || script == USCRIPT_KATAKANA || script == USCRIPT_HAN;
}

// RFC 5892 appendix A.
bool context_allows(const std::u32string& text, size_t i) {
  const char32_t c = text[i];
  const bool has_next = i + 1 < text.size();
  switch (c) {
    case 0x200C:
      return follows_virama(text, i) || breaks_cursive_connection(text, i);
    case 0x200D:
      return follows_virama(text, i);
    case 0x00B7:
      return i > 0 && has_next && text[i - 1] == U'l' && text[i + 1] == U'l';
    case 0x0375:
      return has_next && script_of(text[i + 1]) == USCRIPT_GREEK;
    case 0x05F3:
    case 0x05F4:
      return i > 0 && script_of(text[i - 1]) == USCRIPT_HEBREW;
    case 0x30FB:
      return std::ranges::any_of(text, is_kana_or_han);
    default:
      break;
  }
  return is_arabic_indic_digit(c) ? std::ranges::none_of(text, is_extended_arabic_indic_digit)
                                  : std::ranges::none_of(text, is_arabic_indic_digit);
}

// Before the mappings only the categories count: contexts are judged in the final text.
bool in_class(const std::u32string& text, StringClass string_class, bool with_contexts) {
  for (size_t i = 0; i < text.size(); ++i) {
    switch (categorize(text[i])) {
      case Category::valid:
        continue;
      case Category::free_valid:
        if (string_class == StringClass::identifier) return false;
        continue;
      case Category::context:
        if (with_contexts && !context_allows(text, i)) return false;
        continue;
      case Category::disallowed:
        return false;
    }
  }
  return true;
}

constexpr uint32_t bit(UCharDirection direction) { return 1u << static_cast<uint32_t>(direction); }

// RFC 5893 §2; it binds only strings with a right-to-left character (RFC 8264 §5.2.5).
bool satisfies_bidi_rule(const std::u32string& text) {
  uint32_t seen = 0;
  uint32_t last = 0;  // of the last character that is not a nonspacing mark
  for (const char32_t c : text) {
    const uint32_t direction = bit(u_charDirection(static_cast<UChar32>(c)));
    seen |= direction;
    if (direction != bit(U_DIR_NON_SPACING_MARK)) last = direction;
  }
  constexpr uint32_t right = bit(U_RIGHT_TO_LEFT) | bit(U_RIGHT_TO_LEFT_ARABIC);
  constexpr uint32_t arabic_number = bit(U_ARABIC_NUMBER);
  constexpr uint32_t number = bit(U_EUROPEAN_NUMBER);
  constexpr uint32_t left = bit(U_LEFT_TO_RIGHT);
  constexpr uint32_t neutral = number | bit(U_EUROPEAN_NUMBER_SEPARATOR) | bit(U_COMMON_NUMBER_SEPARATOR) |
                               bit(U_EUROPEAN_NUMBER_TERMINATOR) | bit(U_OTHER_NEUTRAL) | bit(U_BOUNDARY_NEUTRAL) |
                               bit(U_DIR_NON_SPACING_MARK);
  if ((seen & (right | arabic_number)) == 0) return true;

  const uint32_t first = bit(u_charDirection(static_cast<UChar32>(text.front())));
  if (first & right) {
    if (seen & ~(right | arabic_number | neutral)) return false;
    if ((seen & number) && (seen & arabic_number)) return false;
    return (last & (right | number | arabic_number)) != 0;
  }
  if (first & left) return (seen & ~(left | neutral)) == 0 && (last & (left | number)) != 0;
  return false;
}

// RFC 8265 §3.3.2: full-width and half-width characters become what they decompose to.
std::u32string map_width(const std::u32string& text) {
  std::u32string out;
  for (const char32_t c : text) {
    const auto type = u_getIntPropertyValue(static_cast<UChar32>(c), UCHAR_DECOMPOSITION_TYPE);
    icu::UnicodeString mapped;
    if ((type == U_DT_WIDE || type == U_DT_NARROW) && nfkc().getRawDecomposition(static_cast<UChar32>(c), mapped)) {
      out += from_icu(mapped);
    } else {
      out.push_back(c);
    }
  }
  return out;
}

std::u32string normalize(const icu::UnicodeString& text) {
  UErrorCode status = U_ZERO_ERROR;
  const auto normalized = nfc().normalize(text, status);
  ensure(U_SUCCESS(status));
  return from_icu(normalized);
}

Result<std::u32string> apply_username_rules(const std::u32string& text) {
  const auto narrow = map_width(text);
  if (!in_class(narrow, StringClass::identifier, false)) return fail(Failure::invalid, "has a forbidden character");
  return normalize(to_icu(narrow).toLower(icu::Locale::getRoot()));
}

Result<std::u32string> apply_opaque_rules(const std::u32string& text) {
  if (!in_class(text, StringClass::freeform, false)) return fail(Failure::invalid, "has a forbidden character");
  auto mapped = text;
  for (char32_t& c : mapped)
    if (u_charType(static_cast<UChar32>(c)) == U_SPACE_SEPARATOR) c = U' ';  // RFC 8265 §4.2.2
  return normalize(to_icu(mapped));
}

using Rules = Result<std::u32string> (*)(const std::u32string&);

Result<std::u32string> prepare(std::string_view text, Rules rules, StringClass string_class) {
  if (text.empty()) return fail(Failure::invalid, "empty");
  if (text.size() > input_limit_bytes) return fail(Failure::invalid, "too long");
  auto current = decode_utf8(text);
  if (!current) return current;
  // RFC 8264 §7: some strings need the rules more than once; what is not stable after three more times is refused.
  for (int round = 0; round < 4; ++round) {
    auto next = rules(*current);
    if (!next) return next;
    if (*next == *current) {
      if (!in_class(*next, string_class, true)) return fail(Failure::invalid, "has a character in the wrong context");
      return next;
    }
    current = std::move(next);
  }
  return fail(Failure::invalid, "has no stable form");
}

std::string encode_utf8(const std::u32string& text) {
  std::string out;
  to_icu(text).toUTF8String(out);
  return out;
}

bool is_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

}  // namespace

Result<std::string> prepare_username(std::string_view text) {
  if (!text.empty() && is_ascii(text)) {
    std::string out(text);
    for (char& c : out) {
      if (c < 0x21 || c > 0x7E) return fail(Failure::invalid, "has a forbidden character");
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
    }
    return out;
  }
  const auto prepared = prepare(text, apply_username_rules, StringClass::identifier);
  if (!prepared) return std::unexpected(prepared.error());
  if (!satisfies_bidi_rule(*prepared)) return fail(Failure::invalid, "mixes writing directions");
  return encode_utf8(*prepared);
}

Result<std::string> prepare_opaque_string(std::string_view text) {
  if (!text.empty() && is_ascii(text)) {
    for (const char c : text)
      if (c < 0x20 || c > 0x7E) return fail(Failure::invalid, "has a forbidden character");
    return std::string(text);
  }
  const auto prepared = prepare(text, apply_opaque_rules, StringClass::freeform);
  if (!prepared) return std::unexpected(prepared.error());
  return encode_utf8(*prepared);
}

}  // namespace rookery::xmpp
