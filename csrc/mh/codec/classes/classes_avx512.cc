#include "mh/codec/classes/classes_loops.h"
#include "mh/codec/classes/classes_vector.h"

#ifdef MH_X86

// gcc 12 takes the undefined operands inside its own intrinsics for mistakes.
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif
#include <immintrin.h>

#include <cstring>

namespace mh::classes {
namespace {

// The contexts of a group.
struct Range {
  int begin, end;
};
inline Range RangeOf(const ClassLayout& layout, uint8_t flag) {
  return flag == 0 ? Range{0, layout.plain} : Range{layout.plain, layout.plain + layout.flagged};
}

}  // namespace

MH_TARGET_AVX512 size_t FindAvx512(const ClassLookup& lookup, const uint16_t* differences, size_t n,
                                   uint8_t* symbols) {
  const __m512i near0 = _mm512_load_si512(lookup.near), near1 = _mm512_load_si512(lookup.near + 64);
  const __m512i first = _mm512_set1_epi16(kClassNear), width = _mm512_set1_epi16(2 * kClassNear);
  const __m512i top = _mm512_set1_epi32(lookup.top), thirty_one = _mm512_set1_epi32(31);
  const __m128i top_count = _mm_cvtsi32_si128(lookup.top);
  const __m512i base = _mm512_set1_epi32(lookup.popular_count - 1);
  // The class of 16 magnitudes, none of them zero, as ClassOf has it.
  const auto classes_of = [&](__m256i magnitudes) MH_TARGET_AVX512 {
    const __m512i m = _mm512_cvtepu16_epi32(magnitudes);
    const __m512i length = _mm512_sub_epi32(thirty_one, _mm512_lzcnt_epi32(m));
    const __m512i raw = _mm512_max_epi32(_mm512_sub_epi32(length, top), _mm512_setzero_si512());
    const __m512i k = _mm512_add_epi32(_mm512_sll_epi32(raw, top_count), _mm512_srlv_epi32(m, raw));
    return _mm512_cvtepi32_epi8(_mm512_add_epi32(k, base));
  };
  size_t i = 0;
  for (; i + 32 <= n; i += 32) {
    const __m512i d = _mm512_loadu_si512(differences + i);
    const __m512i place = _mm512_add_epi16(d, first);
    const __mmask32 is_near = _mm512_cmplt_epu16_mask(place, width);
    const __m256i index = _mm512_cvtepi16_epi8(place);
    const __m512i wide = _mm512_castsi256_si512(index);
    __m256i symbol = _mm512_castsi512_si256(_mm512_permutex2var_epi8(near0, wide, near1));
    if (is_near != 0xffffffff) {
      const __m512i magnitude = _mm512_abs_epi16(d);
      const __m256i far = _mm256_set_m128i(classes_of(_mm512_extracti64x4_epi64(magnitude, 1)),
                                           classes_of(_mm512_castsi512_si256(magnitude)));
      symbol = _mm256_mask_blend_epi8(is_near, far, symbol);
      for (int f = 0; f < lookup.far_count; f++) {
        const __mmask32 same = _mm512_cmpeq_epi16_mask(
            d, _mm512_set1_epi16(static_cast<int16_t>(lookup.far[f].value)));
        symbol = _mm256_mask_mov_epi8(symbol, same,
                                      _mm256_set1_epi8(static_cast<char>(lookup.far[f].symbol)));
      }
    }
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(symbols + i), symbol);
  }
  return i;
}

MH_TARGET_AVX512 size_t MapAvx512(const uint8_t* exponents, const uint8_t* flags, size_t n,
                                  const uint8_t map[2][256], uint8_t* contexts) {
  size_t i = 0;
  for (; i + 64 <= n; i += 64) {
    const uint8_t* table = map[flags[i / 64]];
    const __m512i e = _mm512_loadu_si512(exponents + i);
    const __m512i low =
        _mm512_permutex2var_epi8(_mm512_loadu_si512(table), e, _mm512_loadu_si512(table + 64));
    const __m512i high = _mm512_permutex2var_epi8(_mm512_loadu_si512(table + 128), e,
                                                  _mm512_loadu_si512(table + 192));
    _mm512_storeu_si512(contexts + i, _mm512_mask_blend_epi8(_mm512_movepi8_mask(e), low, high));
  }
  return i;
}

