#include "mh/codec/lanes/lanes_table.h"

#include <algorithm>

namespace mh {

void NormalizeCounts(const uint32_t* counts, int symbols, uint32_t scale, uint16_t* freq) {
  uint64_t total = 0;
  for (int i = 0; i < symbols; i++) total += counts[i];
  int64_t sum = 0;
  for (int i = 0; i < symbols; i++) {
    const uint64_t share = (uint64_t{counts[i]} * scale + total / 2) / total;
    freq[i] = counts[i] == 0 ? uint16_t{0} : static_cast<uint16_t>(std::max<uint64_t>(share, 1));
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
    const uint32_t rounded = freq == 1 ? 65535 : 65536 / freq;
    table->reciprocal_low[k] = static_cast<uint8_t>(rounded);
    table->reciprocal_high[k] = static_cast<uint8_t>(rounded >> 8);
    table->reciprocal[k] =
        static_cast<uint32_t>(std::min<uint64_t>(((uint64_t{1} << 32) + freq - 1) / freq, ~0u));
    for (uint32_t i = 0; i < freq; i++) {
      table->slot[sum + i] = static_cast<uint8_t>(k);
      table->entry[sum + i] = static_cast<uint32_t>(k) | freq << 8 | i << 16;
    }
    sum += freq;
  }
  return sum == kLaneScale;
}

}  // namespace mh
