// Differences of elements against a base, and back; see spec.md.
#ifndef MH_CODEC_DELTA_DELTA_KERNEL_H_
#define MH_CODEC_DELTA_DELTA_KERNEL_H_

#include <cstddef>
#include <cstdint>

namespace mh {

// Written to packs: numbers never change.
enum class ValueKind : uint8_t { kUnsigned = 0, kSigned = 1, kFloat = 2 };

// Bytes of the leading level.
inline int LevelBytes(int width) { return width == 1 ? 1 : width / 2; }

// Writes the coded difference of `n` elements to `out`.
// REQUIRES: width is 1, 2, 4 or 8; out overlaps neither input
void DeltaForward(const uint8_t* elements, const uint8_t* base, size_t n, int width, ValueKind kind,
                  uint8_t* out);

// Turns the base in `elements` into the value that `delta` leads to. With `leading_only`, the
// trailing halves of `delta` and of the base are zero and so are those of the result.
void DeltaInverse(const uint8_t* delta, size_t n, int width, ValueKind kind, bool leading_only,
                  uint8_t* elements);

}  // namespace mh

#endif  // MH_CODEC_DELTA_DELTA_KERNEL_H_
