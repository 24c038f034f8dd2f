// Packing of small values: 64 at a time, at a width that each run of groups has of its own.
// spec.md.
#ifndef MH_CODEC_BITS_BITS_KERNEL_H_
#define MH_CODEC_BITS_BITS_KERNEL_H_

#include <cstddef>
#include <cstdint>

#include "mh/base/cpu.h"

namespace mh {

inline constexpr size_t kBitsGroup = 64;

// Bytes that `n` values of `width` bits take.
inline constexpr size_t PackedBytes(size_t n, int width) {
  return (n * static_cast<size_t>(width) + 7) / 8;
}

// Packs the values >> shift, of `width` bits each, one after the other from the lowest bit up.
// REQUIRES: 1 <= width <= 8; the values >> shift fit
void PackBits(Cpu cpu, const uint8_t* values, size_t n, int width, int shift, uint8_t* out);

// The inverse. Reads PackedBytes(n, width) bytes.
void UnpackBits(Cpu cpu, const uint8_t* packed, size_t n, int width, int shift, uint8_t* values);

}  // namespace mh

#endif  // MH_CODEC_BITS_BITS_KERNEL_H_