MH_TARGET_AVX512 size_t CountAvx512(const uint8_t* contexts, const uint8_t* flags, size_t n,
                                    const ClassLayout& layout, uint32_t* totals) {
  size_t i = 0;
  for (; i + 64 <= n; i += 64) {
    const Range range = RangeOf(layout, flags[i / 64]);
    if (range.end - range.begin == 1) {
      totals[range.begin] += 64;
      continue;
    }
    const __m512i c = _mm512_loadu_si512(contexts + i);
    for (int k = range.begin; k < range.end; k++) {
      const uint64_t mask = _mm512_cmpeq_epi8_mask(c, _mm512_set1_epi8(static_cast<char>(k)));
      totals[k] += static_cast<uint32_t>(__builtin_popcountll(mask));
    }
  }
  return i;
}

MH_TARGET_AVX512 size_t ScatterAvx512(const uint8_t* symbols, const uint8_t* contexts,
                                      const uint8_t* flags, size_t n, const ClassLayout& layout,
                                      uint32_t* cursor, uint8_t* buckets) {
  size_t i = 0;
  for (; i + 64 <= n; i += 64) {
    const uint8_t flag = flags[i / 64];
    if (layout.still && flag != 0) continue;
    const Range range = RangeOf(layout, flag);
    const __m512i c = _mm512_loadu_si512(contexts + i), s = _mm512_loadu_si512(symbols + i);
    for (int k = range.begin; k < range.end; k++) {
      const uint64_t mask = _mm512_cmpeq_epi8_mask(c, _mm512_set1_epi8(static_cast<char>(k)));
      const int count = __builtin_popcountll(mask);
      // Only what belongs here: the next bucket's first symbols may stand there already.
      const uint64_t kept = count == 64 ? ~uint64_t{0} : (uint64_t{1} << count) - 1;
      _mm512_mask_storeu_epi8(buckets + cursor[k], kept, _mm512_maskz_compress_epi8(mask, s));
      cursor[k] += static_cast<uint32_t>(count);
    }
  }
  return i;
}

MH_TARGET_AVX512 size_t GatherAvx512(const uint8_t* buckets, const uint8_t* contexts,
                                     const uint8_t* flags, size_t n, const ClassLayout& layout,
                                     uint32_t* cursor, uint8_t* symbols) {
  size_t i = 0;
  for (; i + 64 <= n; i += 64) {
    const uint8_t flag = flags[i / 64];
    if (layout.still && flag != 0) {
      std::memset(symbols + i, layout.still_symbol, 64);
      continue;
    }
    const Range range = RangeOf(layout, flag);
    if (range.end - range.begin == 1) {
      std::memcpy(symbols + i, buckets + cursor[range.begin], 64);
      cursor[range.begin] += 64;
      continue;
    }
    const __m512i c = _mm512_loadu_si512(contexts + i);
    __m512i s = _mm512_setzero_si512();
    for (int k = range.begin; k < range.end; k++) {
      const uint64_t mask = _mm512_cmpeq_epi8_mask(c, _mm512_set1_epi8(static_cast<char>(k)));
      s = _mm512_or_si512(s,
                          _mm512_maskz_expand_epi8(mask, _mm512_loadu_si512(buckets + cursor[k])));
      cursor[k] += static_cast<uint32_t>(__builtin_popcountll(mask));
    }
    _mm512_storeu_si512(symbols + i, s);
  }
  return i;
}

namespace {

// Bits of 64 symbols below 64, and a mask of those that have some.
MH_TARGET_AVX512 inline uint64_t MaskOfRaw(const uint8_t* symbols, __m512i bits) {
  const __m512i s = _mm512_loadu_si512(symbols);
  const __m512i width = _mm512_permutexvar_epi8(s, bits);
  return _mm512_test_epi8_mask(width, width);
}

}  // namespace

