// Frequency tables of the entropy coders: normalised counts, and their form in a payload.
#ifndef MH_CODEC_LANES_LANES_TABLE_H_
#define MH_CODEC_LANES_LANES_TABLE_H_

#include <cstddef>
#include <cstdint>

#include "mh/base/bits.h"

namespace mh {

inline constexpr int kLaneScale = 256;      // Frequencies of a table add up to this.
inline constexpr int kLaneSymbolsMax = 64;  // As many as one register of bytes looks up.

// What the lane kernels need to know of one table; see spec.md.
struct LaneTable {
  int count = 0;     // Symbols with a frequency. With one, nothing is coded.
  uint8_t only = 0;  // That one.
  uint16_t freq[kLaneSymbolsMax] = {};
  uint16_t cum[kLaneSymbolsMax] = {};
  alignas(64) uint8_t slot[kLaneScale];  // Symbol of each slot.
  alignas(64) uint8_t freq8[kLaneSymbolsMax];
  alignas(64) uint8_t cum8[kLaneSymbolsMax];
  alignas(64) uint8_t reciprocal_low[kLaneSymbolsMax];
  alignas(64) uint8_t reciprocal_high[kLaneSymbolsMax];
  alignas(64) uint32_t entry[kLaneScale];  // Symbol, frequency << 8, (slot - cum) << 16.
  uint32_t reciprocal[kLaneSymbolsMax];    // ceil(2^32 / freq), for the scalar encoder.
  // For the AVX2 encoder: frequency and cum << 16, and 1 / frequency.
  uint32_t push[kLaneSymbolsMax];
  float inverse[kLaneSymbolsMax];
};

// Scales counts, of which at least one is not zero, to frequencies that add up to `scale`; what
// occurs gets at least 1. REQUIRES: no more non-zero counts than `scale`; scale <= 65535
void NormalizeCounts(const uint32_t* counts, int symbols, uint32_t scale, uint16_t* freq);

// Completes a table whose `freq` are set (zero: does not occur). False if they do not add up to the
// scale.
bool CompleteLaneTable(LaneTable* table);

}  // namespace mh

#endif  // MH_CODEC_LANES_LANES_TABLE_H_
