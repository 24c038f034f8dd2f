#include "mh/codec/field/field_vector.h"

#ifdef MH_X86

#include <immintrin.h>

#include "mh/base/endian.h"

namespace mh::field {

namespace {

// A table of 64 bytes in four shuffles of 16.
struct Table {
  __m256i part[4];
};
MH_TARGET_AVX2 inline Table LoadTable(const uint8_t* bytes) {
  Table table;
  for (int j = 0; j < 4; j++) {
    table.part[j] = _mm256_broadcastsi128_si256(
        _mm_load_si128(reinterpret_cast<const __m128i*>(bytes + 16 * j)));
  }
  return table;
}
MH_TARGET_AVX2 inline __m256i LookUp(const Table& table, __m256i symbols) {
  // Bits 4 and 5 choose a part; a shuffle gives zero where the top bit of its index is set.
  __m256i result = _mm256_setzero_si256();
  for (int j = 0; j < 4; j++) {
    const __m256i place = _mm256_sub_epi8(symbols, _mm256_set1_epi8(static_cast<char>(16 * j)));
    const __m256i outside = _mm256_cmpgt_epi8(place, _mm256_set1_epi8(15));
    result = _mm256_or_si256(result,
                             _mm256_shuffle_epi8(table.part[j], _mm256_or_si256(place, outside)));
  }
  return result;
}

// 0x80 where a bit is set.
MH_TARGET_AVX2 inline __m256i SignBytes(uint32_t bits) {
  const __m256i spread = _mm256_setr_epi8(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2,
                                          2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3);
  const __m256i bit = _mm256_set1_epi64x(static_cast<int64_t>(0x8040201008040201u));
  const __m256i bytes = _mm256_shuffle_epi8(_mm256_set1_epi32(static_cast<int>(bits)), spread);
  const __m256i set = _mm256_cmpeq_epi8(_mm256_and_si256(bytes, bit), bit);
  return _mm256_and_si256(set, _mm256_set1_epi8(INT8_MIN));
}

// The leading halves of 16 elements.
MH_TARGET_AVX2 inline __m256i Leading(const uint8_t* p, size_t stride) {
  const auto load = [&](const uint8_t* q) MH_TARGET_AVX2 {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(q));
  };
  if (stride == 2) return load(p);
  // p points at the leading half of the first element, two bytes into it.
  const __m256i a = _mm256_srli_epi32(load(p - 2), 16), b = _mm256_srli_epi32(load(p + 30), 16);
  return _mm256_permute4x64_epi64(_mm256_packus_epi32(a, b), 0xd8);
}

// The low bytes of 32 words, of which none has others.
MH_TARGET_AVX2 inline __m256i Pack(__m256i a, __m256i b) {
  return _mm256_permute4x64_epi64(_mm256_packus_epi16(a, b), 0xd8);
}

}  // namespace

