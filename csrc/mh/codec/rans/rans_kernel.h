// The 32-lane coder of bytes with 12-bit frequencies: finer than lanes/, and slower. spec.md.
#ifndef MH_CODEC_RANS_RANS_KERNEL_H_
#define MH_CODEC_RANS_RANS_KERNEL_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "mh/base/cpu.h"

namespace mh {

inline constexpr uint32_t kRansScale = 4096;
inline constexpr int kRansLanes = 32;
inline constexpr int kRansSymbolsMax = 256;
inline constexpr size_t kRansStateBytes = 4 * kRansLanes;
inline constexpr int kRansCarriedBits = 31;  // As kLaneCarriedBits, from a start of 2^16.
inline constexpr size_t kRansCarriedMax = kRansLanes * kRansCarriedBits / 8;

struct RansTable {
  int count = 0;     // Symbols with a frequency. With one, nothing is coded.
  uint8_t only = 0;  // That one.
  uint16_t freq[kRansSymbolsMax];
  uint16_t cum[kRansSymbolsMax];
  alignas(64) uint32_t entry[kRansScale];  // Symbol, frequency << 8, (slot - cum) << 20.
};

// A run of rows of 32 symbols coded with one table.
struct RansRun {
  const RansTable* table;
  size_t rows;
};

// Completes a table whose `freq` are set (zero: does not occur). False if they do not add up.
bool CompleteRansTable(RansTable* table);

inline constexpr size_t RansBytesMax(size_t rows) {
  return rows * 2 * kRansLanes + kRansStateBytes;
}

// As EncodeLanes and DecodeLanes, with rows of 32.
uint8_t* EncodeRans(std::span<const RansRun> runs, const uint8_t* symbols,
                    std::span<const uint8_t> carried, uint8_t* out_end);
bool DecodeRans(Cpu cpu, std::span<const RansRun> runs, std::span<const uint8_t> data,
                uint8_t* symbols, std::span<uint8_t> carried);

}  // namespace mh

#endif  // MH_CODEC_RANS_RANS_KERNEL_H_
