#include "mh/codec/rans/rans_kernel.h"

#include <cstring>

#include "mh/base/bits.h"
#include "mh/base/endian.h"

#ifdef MH_X86
// gcc 12 takes the undefined operands inside its own intrinsics for mistakes.
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif
#include <immintrin.h>
#endif

namespace mh {

bool CompleteRansTable(RansTable* table) {
  uint32_t sum = 0;
  table->count = 0;
  for (int symbol = 0; symbol < kRansSymbolsMax; symbol++) {
    const uint32_t freq = table->freq[symbol];
    if (sum + freq > kRansScale) return false;
    table->cum[symbol] = static_cast<uint16_t>(sum);
    if (freq == 0) continue;
    table->count++;
    table->only = static_cast<uint8_t>(symbol);
    // A frequency of the whole scale overflows its field, but then nothing is coded.
    for (uint32_t i = 0; i < freq; i++) {
      table->entry[sum + i] = static_cast<uint32_t>(symbol) | (freq & 4095) << 8 | i << 20;
    }
    sum += freq;
  }
  return sum == kRansScale;
}

namespace {

constexpr uint32_t kLow = 1u << 16;  // States stay at or above this, and below 2^32.

const uint8_t* DecodeRowsScalar(const RansTable& table, uint32_t* x, size_t rows, const uint8_t* in,
                                const uint8_t* end, uint8_t* symbols) {
  for (size_t row = 0; row < rows; row++) {
    for (int lane = 0; lane < kRansLanes; lane++) {
      const uint32_t entry = table.entry[x[lane] & (kRansScale - 1)];
      *symbols++ = static_cast<uint8_t>(entry);
      uint32_t next = (entry >> 8 & 4095) * (x[lane] >> 12) + (entry >> 20);
      if (next < kLow) {
        if (end - in < 2) return nullptr;
        next = next << 16 | Load<uint16_t>(in);
        in += 2;
      }
      x[lane] = next;
    }
  }
  return in;
}

#ifdef MH_X86

struct Spread {
  alignas(64) uint32_t index[256][8];
  constexpr Spread() : index() {
    for (int mask = 0; mask < 256; mask++) {
      uint32_t next = 0;
      for (int lane = 0; lane < 8; lane++) {
        index[mask][lane] = (mask >> lane & 1) != 0 ? next++ : 0;
      }
    }
  }
};
constexpr Spread kSpread;

MH_TARGET_AVX2 inline __m256i DecodeEight(const RansTable& table, __m256i* x, const uint8_t** in) {
  const __m256i low12 = _mm256_set1_epi32(4095);
  const __m256i entry = _mm256_i32gather_epi32(reinterpret_cast<const int*>(table.entry),
                                               _mm256_and_si256(*x, low12), 4);
  const __m256i freq = _mm256_and_si256(_mm256_srli_epi32(entry, 8), low12);
  __m256i next = _mm256_add_epi32(_mm256_mullo_epi32(freq, _mm256_srli_epi32(*x, 12)),
                                  _mm256_srli_epi32(entry, 20));
  const __m256i hungry = _mm256_cmpeq_epi32(_mm256_srli_epi32(next, 16), _mm256_setzero_si256());
  const int mask = _mm256_movemask_ps(_mm256_castsi256_ps(hungry));
  const __m256i words = _mm256_permutevar8x32_epi32(
      _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(*in))),
      _mm256_load_si256(reinterpret_cast<const __m256i*>(kSpread.index[mask])));
  *in += 2 * __builtin_popcount(static_cast<unsigned>(mask));
  *x = _mm256_blendv_epi8(next, _mm256_or_si256(_mm256_slli_epi32(next, 16), words), hungry);
  return _mm256_and_si256(entry, _mm256_set1_epi32(255));
}

MH_TARGET_AVX2 const uint8_t* DecodeRowsAvx2(const RansTable& table, uint32_t* states, size_t* rows,
                                             const uint8_t* in, const uint8_t* end,
                                             uint8_t* symbols) {
  auto* x = reinterpret_cast<__m256i*>(states);
  __m256i x0 = _mm256_loadu_si256(x), x1 = _mm256_loadu_si256(x + 1);
  __m256i x2 = _mm256_loadu_si256(x + 2), x3 = _mm256_loadu_si256(x + 3);
  const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
  size_t left = *rows;
  while (left > 0 && end - in >= 2 * kRansLanes + 16) {
    const __m256i k0 = DecodeEight(table, &x0, &in), k1 = DecodeEight(table, &x1, &in);
    const __m256i k2 = DecodeEight(table, &x2, &in), k3 = DecodeEight(table, &x3, &in);
    const __m256i bytes =
        _mm256_packus_epi16(_mm256_packus_epi32(k0, k1), _mm256_packus_epi32(k2, k3));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(symbols),
                        _mm256_permutevar8x32_epi32(bytes, order));
    symbols += kRansLanes;
    left--;
  }
  _mm256_storeu_si256(x, x0);
  _mm256_storeu_si256(x + 1, x1);
  _mm256_storeu_si256(x + 2, x2);
  _mm256_storeu_si256(x + 3, x3);
  *rows = left;
  return in;
}

