#include "mh/codec/palette/palette_codec.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "mh/base/endian.h"
#include "mh/codec/bits/bits_kernel.h"

namespace mh {
namespace {

constexpr uint8_t kPacked = 0, kRans = 1;
constexpr size_t kFixedBytes = 2;  // Number of values less one, how the indexes are coded.

uint64_t ElementAt(const uint8_t* elements, size_t i, int width) {
  if (width == 2) return Load<uint16_t>(elements + 2 * i);
  if (width == 4) return Load<uint32_t>(elements + 4 * i);
  return Load<uint64_t>(elements + 8 * i);
}

template <typename U>
void LookUp(const uint8_t* values, const uint8_t* indexes, size_t n, uint8_t* elements) {
  U table[256];
  std::memcpy(table, values, sizeof(table));
  for (size_t i = 0; i < n; i++) Store(elements + i * sizeof(U), table[indexes[i]]);
}

// Open addressing; twice as many places as values, so that probes are short.
class Places {
 public:
  // The number of `value`, a new one if need be; -1 if there are 256 others.
  int Find(uint64_t value) {
    size_t at = static_cast<size_t>((value * 0x9e3779b97f4a7c15u) >> 55);
    for (;; at = (at + 1) % kPlaces) {
      if (number_[at] == 0) {
        if (count_ == 256) return -1;
        value_[at] = value;
        ordered_[count_++] = value;
        number_[at] = static_cast<uint16_t>(count_);
        return count_ - 1;
      }
      if (value_[at] == value) return number_[at] - 1;
    }
  }
  int count() const { return count_; }
  uint64_t ordered(int i) const { return ordered_[i]; }

 private:
  static constexpr size_t kPlaces = 512;
  uint64_t value_[kPlaces];
  uint64_t ordered_[256];
  uint16_t number_[kPlaces] = {};
  int count_ = 0;
};

}  // namespace

bool LooksLikePalette(const uint8_t* elements, size_t n, int width) {
  constexpr size_t kSamples = 512;
  if (width == 1 || n < kSamples) return false;
  uint64_t sample[kSamples];
  // A step that is odd visits every column of a matrix.
  const size_t step = (n / kSamples) | 1;
  for (size_t i = 0; i < kSamples; i++) sample[i] = ElementAt(elements, i * step % n, width);
  std::sort(sample, sample + kSamples);
  return std::unique(sample, sample + kSamples) - sample <= 256;
}

size_t EncodePalette(Cpu cpu, RansScratch* scratch, const uint8_t* elements, size_t n, int width,
                     uint8_t* indexes, std::span<uint8_t> out) {
  Places places;
  uint64_t last = 0;
  int number = -1;
  for (size_t i = 0; i < n; i++) {
    const uint64_t value = ElementAt(elements, i, width);
    if (number < 0 || value != last) number = places.Find(value);
    if (number < 0) return 0;
    last = value;
    indexes[i] = static_cast<uint8_t>(number);
  }
  const auto count = static_cast<size_t>(places.count());
  const size_t values_bytes = count * static_cast<size_t>(width);
  const size_t head = kFixedBytes + values_bytes;
  if (head > out.size()) return 0;
  out[0] = static_cast<uint8_t>(count - 1);
  for (size_t i = 0; i < count; i++) {
    const uint64_t value = places.ordered(static_cast<int>(i));
    std::memcpy(out.data() + kFixedBytes + i * static_cast<size_t>(width), &value,
                static_cast<size_t>(width));
  }
  const int bits = std::bit_width(count - 1);
  const size_t packed = bits == 0 ? 0 : PackedBytes(n, bits);
  const std::span<uint8_t> room = out.subspan(head);
  const size_t coded =
      EncodeRansBytes(scratch, {indexes, n}, room.first(std::min(room.size(), packed)));
  if (coded > 0) {
    out[1] = kRans;
    return head + coded;
  }
  if (packed > room.size()) return 0;
  out[1] = kPacked;
  if (bits > 0) PackBits(cpu, indexes, n, bits, 0, room.data());
  return head + packed;
}

bool DecodePalette(Cpu cpu, RansScratch* scratch, Bytes payload, size_t n, int width,
                   uint8_t* indexes, uint8_t* elements) {
  if (payload.size() < kFixedBytes || payload[1] > kRans) return false;
  const size_t count = payload[0] + size_t{1};
  const size_t values_bytes = count * static_cast<size_t>(width);
  const bool coded = payload[1] == kRans;
  payload = payload.subspan(kFixedBytes);
  if (payload.size() < values_bytes) return false;
  uint8_t values[256 * 8] = {};
  std::memcpy(values, payload.data(), values_bytes);
  payload = payload.subspan(values_bytes);
  const int bits = std::bit_width(count - 1);
  if (coded) {
    if (!DecodeRansBytes(cpu, scratch, payload, {indexes, n})) return false;
  } else {
    if (payload.size() != (bits == 0 ? 0 : PackedBytes(n, bits))) return false;
    if (bits == 0) std::memset(indexes, 0, n);
    if (bits > 0) UnpackBits(cpu, payload.data(), n, bits, 0, indexes);
  }
  const uint8_t most = *std::max_element(indexes, indexes + n);
  if (most >= count) return false;
  if (width == 2) LookUp<uint16_t>(values, indexes, n, elements);
  if (width == 4) LookUp<uint32_t>(values, indexes, n, elements);
  if (width == 8) LookUp<uint64_t>(values, indexes, n, elements);
  return true;
}

}  // namespace mh
