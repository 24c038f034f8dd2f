#include <algorithm>
#include <cstring>

#include "mh/base/endian.h"
#include "mh/codec/field/field_format.h"

namespace mh {
namespace field {
namespace {

constexpr int kRaisedMax = 254;  // One more would not fit a mark's byte.

}  // namespace

size_t RaiseGroups(const uint8_t* elements, size_t stride, size_t n, uint8_t* groups,
                   uint16_t* compact) {
  int largest = 0;
  for (size_t g = 0; g < GroupsOf(n); g++) {
    const size_t end = std::min((g + 1) * kGroup, n);
    uint32_t any = 0, most = 0;
    for (size_t i = g * kGroup; i < end; i++) {
      const uint32_t x = Load<uint16_t>(elements + i * stride);
      any |= x;
      most = std::max(most, x & 0x7fff);
    }
    // The exponent for now, and whether there is anything.
    compact[g] = static_cast<uint16_t>(any == 0 ? 0 : (most >> kFieldExponentShift) + 1);
    largest = std::max<int>(largest, compact[g]);
  }
  for (size_t g = 0; g < GroupsOf(n); g++) {
    groups[g] =
        static_cast<uint8_t>(compact[g] == 0 ? 0 : std::min(largest - compact[g], kRaisedMax) + 1);
  }
  size_t count = 0;
  for (size_t g = 0; g < GroupsOf(n); g++) {
    if (groups[g] == 0) continue;
    const size_t end = std::min((g + 1) * kGroup, n);
    const uint32_t raise = static_cast<uint32_t>(groups[g] - 1) << kFieldExponentShift;
    for (size_t i = g * kGroup; i < end; i++) {
      const uint32_t x = Load<uint16_t>(elements + i * stride);
      compact[count++] = static_cast<uint16_t>((x & 0x8000) | ((x + raise) & 0x7fff));
    }
  }
  return count;
}

void SpreadGroups(const uint8_t* groups, const uint8_t* compact, size_t n, uint8_t* all) {
  for (size_t g = 0; g < GroupsOf(n); g++) {
    const size_t begin = g * kGroup, count = std::min(kGroup, n - begin);
    if (groups[g] == 0) {
      std::memset(all + begin, 0, count);
    } else {
      std::memcpy(all + begin, compact, count);
      compact += count;
    }
  }
}

void CompactGroups(const uint8_t* groups, const uint8_t* all, size_t n, uint8_t* compact) {
  for (size_t g = 0; g < GroupsOf(n); g++) {
    const size_t begin = g * kGroup, count = std::min(kGroup, n - begin);
    if (groups[g] == 0) continue;
    std::memcpy(compact, all + begin, count);
    compact += count;
  }
}

void LowerGroups(const uint8_t* groups, const uint16_t* compact, size_t n, uint16_t* leading) {
  for (size_t g = 0; g < GroupsOf(n); g++) {
    const size_t begin = g * kGroup, count = std::min(kGroup, n - begin);
    if (groups[g] == 0) {
      std::memset(leading + begin, 0, 2 * count);
      continue;
    }
    const uint32_t raise = static_cast<uint32_t>(groups[g] - 1) << kFieldExponentShift;
    for (size_t i = 0; i < count; i++) {
      const uint32_t x = compact[i];
      leading[begin + i] = static_cast<uint16_t>((x & 0x8000) | ((x - raise) & 0x7fff));
    }
    compact += count;
  }
}

}  // namespace field

bool FieldScratch::Reserve(size_t elements) {
  return symbols.Reserve(elements + 128) && escapes.Reserve(2 * (elements + 64)) &&
         stream.Reserve(2 * elements + 1024) && apart.Reserve(3 * elements + 64) &&
         compact.Reserve(2 * elements + 128) && rest.Reserve(elements + 64) &&
         groups.Reserve(2 * field::GroupsOf(elements) + 64) &&
         rans.Reserve(field::GroupsOf(elements));
}

}  // namespace mh
