#include "mh/codec/lanes/lanes_rows.h"

#ifdef MH_X86

// gcc 12 takes the undefined operands inside its own intrinsics for mistakes.
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif
#include <immintrin.h>

// AVX2: states in eight registers of 32-bit lanes, the table by gather, and the byte expansion that
// it lacks by a shuffle from a table of the 256 ways in which eight lanes can ask for bytes.

namespace mh::lanes {
namespace {

struct Spread {
  alignas(64) uint8_t index[256][8];
  constexpr Spread() : index() {
    for (int mask = 0; mask < 256; mask++) {
      uint8_t next = 0;
      for (int lane = 0; lane < 8; lane++) {
        index[mask][lane] = (mask >> lane & 1) != 0 ? next++ : uint8_t{0x80};
      }
    }
  }
};
constexpr Spread kSpread;

MH_TARGET_AVX2 inline __m256i DecodeEight(const LaneTable& table, __m256i* x, const uint8_t** in) {
  const __m256i low = _mm256_set1_epi32(255);
  const __m256i entry = _mm256_i32gather_epi32(reinterpret_cast<const int*>(table.entry),
                                               _mm256_and_si256(*x, low), 4);
  const __m256i freq = _mm256_and_si256(_mm256_srli_epi32(entry, 8), low);
  // Both factors are below 256: the 16-bit product is the 32-bit one, at a third of its latency.
  __m256i next = _mm256_add_epi32(_mm256_mullo_epi16(freq, _mm256_srli_epi32(*x, 8)),
                                  _mm256_srli_epi32(entry, 16));
  const __m256i hungry = _mm256_cmpgt_epi32(_mm256_set1_epi32(256), next);
  const int mask = _mm256_movemask_ps(_mm256_castsi256_ps(hungry));
  const __m128i bytes =
      _mm_shuffle_epi8(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(*in)),
                       _mm_loadl_epi64(reinterpret_cast<const __m128i*>(kSpread.index[mask])));
  *in += __builtin_popcount(static_cast<unsigned>(mask));
  const __m256i fed = _mm256_or_si256(_mm256_slli_epi32(next, 8), _mm256_cvtepu8_epi32(bytes));
  *x = _mm256_blendv_epi8(next, fed, hungry);
  return _mm256_and_si256(entry, low);
}

// The inverse of kSpread, with the bytes at the end: what lies before them is written over later.
struct Squeeze {
  alignas(64) uint8_t index[256][8];
  constexpr Squeeze() : index() {
    for (int mask = 0; mask < 256; mask++) {
      int at = 8;
      for (int lane = 8; lane-- > 0;) {
        if ((mask >> lane & 1) != 0) index[mask][--at] = static_cast<uint8_t>(lane);
      }
    }
  }
};
constexpr Squeeze kSqueeze;

MH_TARGET_AVX2 inline void EncodeEight(const LaneTable& table, __m256i* states,
                                       const uint8_t* symbols, uint8_t** out) {
  const __m256i k =
      _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(symbols)));
  const __m256i push = _mm256_i32gather_epi32(reinterpret_cast<const int*>(table.push), k, 4);
  const __m256 inverse = _mm256_i32gather_ps(table.inverse, k, 4);
  const __m256i freq = _mm256_and_si256(push, _mm256_set1_epi32(0xffff));
  const __m256i x = _mm256_load_si256(states);
  const __m256i full =
      _mm256_cmpgt_epi32(x, _mm256_sub_epi32(_mm256_slli_epi32(freq, 8), _mm256_set1_epi32(1)));
  const auto mask = static_cast<unsigned>(_mm256_movemask_ps(_mm256_castsi256_ps(full)));
  // The low bytes of the full lanes, squeezed.
  const __m128i low = _mm256_castsi256_si128(x), high = _mm256_extracti128_si256(x, 1);
  const __m128i bytes = _mm_packus_epi16(_mm_packus_epi32(_mm_and_si128(low, _mm_set1_epi32(255)),
                                                          _mm_and_si128(high, _mm_set1_epi32(255))),
                                         _mm_setzero_si128());
  const __m128i index = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(kSqueeze.index[mask]));
  _mm_storel_epi64(reinterpret_cast<__m128i*>(*out - 8), _mm_shuffle_epi8(bytes, index));
  *out -= __builtin_popcount(mask);
  const __m256i y = _mm256_blendv_epi8(x, _mm256_srli_epi32(x, 8), full);
  // Half a unit from every integer that matters, so that rounding cannot move the quotient.
  const __m256i quotient = _mm256_cvttps_epi32(
      _mm256_mul_ps(_mm256_add_ps(_mm256_cvtepi32_ps(y), _mm256_set1_ps(0.5f)), inverse));
  const __m256i rest = _mm256_sub_epi32(y, _mm256_mullo_epi16(quotient, freq));
  _mm256_store_si256(states,
                     _mm256_add_epi32(_mm256_add_epi32(_mm256_slli_epi32(quotient, 8), rest),
                                      _mm256_srli_epi32(push, 16)));
}

}  // namespace

MH_TARGET_AVX2 uint8_t* EncodeRowsAvx2(const LaneTable& table, States* const* states, int groups,
                                       size_t rows, const uint8_t* symbols, uint8_t* out) {
  alignas(32) uint32_t wide[kLaneGroupsMax][kLanes];
  for (int group = 0; group < groups; group++) {
    for (int lane = 0; lane < kLanes; lane++) wide[group][lane] = states[group]->x[lane];
  }
  for (size_t row = rows; row-- > 0;) {
    auto* x = reinterpret_cast<__m256i*>(wide[row % static_cast<size_t>(groups)]);
    for (int eight = 8; eight-- > 0;) {
      EncodeEight(table, x + eight, symbols + row * kLanes + 8 * eight, &out);
    }
  }
  for (int group = 0; group < groups; group++) {
    for (int lane = 0; lane < kLanes; lane++) {
      states[group]->x[lane] = static_cast<uint16_t>(wide[group][lane]);
    }
  }
  return out;
}

MH_TARGET_AVX2 const uint8_t* DecodeRowsAvx2(const LaneTable& table, States* const* states,
                                             int groups, size_t* rows, const uint8_t* in,
                                             const uint8_t* end, uint8_t* symbols) {
  alignas(32) uint32_t wide[kLaneGroupsMax][kLanes];
  for (int group = 0; group < groups; group++) {
    for (int lane = 0; lane < kLanes; lane++) wide[group][lane] = states[group]->x[lane];
  }
  const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
  size_t left = *rows, group = 0;
  while (left > 0 && end - in >= 64 + 8) {
    auto* x = reinterpret_cast<__m256i*>(wide[group]);
    for (int half = 0; half < 2; half++, x += 4) {
      const __m256i k0 = DecodeEight(table, x, &in), k1 = DecodeEight(table, x + 1, &in);
      const __m256i k2 = DecodeEight(table, x + 2, &in), k3 = DecodeEight(table, x + 3, &in);
      const __m256i bytes =
          _mm256_packus_epi16(_mm256_packus_epi32(k0, k1), _mm256_packus_epi32(k2, k3));
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(symbols),
                          _mm256_permutevar8x32_epi32(bytes, order));
      symbols += 32;
    }
    group = (group + 1) % static_cast<size_t>(groups);
    left--;
  }
  for (int g = 0; g < groups; g++) {
    for (int lane = 0; lane < kLanes; lane++) {
      states[g]->x[lane] = static_cast<uint16_t>(wide[g][lane]);
    }
  }
  *rows = left;
  return in;
}

}  // namespace mh::lanes

#endif  // MH_X86
