#include "mh/codec/delta/delta_kernel.h"

#include <type_traits>

#include "mh/base/endian.h"

// Plain loops over elements of one width, which compilers turn into vector code.

namespace mh {
namespace {

template <typename U>
inline constexpr int kBits = 8 * static_cast<int>(sizeof(U));
template <typename U>
inline constexpr U kTop = static_cast<U>(U{1} << (kBits<U> - 1));

// All ones if the top bit is set.
template <typename U>
inline U Spread(U x) {
  using S = std::make_signed_t<U>;
  return static_cast<U>(static_cast<S>(x) < 0 ? S{-1} : S{0});
}

template <typename U>
void Order(const uint8_t* in, size_t n, uint8_t* out) {
  for (size_t i = 0; i < n; i++) {
    const auto x = Load<U>(in + i * sizeof(U));
    Store(out + i * sizeof(U), static_cast<U>(x ^ (Spread(x) | kTop<U>)));
  }
}

template <typename U>
void Unorder(uint8_t* elements, size_t n) {
  for (size_t i = 0; i < n; i++) {
    const auto m = Load<U>(elements + i * sizeof(U));
    Store(elements + i * sizeof(U), static_cast<U>(m ^ (static_cast<U>(~Spread(m)) | kTop<U>)));
  }
}

template <typename H>
void Differ(const uint8_t* ordered, const uint8_t* base, size_t bytes, uint8_t* out) {
  for (size_t i = 0; i < bytes; i += sizeof(H)) {
    const auto d = static_cast<H>(Load<H>(ordered + i) - Load<H>(base + i));
    Store(out + i, static_cast<H>(static_cast<H>(d << 1) ^ Spread(d)));
  }
}

// The level's bits of an element of type U, as the type H of levels.
template <typename U, typename H, bool kAdd>
void Apply(const uint8_t* delta, size_t n, int level, uint8_t* ordered) {
  const int shift = kBits<U> - kBits<H> * (level + 1);
  const U mask = static_cast<U>(static_cast<U>(static_cast<H>(~H{0})) << shift);
  for (size_t i = 0; i < n; i++) {
    const auto x = Load<U>(ordered + i * sizeof(U)), z = Load<U>(delta + i * sizeof(U));
    U next = static_cast<U>(x ^ z);
    if constexpr (kAdd) {
      const auto code = static_cast<H>(z >> shift);
      const auto d = static_cast<H>((code >> 1) ^ static_cast<H>(-(code & 1)));
      next = static_cast<U>(static_cast<U>(static_cast<H>((x >> shift) + d)) << shift);
    }
    Store(ordered + i * sizeof(U), static_cast<U>((x & static_cast<U>(~mask)) | (next & mask)));
  }
}

template <bool kAdd>
void ApplyWidth(const uint8_t* delta, size_t n, int width, int level, uint8_t* ordered) {
  if (width == 1) Apply<uint8_t, uint8_t, kAdd>(delta, n, level, ordered);
  if (width == 2) Apply<uint16_t, uint16_t, kAdd>(delta, n, level, ordered);
  if (width == 4) Apply<uint32_t, uint16_t, kAdd>(delta, n, level, ordered);
  if (width == 8) Apply<uint64_t, uint32_t, kAdd>(delta, n, level, ordered);
}

template <typename U>
void Mask(uint8_t* elements, size_t n, U keep) {
  for (size_t i = 0; i < n; i++) {
    Store(elements + i * sizeof(U), static_cast<U>(Load<U>(elements + i * sizeof(U)) & keep));
  }
}

}  // namespace

void OrderElements(const uint8_t* in, size_t n, int width, ValueKind kind, uint8_t* out) {
  if (kind != ValueKind::kFloat) {
    if (in != out && n > 0) std::memcpy(out, in, n * static_cast<size_t>(width));
    return;
  }
  if (width == 1) Order<uint8_t>(in, n, out);
  if (width == 2) Order<uint16_t>(in, n, out);
  if (width == 4) Order<uint32_t>(in, n, out);
  if (width == 8) Order<uint64_t>(in, n, out);
}

void UnorderElements(uint8_t* elements, size_t n, int width, ValueKind kind) {
  if (kind != ValueKind::kFloat) return;
  if (width == 1) Unorder<uint8_t>(elements, n);
  if (width == 2) Unorder<uint16_t>(elements, n);
  if (width == 4) Unorder<uint32_t>(elements, n);
  if (width == 8) Unorder<uint64_t>(elements, n);
}

void DifferLevels(const uint8_t* ordered, const uint8_t* base, size_t n, int width, uint8_t* out) {
  const size_t bytes = n * static_cast<size_t>(width);
  if (width == 1) Differ<uint8_t>(ordered, base, bytes, out);
  if (width == 2 || width == 4) Differ<uint16_t>(ordered, base, bytes, out);
  if (width == 8) Differ<uint32_t>(ordered, base, bytes, out);
}

void ExcludeLevels(const uint8_t* ordered, const uint8_t* base, size_t n, int width, uint8_t* out) {
  const size_t bytes = n * static_cast<size_t>(width);
  for (size_t i = 0; i < bytes; i++) out[i] = static_cast<uint8_t>(ordered[i] ^ base[i]);
}

void AddLevel(const uint8_t* delta, size_t n, int width, int level, uint8_t* ordered) {
  ApplyWidth<true>(delta, n, width, level, ordered);
}

void ExcludeLevel(const uint8_t* delta, size_t n, int width, int level, uint8_t* ordered) {
  ApplyWidth<false>(delta, n, width, level, ordered);
}

void KeepLeading(uint8_t* elements, size_t n, int width, int planes) {
  const int low = 8 * (width - planes);
  if (low == 0) return;
  if (width == 2) Mask<uint16_t>(elements, n, static_cast<uint16_t>(0xffffu << low));
  if (width == 4) Mask<uint32_t>(elements, n, ~uint32_t{0} << low);
  if (width == 8) Mask<uint64_t>(elements, n, ~uint64_t{0} << low);
}

}  // namespace mh
