#include "mh/codec/field/field_vector.h"

#ifdef MH_X86

#include <immintrin.h>

#include "mh/base/endian.h"

namespace mh::field {

// The table is looked up value by value, sixteen in flight; the rest is vector code.
MH_TARGET_AVX2 size_t MergeAvx2(const uint16_t* bits, int escape, bool sign_in,
                                const FieldParts& parts, size_t n, size_t* escapes,
                                uint16_t* leading) {
  const __m256i bit = _mm256_setr_epi16(1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096,
                                        8192, 16384, INT16_MIN);
  const __m256i sign = _mm256_set1_epi16(INT16_MIN);
  const __m128i last = _mm_set1_epi8(static_cast<char>(escape - 1));
  size_t i = 0;
  for (; i + 64 <= n; i += 64) {
    for (size_t j = i; j < i + 64; j += 16) {
      alignas(32) uint16_t looked_up[16];
      for (size_t k = 0; k < 16; k++) looked_up[k] = bits[parts.symbols[j + k]];
      const __m128i symbols = _mm_loadu_si128(reinterpret_cast<const __m128i*>(parts.symbols + j));
      const __m128i kept = _mm_cmpeq_epi8(_mm_min_epu8(symbols, last), symbols);
      auto escaped = static_cast<uint32_t>(~_mm_movemask_epi8(kept)) & 0xffff;
      for (; escaped != 0; escaped &= escaped - 1) {
        looked_up[__builtin_ctz(escaped)] = parts.escapes[(*escapes)++];
      }
      __m256i x = _mm256_or_si256(
          _mm256_load_si256(reinterpret_cast<const __m256i*>(looked_up)),
          _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(parts.rest + j))));
      if (!sign_in) {
        const __m256i signs = _mm256_set1_epi16(Load<int16_t>(parts.signs + j / 8));
        const __m256i negative = _mm256_cmpeq_epi16(_mm256_and_si256(signs, bit), bit);
        x = _mm256_or_si256(x, _mm256_and_si256(negative, sign));
      }
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(leading + j), x);
    }
  }
  return i;
}

MH_TARGET_AVX2 size_t JoinAvx2(const uint16_t* leading, const uint8_t* third, const uint8_t* fourth,
                               size_t n, uint8_t* elements) {
  size_t i = 0;
  for (; i + 64 <= n; i += 64) {
    for (size_t j = i; j < i + 64; j += 8) {
      const auto bytes = [&](const uint8_t* p) MH_TARGET_AVX2 {
        return _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p + j)));
      };
      const __m256i high = _mm256_slli_epi32(
          _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(leading + j))),
          16);
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(elements + 4 * j),
                          _mm256_or_si256(high, _mm256_or_si256(_mm256_slli_epi32(bytes(third), 8),
                                                                bytes(fourth))));
    }
  }
  return i;
}

}  // namespace mh::field

#endif  // MH_X86