MH_TARGET_AVX512 size_t WriteRawAvx512(const uint16_t* differences, const uint8_t* symbols,
                                       const ClassSymbols& table, size_t n, uint8_t* out) {
  if (table.count > 64) return WriteRaw(differences, symbols, table, n, out);
  const __m512i bits = _mm512_loadu_si512(table.bits);
  const __m512i v0 = _mm512_loadu_si512(table.value), v1 = _mm512_loadu_si512(table.value + 32);
  const __m512i low_word = _mm512_set1_epi32(0xffff);
  const __m512i low_half = _mm512_set1_epi64(0xffffffff);
  RawBitSink sink{out};
  // The fields of 32 elements that have some, four joined to one of up to 64 bits.
  const auto put = [&](__m256i symbol, const uint16_t* from) MH_TARGET_AVX512 {
    const __m512i k = _mm512_cvtepu8_epi16(symbol);
    const __m512i width = _mm512_cvtepu8_epi16(
        _mm512_castsi512_si256(_mm512_permutexvar_epi8(_mm512_castsi256_si512(symbol), bits)));
    const __mmask32 some = _mm512_test_epi16_mask(width, width);
    if (some == 0) return;
    const __m512i d = _mm512_loadu_si512(from);
    const __m512i rest =
        _mm512_sub_epi16(_mm512_abs_epi16(d), _mm512_permutex2var_epi16(v0, k, v1));
    const __m512i field = _mm512_maskz_compress_epi16(
        some, _mm512_or_si512(_mm512_slli_epi16(rest, 1), _mm512_srli_epi16(d, 15)));
    const __m512i widths = _mm512_maskz_compress_epi16(some, width);
    const __m512i w0 = _mm512_and_si512(widths, low_word);
    const __m512i pair = _mm512_or_si512(_mm512_and_si512(field, low_word),
                                         _mm512_sllv_epi32(_mm512_srli_epi32(field, 16), w0));
    const __m512i pair_width = _mm512_add_epi32(w0, _mm512_srli_epi32(widths, 16));
    const __m512i p0 = _mm512_and_si512(pair_width, low_half);
    alignas(64) uint64_t quad[8], quad_width[8];
    _mm512_store_si512(quad, _mm512_or_si512(_mm512_and_si512(pair, low_half),
                                             _mm512_sllv_epi64(_mm512_srli_epi64(pair, 32), p0)));
    _mm512_store_si512(quad_width, _mm512_add_epi64(p0, _mm512_srli_epi64(pair_width, 32)));
    const int quads = (__builtin_popcount(some) + 3) / 4;
    for (int q = 0; q < quads; q++) sink.PutLong(quad[q], static_cast<int>(quad_width[q]));
  };
  size_t i = 0;
  for (; i + 64 <= n; i += 64) {
    const __m512i s = _mm512_loadu_si512(symbols + i);
    put(_mm512_castsi512_si256(s), differences + i);
    put(_mm512_extracti64x4_epi64(s, 1), differences + i + 32);
  }
  for (; i < n; i++) PutRaw(differences[i], symbols[i], table, &sink);
  return sink.Finish(out);
}

MH_TARGET_AVX512 uint64_t ReadRawAvx512(const uint8_t* raw, uint64_t raw_bits,
                                        const uint8_t* symbols, const ClassSymbols& table, size_t n,
                                        uint16_t* differences) {
  if (table.count > 64) return ReadRaw(raw, raw_bits, symbols, table, n, differences);
  const __m512i bits = _mm512_loadu_si512(table.bits);
  const __m512i v0 = _mm512_loadu_si512(table.value), v1 = _mm512_loadu_si512(table.value + 32);
  uint64_t at = 0;
  size_t i = 0;
  for (; i + 64 <= n; i += 64) {
    if (at > raw_bits) return at;
    const __m512i s = _mm512_loadu_si512(symbols + i);
    const __m512i low = _mm512_cvtepu8_epi16(_mm512_castsi512_si256(s));
    const __m512i high = _mm512_cvtepu8_epi16(_mm512_extracti64x4_epi64(s, 1));
    _mm512_storeu_si512(differences + i, _mm512_permutex2var_epi16(v0, low, v1));
    _mm512_storeu_si512(differences + i + 32, _mm512_permutex2var_epi16(v0, high, v1));
    for (uint64_t mask = MaskOfRaw(symbols + i, bits); mask != 0; mask &= mask - 1) {
      const auto e = i + static_cast<size_t>(__builtin_ctzll(mask));
      const unsigned width = table.bits[symbols[e]];
      differences[e] = TakeRaw(raw, at, table.value[symbols[e]], width);
      at += width;
    }
  }
  if (at > raw_bits) return at;
  for (; i < n; i++) {
    const unsigned width = table.bits[symbols[i]];
    differences[i] = TakeRaw(raw, at, table.value[symbols[i]], width);
    at += width;
  }
  return at;
}

}  // namespace mh::classes

#endif  // MH_X86
