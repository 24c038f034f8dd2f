#include "mh/codec/lanes/lanes_table.h"

#include <algorithm>

namespace mh {

void NormalizeCounts(const uint32_t* counts, int symbols, uint32_t scale, uint16_t* freq) {
  uint64_t total = 0;
  for (int i = 0; i < symbols; i++) total += counts[i];
  int64_t sum = 0;
  // In double precision every machine rounds alike, and faster than 64-bit integers divide.
  const double share_of_one = static_cast<double>(scale) / static_cast<double>(total);
  for (int i = 0; i < symbols; i++) {
    freq[i] = 0;
    if (counts[i] == 0) continue;
    const auto share = static_cast<uint32_t>(counts[i] * share_of_one + 0.5);
    freq[i] = static_cast<uint16_t>(std::max<uint32_t>(share, 1));
    sum += freq[i];
  }
  // What one step more or less costs a symbol is close to its count over its frequency: the
  // derivative of count * log(frequency).
  while (sum != scale) {
    const bool grow = sum < scale;
    int best = -1;
    float best_cost = 0;
    for (int i = 0; i < symbols; i++) {
      if (freq[i] == 0 || (!grow && freq[i] == 1)) continue;
      const float middle = static_cast<float>(freq[i]) + (grow ? 0.5f : -0.5f);
      const float cost = static_cast<float>(counts[i]) / middle;
      if (best < 0 || (grow ? cost > best_cost : cost < best_cost)) {
        best = i;
        best_cost = cost;
      }
    }
    freq[best] = static_cast<uint16_t>(freq[best] + (grow ? 1 : -1));
    sum += grow ? 1 : -1;
  }
}

namespace {

// By frequency: floor(2^16 / f) in 16 bits, and ceil(2^32 / f) in 32.
struct Reciprocals {
  uint16_t rounded[kLaneScale + 1];
  uint32_t exact[kLaneScale + 1];
  float inverse[kLaneScale + 1];
  constexpr Reciprocals() : rounded(), exact(), inverse() {
    for (uint32_t f = 1; f <= kLaneScale; f++) {
      rounded[f] = static_cast<uint16_t>(f == 1 ? 65535 : 65536 / f);
      const uint64_t up = ((uint64_t{1} << 32) + f - 1) / f;
      inverse[f] = 1.0f / static_cast<float>(f);
      exact[f] = up >> 32 != 0 ? ~uint32_t{0} : static_cast<uint32_t>(up);
    }
  }
};
constexpr Reciprocals kReciprocals;

}  // namespace

bool CompleteLaneTable(LaneTable* table) {
  table->count = 0;
  uint32_t sum = 0;
  for (int k = 0; k < kLaneSymbolsMax; k++) {
    const uint32_t freq = table->freq[k];
    if (sum + freq > kLaneScale) return false;
    table->cum[k] = static_cast<uint16_t>(sum);
    table->freq8[k] = static_cast<uint8_t>(freq);
    table->cum8[k] = static_cast<uint8_t>(sum);
    if (freq == 0) continue;
    table->count++;
    table->only = static_cast<uint8_t>(k);
    table->reciprocal_low[k] = static_cast<uint8_t>(kReciprocals.rounded[freq]);
    table->reciprocal_high[k] = static_cast<uint8_t>(kReciprocals.rounded[freq] >> 8);
    table->reciprocal[k] = kReciprocals.exact[freq];
    table->inverse[k] = kReciprocals.inverse[freq];
    table->push[k] = freq | sum << 16;
    for (uint32_t i = 0; i < freq; i++) {
      table->slot[sum + i] = static_cast<uint8_t>(k);
      table->entry[sum + i] = static_cast<uint32_t>(k) | freq << 8 | i << 16;
    }
    sum += freq;
  }
  return sum == kLaneScale;
}

}  // namespace mh
