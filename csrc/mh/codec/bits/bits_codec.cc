#include "mh/codec/bits/bits_codec.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "mh/base/bits.h"
#include "mh/base/endian.h"
#include "mh/codec/bits/bits_kernel.h"

namespace mh {
namespace {

uint8_t OrOf(const uint8_t* p, size_t n) {
  uint64_t all = 0;
  size_t i = 0;
  for (; i + 8 <= n; i += 8) all |= Load<uint64_t>(p + i);
  for (; i < n; i++) all |= p[i];
  all |= all >> 32;
  all |= all >> 16;
  all |= all >> 8;
  return static_cast<uint8_t>(all);
}

// A run of groups that drop the same number of trailing zero bits.
struct Run {
  size_t begin, count;  // In bytes of the plane.
  int shift;
};

// Trailing zero bits of a group, at most the cell's width.
int ShiftOf(uint8_t all, int width) { return all == 0 ? width : std::countr_zero(all); }

}  // namespace

size_t EncodeBits(Cpu cpu, Bytes data, std::span<uint8_t> out, uint8_t* width) {
  uint8_t all = 0;
  const size_t n = data.size(), groups = (n + kBitsGroup - 1) / kBitsGroup;
  uint8_t ors[1 << 14];  // A cell has at most 2^20 elements.
  for (size_t g = 0; g < groups; g++) {
    const size_t begin = g * kBitsGroup;
    ors[g] = OrOf(data.data() + begin, std::min(kBitsGroup, n - begin));
    all |= ors[g];
  }
  const int bits = std::bit_width(all);
  *width = static_cast<uint8_t>(bits);
  size_t packed = 0, run_bits = 0;
  for (size_t g = 0; g < groups;) {
    const int shift = ShiftOf(ors[g], bits);
    size_t end = g + 1;
    while (end < groups && ShiftOf(ors[end], bits) == shift) end++;
    packed += PackedBytes(std::min(end * kBitsGroup, n) - g * kBitsGroup, bits - shift);
    run_bits += 4 + 2 * static_cast<size_t>(std::bit_width(end - g));
    g = end;
  }
  if ((run_bits + 7) / 8 + packed + 8 > out.size()) return 0;
  BitWriter writer(out.data());
  for (size_t g = 0; g < groups;) {
    const int shift = ShiftOf(ors[g], bits);
    size_t end = g + 1;
    while (end < groups && ShiftOf(ors[end], bits) == shift) end++;
    writer.PutGamma(static_cast<uint32_t>(end - g));
    writer.Put(static_cast<uint64_t>(shift), 4);
    g = end;
  }
  uint8_t* to = out.data() + writer.Finish();
  for (size_t g = 0; g < groups;) {
    const int shift = ShiftOf(ors[g], bits);
    size_t end = g + 1;
    while (end < groups && ShiftOf(ors[end], bits) == shift) end++;
    const size_t count = std::min(end * kBitsGroup, n) - g * kBitsGroup;
    if (shift < bits) PackBits(cpu, data.data() + g * kBitsGroup, count, bits - shift, shift, to);
    to += PackedBytes(count, bits - shift);
    g = end;
  }
  return static_cast<size_t>(to - out.data());
}

bool DecodeBits(Cpu cpu, uint8_t width, Bytes payload, std::span<uint8_t> out) {
  if (width < 1 || width > 8) return false;
  const size_t n = out.size(), groups = (n + kBitsGroup - 1) / kBitsGroup;
  Run runs[1 << 14];
  size_t run_count = 0, packed = 0;
  BitReader reader(payload);
  for (size_t g = 0; g < groups;) {
    const size_t count = reader.GetGamma();
    const auto shift = static_cast<int>(reader.Get(4));
    if (!reader.ok() || count > groups - g || shift > width) return false;
    const size_t begin = g * kBitsGroup;
    runs[run_count++] = {begin, std::min((g + count) * kBitsGroup, n) - begin, shift};
    packed += PackedBytes(runs[run_count - 1].count, width - shift);
    g += count;
  }
  if (payload.size() - reader.used() != packed) return false;
  const uint8_t* from = payload.data() + reader.used();
  for (size_t r = 0; r < run_count; r++) {
    const Run& run = runs[r];
    uint8_t* const to = out.data() + run.begin;
    if (run.shift == width) {
      std::memset(to, 0, run.count);
      continue;
    }
    UnpackBits(cpu, from, run.count, width - run.shift, run.shift, to);
    from += PackedBytes(run.count, width - run.shift);
  }
  return true;
}

Bytes PlainBits(uint8_t width, Bytes payload, size_t n) {
  if (width < 1 || width > 8) return {};
  BitReader reader(payload);
  const size_t count = reader.GetGamma(), shift = reader.Get(4);
  if (!reader.ok() || count != (n + kBitsGroup - 1) / kBitsGroup || shift != 0) return {};
  const Bytes packed = payload.subspan(reader.used());
  return packed.size() == PackedBytes(n, width) ? packed : Bytes();
}

}  // namespace mh
