#include "mh/codec/delta/delta_kernel.h"

#include <algorithm>
#include <type_traits>

#include "mh/base/endian.h"

// Plain loops over short strips, which both compilers turn into SSE2 or NEON; each loop works on
// one lane width (element, then level), for mixed widths do not vectorise.

namespace mh {
namespace {

constexpr size_t kStrip = 512;  // Three strips of 8-byte elements fit the level 1 cache.

template <typename U>
inline constexpr U kTop = static_cast<U>(U{1} << (8 * sizeof(U) - 1));

// All ones if the top bit is set.
template <typename U>
inline U Spread(U x) {
  using S = std::make_signed_t<U>;
  return static_cast<U>(static_cast<S>(x) < 0 ? S{-1} : S{0});
}

template <typename U>
inline U ToOrdered(U x) {
  return static_cast<U>(x ^ (Spread(x) | kTop<U>));
}

template <typename U>
inline U FromOrdered(U m) {
  return static_cast<U>(m ^ (static_cast<U>(~Spread(m)) | kTop<U>));
}

template <typename U>
inline void ToOrderedStrip(const uint8_t* in, size_t n, bool is_float, uint8_t* out) {
  if (!is_float) {
    std::memcpy(out, in, n * sizeof(U));
    return;
  }
  for (size_t i = 0; i < n; i++) {
    Store(out + i * sizeof(U), ToOrdered(Load<U>(in + i * sizeof(U))));
  }
}

template <typename U, typename H>
void Forward(const uint8_t* __restrict elements, const uint8_t* __restrict base, size_t n,
             bool is_float, uint8_t* __restrict out) {
  uint8_t ordered[kStrip * sizeof(U)], other[kStrip * sizeof(U)];
  for (size_t begin = 0; begin < n; begin += kStrip) {
    const size_t count = std::min(kStrip, n - begin);
    ToOrderedStrip<U>(elements + begin * sizeof(U), count, is_float, ordered);
    ToOrderedStrip<U>(base + begin * sizeof(U), count, is_float, other);
    uint8_t* to = out + begin * sizeof(U);
    for (size_t i = 0; i < count * sizeof(U); i += sizeof(H)) {
      const auto d = static_cast<H>(Load<H>(ordered + i) - Load<H>(other + i));
      Store(to + i, static_cast<H>(static_cast<H>(d << 1) ^ Spread(d)));
    }
  }
}

template <typename U, typename H>
void Inverse(const uint8_t* __restrict delta, size_t n, bool is_float, bool leading_only,
             uint8_t* __restrict elements) {
  uint8_t ordered[kStrip * sizeof(U)];
  const U keep = leading_only ? static_cast<U>(~U{0} << (4 * sizeof(U))) : static_cast<U>(~U{0});
  for (size_t begin = 0; begin < n; begin += kStrip) {
    const size_t count = std::min(kStrip, n - begin);
    uint8_t* to = elements + begin * sizeof(U);
    const uint8_t* from = delta + begin * sizeof(U);
    ToOrderedStrip<U>(to, count, is_float, ordered);
    for (size_t i = 0; i < count * sizeof(U); i += sizeof(H)) {
      const auto z = Load<H>(from + i);
      const auto d = static_cast<H>((z >> 1) ^ static_cast<H>(-(z & 1)));
      Store(ordered + i, static_cast<H>(Load<H>(ordered + i) + d));
    }
    if (is_float) {
      for (size_t i = 0; i < count * sizeof(U); i += sizeof(U)) {
        Store(to + i, static_cast<U>(FromOrdered(Load<U>(ordered + i)) & keep));
      }
    } else {
      std::memcpy(to, ordered, count * sizeof(U));
    }
  }
}

}  // namespace

void DeltaForward(const uint8_t* elements, const uint8_t* base, size_t n, int width, ValueKind kind,
                  uint8_t* out) {
  const bool is_float = kind == ValueKind::kFloat;
  if (width == 1) Forward<uint8_t, uint8_t>(elements, base, n, is_float, out);
  if (width == 2) Forward<uint16_t, uint8_t>(elements, base, n, is_float, out);
  if (width == 4) Forward<uint32_t, uint16_t>(elements, base, n, is_float, out);
  if (width == 8) Forward<uint64_t, uint32_t>(elements, base, n, is_float, out);
}

void DeltaInverse(const uint8_t* delta, size_t n, int width, ValueKind kind, bool leading_only,
                  uint8_t* elements) {
  const bool is_float = kind == ValueKind::kFloat;
  const bool half = leading_only && width > 1;
  if (width == 1) Inverse<uint8_t, uint8_t>(delta, n, is_float, half, elements);
  if (width == 2) Inverse<uint16_t, uint8_t>(delta, n, is_float, half, elements);
  if (width == 4) Inverse<uint32_t, uint16_t>(delta, n, is_float, half, elements);
  if (width == 8) Inverse<uint64_t, uint32_t>(delta, n, is_float, half, elements);
}

}  // namespace mh
