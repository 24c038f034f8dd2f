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
        if (in >= end) return nullptr;
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

// The stream as far as it is not read. Vector code reads whole rows ahead: near the end the rest
// moves to memory that goes on, so that the last rows need no slower code. (Of a stream that hardly
// takes bits the last bytes are thousands of rows.)
class Stream {
 public:
  Stream(const uint8_t* in, const uint8_t* end) : in_(in), end_(end), limit_(end) {}

  // False if the stream ends early.
  bool Decode(Cpu cpu, const LaneTable& table, States* const* states, int groups, size_t rows,
              uint8_t* symbols) {
    size_t left = rows;
    if (cpu != Cpu::kScalar) {
      symbols = Vector(cpu, table, states, groups, &left, symbols);
      if (left > 0 && limit_ == end_) {
        MoveRest();
        const Turn rotated(states, groups, rows - left);
        symbols = Vector(cpu, table, rotated.states, groups, &left, symbols);
      }
      if (in_ > end_) return false;
    }
    const Turn rotated(states, groups, rows - left);
    in_ = DecodeRowsScalar(table, rotated.states, groups, left, in_, end_, symbols);
    return in_ != nullptr;
  }
  bool at_end() const { return in_ == end_; }

 private:
  static constexpr size_t kRest = 512;  // More than the vector code leaves, which is below 256.

  uint8_t* Vector(Cpu cpu, const LaneTable& table, States* const* states, int groups, size_t* left,
                  uint8_t* symbols) {
    const size_t before = *left;
#ifdef MH_X86
    in_ = cpu == Cpu::kAvx512 ? DecodeRowsAvx512(table, states, groups, left, in_, limit_, symbols)
                              : DecodeRowsAvx2(table, states, groups, left, in_, limit_, symbols);
#else
    (void)cpu, (void)table, (void)states, (void)groups;
#endif
    return symbols + (before - *left) * kLanes;
  }

  void MoveRest() {
    const auto size = static_cast<size_t>(end_ - in_);
    if (size > kRest) return;
    std::memset(rest_, 0, sizeof(rest_));
    std::memcpy(rest_, in_, size);
    in_ = rest_;
    end_ = rest_ + size;
    limit_ = rest_ + sizeof(rest_);
  }

  const uint8_t* in_;
  const uint8_t* end_;
  const uint8_t* limit_;  // Up to here there is memory to read.
  uint8_t rest_[2 * kRest];
};

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
  for (int group = 0; group < groups; group++, in += kLaneStateBytes) {
    std::memcpy(states[group].x, in, kLaneStateBytes);
    // No encoder leaves a state below 256, and from there a row would not lead back to it.
    bool low = false;
    for (const uint16_t x : states[group].x) low |= x < 256;
    if (low) return false;
  }
  lanes::Stream stream(in, data.data() + data.size());
  size_t coded = 0;
  lanes::States* all[kLaneGroupsMax];
  for (int g = 0; g < kLaneGroupsMax; g++) all[g] = &states[g];
  for (const LaneRun& run : runs) {
    if (run.table->count == 1) {
      std::memset(symbols, run.table->only, run.rows * kLanes);
    } else {
      const lanes::Turn turn(all, groups, coded);
      if (!stream.Decode(cpu, *run.table, turn.states, groups, run.rows, symbols)) return false;
      coded += run.rows;
    }
    symbols += run.rows * kLanes;
  }
  // A state that does not return to where the encoder started shows damage.
  uint16_t last[kLaneGroupsMax * kLanes];
  std::memcpy(last, states, sizeof(last));
  const std::span<const uint16_t> used(last, static_cast<size_t>(groups * kLanes));
  return stream.at_end() && TakeCarried<uint16_t>(used, 256, kLaneCarriedBits, carried);
}

}  // namespace mh