#endif  // MH_X86

// What the encoder needs of a symbol. The quotient of x < 2^32 by a frequency below 4096 is
// (x * reciprocal) >> 44 for reciprocal = ceil(2^44 / frequency): the error x * e / (freq * 2^44)
// with e < freq stays below 2^32 / 2^44, less than the 1 / freq that could move it.
struct Push {
  uint64_t reciprocal;
  uint32_t freq, cum;
};

}  // namespace

uint8_t* EncodeRans(std::span<const RansRun> runs, const uint8_t* symbols,
                    std::span<const uint8_t> carried, uint8_t* out_end) {
  uint32_t x[kRansLanes];
  for (uint32_t& state : x) state = kLow;
  CarryBytes<uint32_t>(carried, kRansCarriedBits, x);
  size_t rows = 0;
  for (const RansRun& run : runs) rows += run.rows;
  uint8_t* out = out_end;
  for (size_t i = runs.size(); i-- > 0;) {
    rows -= runs[i].rows;
    const RansTable& table = *runs[i].table;
    if (table.count == 1) continue;
    Push push[kRansSymbolsMax];
    for (int s = 0; s < kRansSymbolsMax; s++) {
      const uint32_t freq = table.freq[s];
      const uint64_t reciprocal = freq == 0 ? 0 : ((uint64_t{1} << 44) + freq - 1) / freq;
      push[s] = {reciprocal, freq, table.cum[s]};
    }
    for (size_t row = runs[i].rows; row-- > 0;) {
      const uint8_t* from = symbols + (rows + row) * kRansLanes;
      for (int lane = kRansLanes; lane-- > 0;) {
        const Push& p = push[from[lane]];
        uint32_t state = x[lane];
        // By the sign of the difference: a branch here would be wrong half the time.
        const auto full = static_cast<uint32_t>(((uint64_t{p.freq} << 20) - 1 - state) >> 63);
        Store(out - 2, static_cast<uint16_t>(state));  // Kept only if the state is full.
        out -= 2 * full;
        state >>= 16 * full;
        const auto quotient =
            static_cast<uint32_t>(static_cast<unsigned __int128>(state) * p.reciprocal >> 44);
        x[lane] = (quotient << 12) + (state - quotient * p.freq) + p.cum;
      }
    }
  }
  out -= kRansStateBytes;
  std::memcpy(out, x, kRansStateBytes);
  return out;
}

bool DecodeRans(Cpu cpu, std::span<const RansRun> runs, std::span<const uint8_t> data,
                uint8_t* symbols, std::span<uint8_t> carried) {
  if (data.size() < kRansStateBytes) return false;
  alignas(32) uint32_t x[kRansLanes];
  std::memcpy(x, data.data(), kRansStateBytes);
  // No encoder leaves a state below its lowest, and from there a row would not lead back to it.
  bool low = false;
  for (const uint32_t state : x) low |= state < kLow;
  if (low) return false;
  const uint8_t* in = data.data() + kRansStateBytes;
  const uint8_t* end = data.data() + data.size();
  for (const RansRun& run : runs) {
    size_t left = run.rows;
    if (run.table->count == 1) {
      std::memset(symbols, run.table->only, run.rows * kRansLanes);
    } else {
#ifdef MH_X86
      if (cpu >= Cpu::kAvx2) in = DecodeRowsAvx2(*run.table, x, &left, in, end, symbols);
#else
      (void)cpu;
#endif
      in = DecodeRowsScalar(*run.table, x, left, in, end, symbols + (run.rows - left) * kRansLanes);
      if (in == nullptr) return false;
    }
    symbols += run.rows * kRansLanes;
  }
  return in == end && TakeCarried<uint32_t>(x, kLow, kRansCarriedBits, carried);
}

}  // namespace mh
