// The 64-lane entropy coder: rows of 64 symbols to one shared stream of bytes and back. spec.md.
#ifndef MH_CODEC_LANES_LANES_KERNEL_H_
#define MH_CODEC_LANES_LANES_KERNEL_H_

#include <span>

#include "mh/base/cpu.h"
#include "mh/codec/lanes/lanes_table.h"

namespace mh {

inline constexpr int kLanes = 64;
inline constexpr int kLaneGroupsMax = 4;
inline constexpr size_t kLaneStateBytes = 2 * kLanes;  // Of one group.
// A state starts at 256 + a number of 15 bits, which the decoder ends with: so the room that the
// states take is used by `carried` bytes, 120 for each group.
inline constexpr int kLaneCarriedBits = 15;
inline constexpr size_t LaneCarriedMax(int groups) {
  return static_cast<size_t>(groups * kLanes * kLaneCarriedBits) / 8;
}

// A run of rows coded with one table. REQUIRES: CompleteLaneTable(table) succeeded
struct LaneRun {
  const LaneTable* table;
  size_t rows;
};

// The most bytes that `rows` rows take.
inline constexpr size_t LaneBytesMax(size_t rows, int groups) {
  return rows * kLanes + kLaneStateBytes * static_cast<size_t>(groups);
}

// Writes the runs' symbols, `symbols` holding 64 for each row, so that they end at `out_end`;
// returns where they begin. REQUIRES: LaneBytesMax bytes before out_end; symbols below the table's
// count; groups is 1 or 4; at most LaneCarriedMax(groups) bytes carried
uint8_t* EncodeLanes(Cpu cpu, std::span<const LaneRun> runs, int groups, const uint8_t* symbols,
                     std::span<const uint8_t> carried, uint8_t* out_end);

// Fills `symbols`, 64 for each row, and `carried`. False if `data` is not exactly what an encoder
// writes for this number of rows and these tables.
bool DecodeLanes(Cpu cpu, std::span<const LaneRun> runs, int groups, std::span<const uint8_t> data,
                 uint8_t* symbols, std::span<uint8_t> carried);

}  // namespace mh

#endif  // MH_CODEC_LANES_LANES_KERNEL_H_
