// From a base of another shape or type to a prediction of the same shape and type; see spec.md.
#ifndef MH_CODEC_MAPPING_MAPPING_KERNEL_H_
#define MH_CODEC_MAPPING_MAPPING_KERNEL_H_

#include <cstddef>
#include <cstdint>
#include <span>

namespace mh {

// Written to packs: numbers never change.
enum class Conversion : uint8_t {
  kNone = 0,
  kFloatToBfloat = 1,  // From the leading 3 bytes of a float32, to nearest, ties to even.
  kFloatToHalf = 2,    // The same, to float16.
  kBfloatToFloat = 3,
  kHalfToFloat = 4,
};
inline constexpr uint8_t kConversionMax = 4;

// Bytes of an element before and after; 0 for kNone, which keeps any width.
int WidthBefore(Conversion conversion);
int WidthAfter(Conversion conversion);
// Leading bytes of a base's elements that matter.
int PlanesBefore(Conversion conversion, int width);

// Converts n elements. REQUIRES: conversion is not kNone
void ConvertElements(Conversion conversion, const uint8_t* in, size_t n, uint8_t* out);

// Copies what two row-major arrays of elements of `width` bytes share: index by index where they
// have as many dimensions, else from the start on. The rest of `out` is zero. Shapes may be of
// packed or complex values: elements_in and elements_out say how many elements there are, and what
// does not divide evenly is taken from the start on too.
void CopyOverlap(const uint8_t* in, size_t elements_in, std::span<const uint64_t> shape_in,
                 std::span<const uint64_t> shape_out, size_t elements_out, int width, uint8_t* out);

}  // namespace mh

#endif  // MH_CODEC_MAPPING_MAPPING_KERNEL_H_