MH_TARGET_AVX2 size_t SplitAvx2(const uint8_t* elements, size_t stride, size_t n,
                                const FieldMap& map, const FieldParts& parts, size_t* escapes) {
  const __m128i below = _mm_cvtsi32_si128(map.shape.below);
  const __m256i magnitude = _mm256_set1_epi16(0x7fff), last = _mm256_set1_epi16(255);
  const __m256i rest = _mm256_set1_epi16(static_cast<int16_t>((1 << map.shape.below) - 1));
  const __m256i first = _mm256_set1_epi16(static_cast<int16_t>(map.first));
  const bool sign_in = map.shape.sign_in;
  const auto value_of = [&](__m256i x) MH_TARGET_AVX2 {
    const __m256i value = _mm256_srl_epi16(_mm256_and_si256(x, magnitude), below);
    if (!sign_in) return value;
    return _mm256_or_si256(_mm256_slli_epi16(value, 1), _mm256_srli_epi16(x, 15));
  };
  size_t i = 0, at = *escapes;
  for (; i + 64 <= n; i += 64) {
    for (size_t j = i; j < i + 64; j += 32) {
      const __m256i a = Leading(elements + j * stride, stride);
      const __m256i b = Leading(elements + (j + 16) * stride, stride);
      alignas(32) uint16_t value[32];
      alignas(32) uint8_t place[32];
      const __m256i va = value_of(a), vb = value_of(b);
      _mm256_store_si256(reinterpret_cast<__m256i*>(value), va);
      _mm256_store_si256(reinterpret_cast<__m256i*>(value + 16), vb);
      // Below the window wraps to large numbers: both sides end at 255, which is an escape.
      _mm256_store_si256(reinterpret_cast<__m256i*>(place),
                         Pack(_mm256_min_epu16(_mm256_sub_epi16(va, first), last),
                              _mm256_min_epu16(_mm256_sub_epi16(vb, first), last)));
      uint8_t* const symbols = parts.symbols + j;
      for (size_t k = 0; k < 32; k++) symbols[k] = map.symbol[place[k]];
      const __m256i none =
          _mm256_cmpeq_epi8(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(symbols)),
                            _mm256_set1_epi8(static_cast<char>(kFieldEscape)));
      for (auto escaped = static_cast<uint32_t>(_mm256_movemask_epi8(none)); escaped != 0;
           escaped &= escaped - 1) {
        const int k = __builtin_ctz(escaped);
        symbols[k] = map.escape;
        parts.escapes[at++] = value[k];
      }
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(parts.rest + j),
                          Pack(_mm256_and_si256(a, rest), _mm256_and_si256(b, rest)));
      if (sign_in) continue;
      const __m256i signs = Pack(_mm256_srli_epi16(a, 15), _mm256_srli_epi16(b, 15));
      Store(parts.signs + j / 8,
            static_cast<uint32_t>(_mm256_movemask_epi8(_mm256_slli_epi16(signs, 7))));
    }
  }
  *escapes = at;
  return i;
}

MH_TARGET_AVX2 size_t MergeAvx2(const FieldTables& tables, const FieldSource& source, size_t n,
                                size_t* escapes, uint16_t* leading) {
  const Table low_table = LoadTable(tables.low), high_table = LoadTable(tables.high);
  const __m256i last = _mm256_set1_epi8(static_cast<char>(tables.escape - 1));
  size_t i = 0, at = *escapes;
  for (; i + 64 <= n; i += 64) {
    for (size_t j = i; j < i + 64; j += 32) {
      const auto load = [&](const uint8_t* p) MH_TARGET_AVX2 {
        return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p + j));
      };
      const __m256i symbols = load(source.symbols);
      const __m256i low = _mm256_or_si256(LookUp(low_table, symbols), load(source.rest));
      __m256i high = LookUp(high_table, symbols);
      if (!tables.shape.sign_in) {
        high = _mm256_or_si256(high, SignBytes(Load<uint32_t>(source.signs + j / 8)));
      }
      const __m256i a = _mm256_unpacklo_epi8(low, high), b = _mm256_unpackhi_epi8(low, high);
      auto* const to = reinterpret_cast<__m256i*>(leading + j);
      _mm256_storeu_si256(to, _mm256_permute2x128_si256(a, b, 0x20));
      _mm256_storeu_si256(to + 1, _mm256_permute2x128_si256(a, b, 0x31));
      const __m256i kept = _mm256_cmpeq_epi8(_mm256_min_epu8(symbols, last), symbols);
      for (auto escaped = ~static_cast<uint32_t>(_mm256_movemask_epi8(kept)); escaped != 0;
           escaped &= escaped - 1) {
        const size_t k = j + static_cast<size_t>(__builtin_ctz(escaped));
        // The table had only zeros for it.
        leading[k] =
            static_cast<uint16_t>(leading[k] | source.escape_low[at] | source.escape_high[at] << 8);
        at++;
      }
    }
  }
  *escapes = at;
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
