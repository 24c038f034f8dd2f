#include "mh/codec/field/field_vector.h"

#ifdef MH_X86

// gcc 12 takes the undefined operands inside its own intrinsics for mistakes.
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif
#include <immintrin.h>

#include "mh/base/endian.h"

namespace mh::field {
namespace {

// The low bytes of 64 words.
MH_TARGET_AVX512 inline __m512i LowBytes(__m512i a, __m512i b) {
  return _mm512_inserti64x4(_mm512_castsi256_si512(_mm512_cvtepi16_epi8(a)),
                            _mm512_cvtepi16_epi8(b), 1);
}

struct Odd {
  alignas(64) uint16_t index[32];
  constexpr Odd() : index() {
    for (int i = 0; i < 32; i++) index[i] = static_cast<uint16_t>(2 * i + 1);
  }
};
constexpr Odd kOdd;

// The leading halves of 32 elements.
MH_TARGET_AVX512 inline __m512i Leading(const uint8_t* p, size_t stride) {
  if (stride == 2) return _mm512_loadu_si512(p);
  // p points at the leading half of the first element, two bytes into it.
  return _mm512_permutex2var_epi16(_mm512_loadu_si512(p - 2), _mm512_load_si512(kOdd.index),
                                   _mm512_loadu_si512(p + 62));
}

}  // namespace

MH_TARGET_AVX512 size_t SplitAvx512(const uint8_t* elements, size_t stride, size_t n,
                                    const FieldMap& map, const FieldParts& parts, size_t* escapes) {
  const __m512i t0 = _mm512_loadu_si512(map.symbol), t1 = _mm512_loadu_si512(map.symbol + 64);
  const __m512i t2 = _mm512_loadu_si512(map.symbol + 128),
                t3 = _mm512_loadu_si512(map.symbol + 192);
  const __m128i below = _mm_cvtsi32_si128(map.shape.below);
  const __m512i magnitude = _mm512_set1_epi16(0x7fff), last = _mm512_set1_epi16(255);
  const __m512i rest = _mm512_set1_epi16(static_cast<int16_t>((1 << map.shape.below) - 1));
  const __m512i first = _mm512_set1_epi16(static_cast<int16_t>(map.first));
  const __m512i escape = _mm512_set1_epi8(static_cast<char>(map.escape));
  const __m512i none = _mm512_set1_epi8(static_cast<char>(kFieldEscape));
  const bool sign_in = map.shape.sign_in;
  const auto value_of = [&](__m512i x) MH_TARGET_AVX512 {
    const __m512i value = _mm512_srl_epi16(_mm512_and_si512(x, magnitude), below);
    if (!sign_in) return value;
    return _mm512_or_si512(_mm512_slli_epi16(value, 1), _mm512_srli_epi16(x, 15));
  };
  uint16_t* out = parts.escapes + *escapes;
  size_t i = 0;
  for (; i + 64 <= n; i += 64) {
    const __m512i a = Leading(elements + i * stride, stride);
    const __m512i b = Leading(elements + (i + 32) * stride, stride);
    const __m512i va = value_of(a), vb = value_of(b);
    // Below the window wraps to large numbers: both sides end at 255, which is an escape.
    const __m512i place = LowBytes(_mm512_min_epu16(_mm512_sub_epi16(va, first), last),
                                   _mm512_min_epu16(_mm512_sub_epi16(vb, first), last));
    __m512i symbol =
        _mm512_mask_blend_epi8(_mm512_movepi8_mask(place), _mm512_permutex2var_epi8(t0, place, t1),
                               _mm512_permutex2var_epi8(t2, place, t3));
    const __mmask64 escaped = _mm512_cmpeq_epi8_mask(symbol, none);
    if (escaped != 0) {
      symbol = _mm512_mask_mov_epi8(symbol, escaped, escape);
      const auto low = static_cast<__mmask32>(escaped),
                 high = static_cast<__mmask32>(escaped >> 32);
      _mm512_storeu_si512(out, _mm512_maskz_compress_epi16(low, va));
      out += __builtin_popcount(low);
      _mm512_storeu_si512(out, _mm512_maskz_compress_epi16(high, vb));
      out += __builtin_popcount(high);
    }
    _mm512_storeu_si512(parts.symbols + i, symbol);
    _mm512_storeu_si512(parts.rest + i,
                        LowBytes(_mm512_and_si512(a, rest), _mm512_and_si512(b, rest)));
    if (sign_in) continue;
    Store(parts.signs + i / 8, static_cast<uint64_t>(_mm512_movepi16_mask(a)) |
                                   static_cast<uint64_t>(_mm512_movepi16_mask(b)) << 32);
  }
  *escapes = static_cast<size_t>(out - parts.escapes);
  return i;
}

namespace {

// Unpacking 64 values of `width` bits: by output byte, the first source byte of its eight, and the
// bit of its value in these.
struct Unpacking {
  alignas(64) uint8_t bytes[64], bits[64];
  explicit Unpacking(int width) {
    for (int i = 0; i < 64; i++) {
      const int byte = i / 8 * width + i % 8;
      bytes[i] = static_cast<uint8_t>(byte < 64 ? byte : 63);
      bits[i] = static_cast<uint8_t>(i % 8 * width);
    }
  }
};

struct Interleave {
  alignas(64) uint8_t first[64], second[64];
  constexpr Interleave() : first(), second() {
    for (int i = 0; i < 64; i++) {
      first[i] = static_cast<uint8_t>(i / 2 + (i & 1) * 64);
      second[i] = static_cast<uint8_t>(32 + i / 2 + (i & 1) * 64);
    }
  }
};
constexpr Interleave kInterleave;

}  // namespace

MH_TARGET_AVX512 size_t MergeAvx512(const FieldTables& tables, const FieldSource& source, size_t n,
                                    size_t* escapes, uint16_t* leading) {
  const __m512i low_table = _mm512_load_si512(tables.low);
  const __m512i high_table = _mm512_load_si512(tables.high);
  const __m512i first = _mm512_load_si512(kInterleave.first);
  const __m512i second = _mm512_load_si512(kInterleave.second);
  const __m512i first_escape = _mm512_set1_epi8(static_cast<char>(tables.escape));
  const __m512i sign = _mm512_set1_epi8(INT8_MIN);
  const int below = tables.shape.below;
  const Unpacking unpacking(below);
  const __m512i bytes = _mm512_load_si512(unpacking.bytes);
  const __m512i bits = _mm512_load_si512(unpacking.bits);
  const __m512i rest_mask = _mm512_set1_epi8(static_cast<char>((1 << below) - 1));
  const bool sign_in = tables.shape.sign_in, packed = source.rest == nullptr;
  const uint8_t* from = source.packed;
  // A load takes 64 bytes where values have fewer: the last ones are left.
  const size_t end = packed ? (n < 64 + 64 ? 0 : n - 64) : n;
  size_t at = *escapes, i = 0;
  for (; i + 64 <= end; i += 64) {
    const __m512i symbol = _mm512_loadu_si512(source.symbols + i);
    const uint64_t escaped = _mm512_cmpge_epu8_mask(symbol, first_escape);
    __m512i low = _mm512_permutexvar_epi8(symbol, low_table);
    __m512i high = _mm512_permutexvar_epi8(symbol, high_table);
    low = _mm512_mask_expand_epi8(low, escaped, _mm512_loadu_si512(source.escape_low + at));
    high = _mm512_mask_expand_epi8(high, escaped, _mm512_loadu_si512(source.escape_high + at));
    at += static_cast<size_t>(__builtin_popcountll(escaped));
    __m512i rest;
    if (packed) {
      const __m512i spread = _mm512_permutexvar_epi8(bytes, _mm512_loadu_si512(from));
      rest = _mm512_and_si512(_mm512_multishift_epi64_epi8(bits, spread), rest_mask);
      from += 8 * below;
    } else {
      rest = _mm512_loadu_si512(source.rest + i);
    }
    low = _mm512_or_si512(low, rest);
    if (!sign_in) {
      const auto signs = Load<uint64_t>(source.signs + i / 8);
      high = _mm512_or_si512(high, _mm512_maskz_mov_epi8(signs, sign));
    }
    _mm512_storeu_si512(leading + i, _mm512_permutex2var_epi8(low, first, high));
    _mm512_storeu_si512(leading + i + 32, _mm512_permutex2var_epi8(low, second, high));
  }
  *escapes = at;
  return i;
}

MH_TARGET_AVX512 size_t JoinAvx512(const uint16_t* leading, const uint8_t* third,
                                   const uint8_t* fourth, size_t n, uint8_t* elements) {
  size_t i = 0;
  for (; i + 64 <= n; i += 64) {
    for (size_t j = i; j < i + 64; j += 16) {
      const auto bytes = [&](const uint8_t* p) MH_TARGET_AVX512 {
        return _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p + j)));
      };
      const __m512i high = _mm512_slli_epi32(
          _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(leading + j))),
          16);
      _mm512_storeu_si512(
          elements + 4 * j,
          _mm512_ternarylogic_epi32(high, _mm512_slli_epi32(bytes(third), 8), bytes(fourth), 0xfe));
    }
  }
  return i;
}

}  // namespace mh::field

#endif  // MH_X86
