#include "mh/codec/bits/bits_kernel.h"

#include <cstring>

#include "mh/base/endian.h"

#ifdef MH_X86
#include <immintrin.h>
#endif

namespace mh {
namespace {

// A value of one byte, eight times.
constexpr uint64_t Repeat(uint64_t byte) { return byte * 0x0101010101010101u; }

// Eight values at a time: they are a whole number of bytes at any width.
void PackScalar(const uint8_t* values, size_t n, int width, int shift, uint8_t* out) {
  const auto step = static_cast<size_t>(width);
  for (size_t i = 0; i < n; i += 8, out += step) {
    const size_t count = n - i < 8 ? n - i : 8;
    uint64_t word = 0;
    for (size_t j = 0; j < count; j++) {
      word |= static_cast<uint64_t>(values[i + j] >> shift) << (j * step);
    }
    std::memcpy(out, &word, PackedBytes(count, width));
  }
}

void UnpackScalar(const uint8_t* packed, size_t n, int width, int shift, uint8_t* values) {
  const auto step = static_cast<size_t>(width);
  const auto mask = static_cast<uint8_t>((1u << width) - 1);
  for (size_t i = 0; i < n; i += 8, packed += step) {
    const size_t count = n - i < 8 ? n - i : 8;
    uint64_t word = 0;
    std::memcpy(&word, packed, PackedBytes(count, width));
    for (size_t j = 0; j < count; j++) {
      values[i + j] = static_cast<uint8_t>((word >> (j * step) & mask) << shift);
    }
  }
}

#ifdef MH_X86

// BMI2 moves the bits of eight values by one instruction. Both return the number of values done:
// the last ones are left, for a word is read or written whole.
MH_TARGET_AVX2 size_t PackVector(const uint8_t* values, size_t n, int width, int shift,
                                 uint8_t* out) {
  const uint64_t mask = Repeat((1u << width) - 1) << shift;
  size_t i = 0;
  for (; i + 16 <= n; i += 8, out += width) {
    Store(out, _pext_u64(Load<uint64_t>(values + i), mask));
  }
  return i;
}

MH_TARGET_AVX2 size_t UnpackVector(const uint8_t* packed, size_t n, int width, int shift,
                                   uint8_t* values) {
  const uint64_t mask = Repeat((1u << width) - 1) << shift;
  size_t i = 0;
  // Eight values may be as short as one byte: so many must follow that a word is there.
  for (; i + 8 <= n && PackedBytes(n - i, width) >= 8; i += 8, packed += width) {
    Store(values + i, _pdep_u64(Load<uint64_t>(packed), mask));
  }
  return i;
}

#endif  // MH_X86

}  // namespace

void PackBits(Cpu cpu, const uint8_t* values, size_t n, int width, int shift, uint8_t* out) {
  if (width == 8) {
    if (n > 0) std::memcpy(out, values, n);
    return;
  }
  size_t done = 0;
#ifdef MH_X86
  // A packed word may reach past the values that are left: it must lie inside the output.
  const size_t reach = n < 64 ? 0 : n - 56;
  if (cpu >= Cpu::kAvx2) done = PackVector(values, reach, width, shift, out);
#else
  (void)cpu;
#endif
  PackScalar(values + done, n - done, width, shift, out + PackedBytes(done, width));
}

void UnpackBits(Cpu cpu, const uint8_t* packed, size_t n, int width, int shift, uint8_t* values) {
  if (width == 8) {
    if (n > 0) std::memcpy(values, packed, n);
    return;
  }
  size_t done = 0;
#ifdef MH_X86
  if (cpu >= Cpu::kAvx2) done = UnpackVector(packed, n, width, shift, values);
#else
  (void)cpu;
#endif
  UnpackScalar(packed + PackedBytes(done, width), n - done, width, shift, values + done);
}

}  // namespace mh
