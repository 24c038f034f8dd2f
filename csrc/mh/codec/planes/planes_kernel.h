// Splitting elements into byte planes and back; see spec.md.
#ifndef MH_CODEC_PLANES_PLANES_KERNEL_H_
#define MH_CODEC_PLANES_PLANES_KERNEL_H_

#include <cstddef>
#include <cstdint>

namespace mh {

// Writes plane s of `n` elements to planes + s * stride.
// REQUIRES: width is 1, 2, 4 or 8; no overlap
void SplitPlanes(const uint8_t* elements, size_t n, int width, uint8_t* planes, size_t stride);

// Inverse for the first `kept` planes; the other bytes are zero.
// REQUIRES: 1 <= kept <= width
void MergePlanes(const uint8_t* planes, size_t stride, size_t n, int width, int kept,
                 uint8_t* elements);

// The same byte by byte: the definition that the vector code is tested against.
void SplitPlanesScalar(const uint8_t* elements, size_t n, int width, uint8_t* planes,
                       size_t stride);
void MergePlanesScalar(const uint8_t* planes, size_t stride, size_t n, int width, int kept,
                       uint8_t* elements);

}  // namespace mh

#endif  // MH_CODEC_PLANES_PLANES_KERNEL_H_
