#include "mh/codec/lanes/lanes_kernel.h"

#include <cstring>

#include "mh/base/bits.h"
#include "mh/codec/lanes/lanes_rows.h"

namespace mh {
namespace lanes {

const uint8_t* DecodeRowsScalar(const LaneTable& table, States* const* states, int groups,
                                size_t rows, const uint8_t* in, const uint8_t* end,
                                uint8_t* symbols) {
  for (size_t row = 0; row < rows; row++) {
    uint16_t* x = states[row % static_cast<size_t>(groups)]->x;
    for (int lane = 0; lane < kLanes; lane++) {
      const uint32_t entry = table.entry[x[lane] & 255];
      *symbols++ = static_cast<uint8_t>(entry);
      uint32_t next = (entry >> 8 & 255) * (x[lane] >> 8u) + (entry >> 16);
      if (next < 256) {
        if (in == end) return nullptr;
        next = next << 8 | *in++;
      }
      x[lane] = static_cast<uint16_t>(next);
    }
  }
  return in;
}

uint8_t* EncodeRowsScalar(const LaneTable& table, States* const* states, int groups, size_t rows,
                          const uint8_t* symbols, uint8_t* out) {
  for (size_t row = rows; row-- > 0;) {
    uint16_t* states_of_row = states[row % static_cast<size_t>(groups)]->x;
    for (int lane = kLanes; lane-- > 0;) {
      const uint8_t k = symbols[row * kLanes + static_cast<size_t>(lane)];
      const uint32_t freq = table.freq[k];
      uint32_t x = states_of_row[lane];
      // By the sign of the difference: a branch here would be wrong half the time.
      const uint32_t full = ((freq << 8) - 1 - x) >> 31;
      out[-1] = static_cast<uint8_t>(x);  // Kept only if the state is full.
      out -= full;
      x >>= 8 * full;
      // 2^32 / 1 does not fit: reciprocal 2^32 - 1 would give x - 1.
      const auto quotient =
          freq == 1 ? x : static_cast<uint32_t>((uint64_t{x} * table.reciprocal[k]) >> 32);
      states_of_row[lane] =
          static_cast<uint16_t>((quotient << 8) + (x - quotient * freq) + table.cum[k]);
    }
  }
  return out;
}

namespace {

// The states of the groups, that of row `row` first.
struct Turn {
  States* states[kLaneGroupsMax];
  Turn(States* const* all, int groups, size_t row) {
    for (int g = 0; g < groups; g++) {
      states[g] = all[(row + static_cast<size_t>(g)) % static_cast<size_t>(groups)];
    }
  }
};

const uint8_t* DecodeRows(Cpu cpu, const LaneTable& table, States* const* states, int groups,
                          size_t rows, const uint8_t* in, const uint8_t* end, uint8_t* symbols) {
  size_t left = rows;
#ifdef MH_X86
  if (cpu == Cpu::kAvx512) {
    in = DecodeRowsAvx512(table, states, groups, &left, in, end, symbols);
  } else if (cpu == Cpu::kAvx2) {
    in = DecodeRowsAvx2(table, states, groups, &left, in, end, symbols);
  }
#else
  (void)cpu;
#endif
  const size_t done = rows - left;
  const Turn rotated(states, groups, done);
  return DecodeRowsScalar(table, rotated.states, groups, left, in, end, symbols + done * kLanes);
}

uint8_t* EncodeRows(Cpu cpu, const LaneTable& table, States* const* states, int groups, size_t rows,
                    const uint8_t* symbols, uint8_t* out) {
#ifdef MH_X86
  if (cpu == Cpu::kAvx512) return EncodeRowsAvx512(table, states, groups, rows, symbols, out);
  if (cpu == Cpu::kAvx2) return EncodeRowsAvx2(table, states, groups, rows, symbols, out);
#else
  (void)cpu;
#endif
  return EncodeRowsScalar(table, states, groups, rows, symbols, out);
}

}  // namespace
}  // namespace lanes

uint8_t* EncodeLanes(Cpu cpu, std::span<const LaneRun> runs, int groups, const uint8_t* symbols,
                     std::span<const uint8_t> carried, uint8_t* out_end) {
  lanes::States states[kLaneGroupsMax];
  uint16_t start[kLaneGroupsMax * kLanes];
  for (uint16_t& x : start) x = 256;
  CarryBytes<uint16_t>(carried, kLaneCarriedBits, start);
  std::memcpy(states, start, sizeof(states));
  size_t coded = 0, rows = 0;
  for (const LaneRun& run : runs) {
    rows += run.rows;
    if (run.table->count > 1) coded += run.rows;
  }
  lanes::States* all[kLaneGroupsMax];
  for (int g = 0; g < kLaneGroupsMax; g++) all[g] = &states[g];
  uint8_t* out = out_end;
  for (size_t i = runs.size(); i-- > 0;) {
    rows -= runs[i].rows;
    if (runs[i].table->count == 1) continue;
    coded -= runs[i].rows;
    const lanes::Turn turn(all, groups, coded);
    out = lanes::EncodeRows(cpu, *runs[i].table, turn.states, groups, runs[i].rows,
                            symbols + rows * kLanes, out);
  }
  for (int group = groups; group-- > 0;) {
    out -= kLaneStateBytes;
    std::memcpy(out, states[group].x, kLaneStateBytes);
  }
  return out;
}

bool DecodeLanes(Cpu cpu, std::span<const LaneRun> runs, int groups, std::span<const uint8_t> data,
                 uint8_t* symbols, std::span<uint8_t> carried) {
  if (data.size() < kLaneStateBytes * static_cast<size_t>(groups)) return false;
  lanes::States states[kLaneGroupsMax];
  const uint8_t* in = data.data();
  const uint8_t* end = in + data.size();
  for (int group = 0; group < groups; group++, in += kLaneStateBytes) {
    std::memcpy(states[group].x, in, kLaneStateBytes);
  }
  size_t coded = 0;
  lanes::States* all[kLaneGroupsMax];
  for (int g = 0; g < kLaneGroupsMax; g++) all[g] = &states[g];
  for (const LaneRun& run : runs) {
    if (run.table->count == 1) {
      std::memset(symbols, run.table->only, run.rows * kLanes);
    } else {
      const lanes::Turn turn(all, groups, coded);
      in = lanes::DecodeRows(cpu, *run.table, turn.states, groups, run.rows, in, end, symbols);
      if (in == nullptr) return false;
      coded += run.rows;
    }
    symbols += run.rows * kLanes;
  }
  // A state that does not return to where the encoder started shows damage.
  uint16_t last[kLaneGroupsMax * kLanes];
  std::memcpy(last, states, sizeof(last));
  const std::span<const uint16_t> used(last, static_cast<size_t>(groups * kLanes));
  return in == end && TakeCarried<uint16_t>(used, 256, kLaneCarriedBits, carried);
}

}  // namespace mh
