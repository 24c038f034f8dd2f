#include "mh/codec/planes/planes_kernel.h"

#include <cstring>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace mh {
namespace {

void SplitFrom(size_t first, const uint8_t* elements, size_t n, int width, uint8_t* planes,
               size_t stride) {
  const auto w = static_cast<size_t>(width);
  for (size_t s = 0; s < w; s++) {
    for (size_t i = first; i < n; i++) planes[s * stride + i] = elements[i * w + w - 1 - s];
  }
}

void MergeFrom(size_t first, const uint8_t* planes, size_t stride, size_t n, int width, int kept,
               uint8_t* elements) {
  const auto w = static_cast<size_t>(width), k = static_cast<size_t>(kept);
  for (size_t s = 0; s < w; s++) {
    for (size_t i = first; i < n; i++) {
      elements[i * w + w - 1 - s] = s < k ? planes[s * stride + i] : uint8_t{0};
    }
  }
}

#ifdef __SSE2__

// Interleaves the bytes of the first half of W registers with those of the second: the index of a
// byte, seen as bits, turns left by one. A split turns it right by log2(W), which of 4 + log2(W)
// bits is left by 4; a merge turns it left by log2(W). SSE2 is part of x86-64, so no dispatch.
template <int W>
inline void Shuffle(__m128i* v) {
  __m128i t[W];
  for (int i = 0; i < W / 2; i++) {
    t[2 * i] = _mm_unpacklo_epi8(v[i], v[i + W / 2]);
    t[2 * i + 1] = _mm_unpackhi_epi8(v[i], v[i + W / 2]);
  }
  for (int i = 0; i < W; i++) v[i] = t[i];
}

inline __m128i Get(const uint8_t* p) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
}
inline void Put(uint8_t* p, __m128i v) { _mm_storeu_si128(reinterpret_cast<__m128i*>(p), v); }

// Returns the number of elements done, a multiple of 16.
template <int W>
size_t SplitVector(const uint8_t* elements, size_t n, uint8_t* planes, size_t stride) {
  size_t i = 0;
  for (; i + 16 <= n; i += 16) {
    __m128i v[W];
    for (int j = 0; j < W; j++) v[j] = Get(elements + i * W + static_cast<size_t>(16 * j));
    for (int step = 0; step < 4; step++) Shuffle<W>(v);
    for (int j = 0; j < W; j++) Put(planes + static_cast<size_t>(W - 1 - j) * stride + i, v[j]);
  }
  return i;
}

template <int W, int kLog2>
size_t MergeVector(const uint8_t* planes, size_t stride, size_t n, int kept, uint8_t* elements) {
  size_t i = 0;
  for (; i + 16 <= n; i += 16) {
    __m128i v[W];
    for (int j = 0; j < W; j++) {
      const int s = W - 1 - j;
      v[j] = s < kept ? Get(planes + static_cast<size_t>(s) * stride + i) : _mm_setzero_si128();
    }
    for (int step = 0; step < kLog2; step++) Shuffle<W>(v);
    for (int j = 0; j < W; j++) Put(elements + i * W + static_cast<size_t>(16 * j), v[j]);
  }
  return i;
}

#endif  // __SSE2__

}  // namespace

void SplitPlanesScalar(const uint8_t* elements, size_t n, int width, uint8_t* planes,
                       size_t stride) {
  SplitFrom(0, elements, n, width, planes, stride);
}

void MergePlanesScalar(const uint8_t* planes, size_t stride, size_t n, int width, int kept,
                       uint8_t* elements) {
  MergeFrom(0, planes, stride, n, width, kept, elements);
}

void SplitPlanes(const uint8_t* elements, size_t n, int width, uint8_t* planes, size_t stride) {
  if (width == 1) {
    if (n > 0) std::memcpy(planes, elements, n);
    return;
  }
  size_t done = 0;
#ifdef __SSE2__
  if (width == 2) done = SplitVector<2>(elements, n, planes, stride);
  if (width == 4) done = SplitVector<4>(elements, n, planes, stride);
  if (width == 8) done = SplitVector<8>(elements, n, planes, stride);
#endif
  SplitFrom(done, elements, n, width, planes, stride);
}

void MergePlanes(const uint8_t* planes, size_t stride, size_t n, int width, int kept,
                 uint8_t* elements) {
  if (width == 1) {
    if (n > 0) std::memcpy(elements, planes, n);
    return;
  }
  size_t done = 0;
#ifdef __SSE2__
  if (width == 2) done = MergeVector<2, 1>(planes, stride, n, kept, elements);
  if (width == 4) done = MergeVector<4, 2>(planes, stride, n, kept, elements);
  if (width == 8) done = MergeVector<8, 3>(planes, stride, n, kept, elements);
#endif
  MergeFrom(done, planes, stride, n, width, kept, elements);
}

}  // namespace mh
