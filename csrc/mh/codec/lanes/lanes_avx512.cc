#include "mh/codec/lanes/lanes_rows.h"

#ifdef MH_X86

// gcc 12 takes the undefined operands inside its own intrinsics for mistakes.
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif
#include <immintrin.h>

// AVX-512 VBMI2: tables live in registers (vpermb, vpermi2b), the shared stream is spread over the
// lanes that need a byte by vpexpandb. The register form of vpcompressb and a store, for the form
// with a memory target is microcoded on Zen 4.

namespace mh::lanes {
namespace {

struct DecodeTable {
  __m512i slot0, slot1, slot2, slot3, freq, cum;
};

MH_TARGET_AVX512 inline DecodeTable LoadDecodeTable(const LaneTable& table) {
  return {_mm512_load_si512(table.slot),       _mm512_load_si512(table.slot + 64),
          _mm512_load_si512(table.slot + 128), _mm512_load_si512(table.slot + 192),
          _mm512_load_si512(table.freq8),      _mm512_load_si512(table.cum8)};
}

MH_TARGET_AVX512 inline __m512i Widen(__m512i bytes, int half) {
  return _mm512_cvtepu8_epi16(half == 0 ? _mm512_castsi512_si256(bytes)
                                        : _mm512_extracti64x4_epi64(bytes, 1));
}

// The low bytes of 64 words: a's, then b's.
MH_TARGET_AVX512 inline __m512i LowBytes(__m512i a, __m512i b) {
  return _mm512_inserti64x4(_mm512_castsi256_si512(_mm512_cvtepi16_epi8(a)),
                            _mm512_cvtepi16_epi8(b), 1);
}

struct Even {
  alignas(64) uint8_t index[64];
  constexpr Even() : index() {
    for (int i = 0; i < 64; i++) index[i] = static_cast<uint8_t>(2 * i);
  }
};
constexpr Even kEven;

// One row: a holds the states of lanes 0 to 31, b those of 32 to 63.
MH_TARGET_AVX512 inline void DecodeRow(const DecodeTable& table, __m512i even, __m512i* a,
                                       __m512i* b, const uint8_t** in, uint8_t* symbols) {
  const __m512i slot = _mm512_permutex2var_epi8(*a, even, *b);
  const __m512i k = _mm512_mask_blend_epi8(
      _mm512_movepi8_mask(slot), _mm512_permutex2var_epi8(table.slot0, slot, table.slot1),
      _mm512_permutex2var_epi8(table.slot2, slot, table.slot3));
  _mm512_storeu_si512(symbols, k);
  const __m512i freq = _mm512_permutexvar_epi8(k, table.freq);
  const __m512i bias = _mm512_sub_epi8(slot, _mm512_permutexvar_epi8(k, table.cum));
  __m512i x = _mm512_add_epi16(_mm512_mullo_epi16(Widen(freq, 0), _mm512_srli_epi16(*a, 8)),
                               Widen(bias, 0));
  __m512i y = _mm512_add_epi16(_mm512_mullo_epi16(Widen(freq, 1), _mm512_srli_epi16(*b, 8)),
                               Widen(bias, 1));
  const __m512i low = _mm512_set1_epi16(256);
  const __mmask32 mx = _mm512_cmplt_epu16_mask(x, low), my = _mm512_cmplt_epu16_mask(y, low);
  const uint64_t mask = static_cast<uint64_t>(mx) | static_cast<uint64_t>(my) << 32;
  const __m512i bytes = _mm512_maskz_expand_epi8(mask, _mm512_loadu_si512(*in));
  *in += __builtin_popcountll(mask);
  *a = _mm512_or_si512(_mm512_mask_slli_epi16(x, mx, x, 8), Widen(bytes, 0));
  *b = _mm512_or_si512(_mm512_mask_slli_epi16(y, my, y, 8), Widen(bytes, 1));
}

struct EncodeTable {
  __m512i freq, cum, low, high;
};

// x by freq: quotient and remainder of 32 words. rounded-down reciprocals miss by at most one.
MH_TARGET_AVX512 inline __m512i Push(__m512i x, __m512i freq, __m512i cum, __m512i reciprocal) {
  __m512i quotient = _mm512_mulhi_epu16(x, reciprocal);
  __m512i rest = _mm512_sub_epi16(x, _mm512_mullo_epi16(quotient, freq));
  const __mmask32 more = _mm512_cmpge_epu16_mask(rest, freq);
  quotient = _mm512_mask_sub_epi16(quotient, more, quotient, _mm512_set1_epi16(-1));
  rest = _mm512_mask_sub_epi16(rest, more, rest, freq);
  return _mm512_add_epi16(_mm512_slli_epi16(quotient, 8), _mm512_add_epi16(rest, cum));
}

MH_TARGET_AVX512 inline uint8_t* EncodeRow(const EncodeTable& table, __m512i* a, __m512i* b,
                                           const uint8_t* symbols, uint8_t* out) {
  const __m512i k = _mm512_loadu_si512(symbols);
  const __m512i freq = _mm512_permutexvar_epi8(k, table.freq);
  const __m512i cum = _mm512_permutexvar_epi8(k, table.cum);
  const __m512i low = _mm512_permutexvar_epi8(k, table.low);
  const __m512i high = _mm512_permutexvar_epi8(k, table.high);
  const __m512i fa = Widen(freq, 0), fb = Widen(freq, 1);
  const __mmask32 ma = _mm512_cmpge_epu16_mask(*a, _mm512_slli_epi16(fa, 8));
  const __mmask32 mb = _mm512_cmpge_epu16_mask(*b, _mm512_slli_epi16(fb, 8));
  const uint64_t mask = static_cast<uint64_t>(ma) | static_cast<uint64_t>(mb) << 32;
  const __m512i packed = _mm512_maskz_compress_epi8(mask, LowBytes(*a, *b));
  const int emitted = __builtin_popcountll(mask);
  out -= emitted;
  const uint64_t kept = emitted == 64 ? ~uint64_t{0} : (uint64_t{1} << emitted) - 1;
  _mm512_mask_storeu_epi8(out, kept, packed);
  const auto reciprocal = [&](int half) MH_TARGET_AVX512 {
    return _mm512_or_si512(Widen(low, half), _mm512_slli_epi16(Widen(high, half), 8));
  };
  *a = Push(_mm512_mask_srli_epi16(*a, ma, *a, 8), fa, Widen(cum, 0), reciprocal(0));
  *b = Push(_mm512_mask_srli_epi16(*b, mb, *b, 8), fb, Widen(cum, 1), reciprocal(1));
  return out;
}

}  // namespace

MH_TARGET_AVX512 const uint8_t* DecodeRowsAvx512(const LaneTable& table, States* const* states,
                                                 int groups, size_t* rows, const uint8_t* in,
                                                 const uint8_t* end, uint8_t* symbols) {
  const DecodeTable t = LoadDecodeTable(table);
  const __m512i even = _mm512_load_si512(kEven.index);
  size_t left = *rows;
  if (groups == 4 && left >= 4) {
    // Four groups in flight: a row waits for its own group's last row, not for the one before it.
    __m512i a = _mm512_load_si512(states[0]->x), b = _mm512_load_si512(states[0]->x + 32);
    __m512i c = _mm512_load_si512(states[1]->x), d = _mm512_load_si512(states[1]->x + 32);
    __m512i e = _mm512_load_si512(states[2]->x), f = _mm512_load_si512(states[2]->x + 32);
    __m512i g = _mm512_load_si512(states[3]->x), h = _mm512_load_si512(states[3]->x + 32);
    while (left >= 4 && end - in >= 256) {
      DecodeRow(t, even, &a, &b, &in, symbols);
      DecodeRow(t, even, &c, &d, &in, symbols + kLanes);
      DecodeRow(t, even, &e, &f, &in, symbols + 2 * kLanes);
      DecodeRow(t, even, &g, &h, &in, symbols + 3 * kLanes);
      symbols += 4 * kLanes;
      left -= 4;
    }
    _mm512_store_si512(states[0]->x, a);
    _mm512_store_si512(states[0]->x + 32, b);
    _mm512_store_si512(states[1]->x, c);
    _mm512_store_si512(states[1]->x + 32, d);
    _mm512_store_si512(states[2]->x, e);
    _mm512_store_si512(states[2]->x + 32, f);
    _mm512_store_si512(states[3]->x, g);
    _mm512_store_si512(states[3]->x + 32, h);
  }
  if (groups == 1) {
    __m512i a = _mm512_load_si512(states[0]->x), b = _mm512_load_si512(states[0]->x + 32);
    for (; left > 0 && end - in >= 64; left--, symbols += kLanes) {
      DecodeRow(t, even, &a, &b, &in, symbols);
    }
    _mm512_store_si512(states[0]->x, a);
    _mm512_store_si512(states[0]->x + 32, b);
  } else {
    // The last rows of a run, or of the stream.
    for (size_t row = 0; left > 0 && end - in >= 64; row++, left--, symbols += kLanes) {
      States* const state = states[row % 4];
      __m512i a = _mm512_load_si512(state->x), b = _mm512_load_si512(state->x + 32);
      DecodeRow(t, even, &a, &b, &in, symbols);
      _mm512_store_si512(state->x, a);
      _mm512_store_si512(state->x + 32, b);
    }
  }
  *rows = left;
  return in;
}

MH_TARGET_AVX512 uint8_t* EncodeRowsAvx512(const LaneTable& table, States* const* states,
                                           int groups, size_t rows, const uint8_t* symbols,
                                           uint8_t* out) {
  const EncodeTable t = {_mm512_load_si512(table.freq8), _mm512_load_si512(table.cum8),
                         _mm512_load_si512(table.reciprocal_low),
                         _mm512_load_si512(table.reciprocal_high)};
  size_t row = rows;
  if (groups == 4) {
    // The last rows, one at a time, until whole rounds are left.
    while (row % 4 != 0) {
      States* const state = states[(row - 1) % 4];
      __m512i a = _mm512_load_si512(state->x), b = _mm512_load_si512(state->x + 32);
      out = EncodeRow(t, &a, &b, symbols + --row * kLanes, out);
      _mm512_store_si512(state->x, a);
      _mm512_store_si512(state->x + 32, b);
    }
    __m512i a = _mm512_load_si512(states[0]->x), b = _mm512_load_si512(states[0]->x + 32);
    __m512i c = _mm512_load_si512(states[1]->x), d = _mm512_load_si512(states[1]->x + 32);
    __m512i e = _mm512_load_si512(states[2]->x), f = _mm512_load_si512(states[2]->x + 32);
    __m512i g = _mm512_load_si512(states[3]->x), h = _mm512_load_si512(states[3]->x + 32);
    while (row > 0) {
      out = EncodeRow(t, &g, &h, symbols + --row * kLanes, out);
      out = EncodeRow(t, &e, &f, symbols + --row * kLanes, out);
      out = EncodeRow(t, &c, &d, symbols + --row * kLanes, out);
      out = EncodeRow(t, &a, &b, symbols + --row * kLanes, out);
    }
    _mm512_store_si512(states[0]->x, a);
    _mm512_store_si512(states[0]->x + 32, b);
    _mm512_store_si512(states[1]->x, c);
    _mm512_store_si512(states[1]->x + 32, d);
    _mm512_store_si512(states[2]->x, e);
    _mm512_store_si512(states[2]->x + 32, f);
    _mm512_store_si512(states[3]->x, g);
    _mm512_store_si512(states[3]->x + 32, h);
    return out;
  }
  __m512i a = _mm512_load_si512(states[0]->x), b = _mm512_load_si512(states[0]->x + 32);
  while (row > 0) out = EncodeRow(t, &a, &b, symbols + --row * kLanes, out);
  _mm512_store_si512(states[0]->x, a);
  _mm512_store_si512(states[0]->x + 32, b);
  return out;
}

}  // namespace mh::lanes

#endif  // MH_X86
