// Loops behind classes_kernel.h, written once and compiled for each instruction set.
#ifndef MH_CODEC_CLASSES_CLASSES_LOOPS_H_
#define MH_CODEC_CLASSES_CLASSES_LOOPS_H_

#include "mh/base/endian.h"
#include "mh/codec/classes/classes_kernel.h"

// Inlined into a function with a target attribute, a loop is compiled for that target.
#define MH_LOOP inline __attribute__((always_inline))

namespace mh::classes {

template <typename U>
MH_LOOP U Ordered(U x, bool is_float) {
  constexpr U kTop = static_cast<U>(U{1} << (8 * sizeof(U) - 1));
  const U all = static_cast<U>(U{0} - (x >> (8 * sizeof(U) - 1)));
  return is_float ? static_cast<U>(x ^ (all | kTop)) : x;
}

template <typename U>
MH_LOOP U Unordered(U m, bool is_float) {
  constexpr U kTop = static_cast<U>(U{1} << (8 * sizeof(U) - 1));
  const U all = static_cast<U>((m >> (8 * sizeof(U) - 1)) - 1);
  return is_float ? static_cast<U>(m ^ (all | kTop)) : m;
}

// -d if the base is negative.
MH_LOOP uint16_t Flip(uint16_t d, bool negative) {
  const auto mask = static_cast<uint16_t>(0 - static_cast<int>(negative));
  return static_cast<uint16_t>((d ^ mask) - mask);
}

MH_LOOP void Exponents(const uint8_t* base, int width, size_t n, uint8_t* exponents) {
  if (width == 2) {
    for (size_t i = 0; i < n; i++) {
      exponents[i] = static_cast<uint8_t>(Load<uint16_t>(base + 2 * i) >> 7);
    }
  } else {
    for (size_t i = 0; i < n; i++) {
      exponents[i] = static_cast<uint8_t>(Load<uint32_t>(base + 4 * i) >> 23);
    }
  }
}

template <bool kFloat>
MH_LOOP void DifferencesOf(const uint8_t* elements, const uint8_t* base, int width, int offset,
                           size_t n, uint16_t* differences) {
  if (width == 2) {
    for (size_t i = 0; i < n; i++) {
      const auto x = Load<uint16_t>(elements + 2 * i), b = Load<uint16_t>(base + 2 * i);
      const auto d = static_cast<uint16_t>(Ordered(x, kFloat) - Ordered(b, kFloat));
      differences[i] = Flip(d, kFloat && b >> 15 != 0);
    }
    return;
  }
  const int shift = 8 * offset;
  for (size_t i = 0; i < n; i++) {
    const auto x = Load<uint32_t>(elements + 4 * i), b = Load<uint32_t>(base + 4 * i);
    const auto d =
        static_cast<uint16_t>((Ordered(x, kFloat) >> shift) - (Ordered(b, kFloat) >> shift));
    differences[i] = Flip(d, kFloat && b >> 31 != 0);
  }
}

MH_LOOP void Differences(const uint8_t* elements, const uint8_t* base, int width, int offset,
                         bool is_float, size_t n, uint16_t* differences) {
  if (is_float) {
    DifferencesOf<true>(elements, base, width, offset, n, differences);
  } else {
    DifferencesOf<false>(elements, base, width, offset, n, differences);
  }
}

template <bool kFloat>
MH_LOOP void AddToBaseOf(const uint16_t* differences, size_t n, const uint8_t* base,
                         uint8_t* elements) {
  for (size_t i = 0; i < n; i++) {
    const auto b = Load<uint16_t>(base + 2 * i);
    const uint16_t d = Flip(differences[i], kFloat && b >> 15 != 0);
    Store(elements + 2 * i, Unordered(static_cast<uint16_t>(Ordered(b, kFloat) + d), kFloat));
  }
}

MH_LOOP void AddToBase(const uint16_t* differences, bool is_float, size_t n, const uint8_t* base,
                       uint8_t* elements) {
  if (is_float) {
    AddToBaseOf<true>(differences, n, base, elements);
  } else {
    AddToBaseOf<false>(differences, n, base, elements);
  }
}

template <bool kFloat, bool kTrailing>
MH_LOOP void AddBothOf(const uint16_t* leading, const uint16_t* trailing, size_t n,
                       const uint8_t* base, uint8_t* elements) {
  for (size_t i = 0; i < n; i++) {
    const auto b = Load<uint32_t>(base + 4 * i);
    // All ones where the base is negative: (d ^ mask) - mask negates.
    const uint32_t mask = kFloat ? 0 - (b >> 31) : 0;
    const uint32_t m = Ordered(b, kFloat);
    const uint32_t high = (m >> 16) + ((leading[i] ^ mask) - mask);
    uint32_t sum = high << 16;
    if (kTrailing) sum |= (m + ((trailing[i] ^ mask) - mask)) & 0xffff;
    sum = Unordered(sum, kFloat);
    Store(elements + 4 * i, kTrailing ? sum : sum & 0xffff0000u);
  }
}

MH_LOOP void AddBoth(const uint16_t* leading, const uint16_t* trailing, bool is_float, size_t n,
                     const uint8_t* base, uint8_t* elements) {
  if (is_float && trailing != nullptr) AddBothOf<true, true>(leading, trailing, n, base, elements);
  if (is_float && trailing == nullptr) AddBothOf<true, false>(leading, trailing, n, base, elements);
  if (!is_float && trailing != nullptr)
    AddBothOf<false, true>(leading, trailing, n, base, elements);
  if (!is_float && trailing == nullptr)
    AddBothOf<false, false>(leading, trailing, n, base, elements);
}

inline uint32_t MagnitudeOf(uint16_t difference) {
  const auto d = static_cast<int16_t>(difference);
  return static_cast<uint32_t>(d < 0 ? -static_cast<int32_t>(d) : d);
}

// Collects bits and writes them eight bytes at a time.
struct RawBitSink {
  uint8_t* out;
  uint64_t held = 0;
  int bits = 0;  // Of `held`, below 64.
  // REQUIRES: width <= 16
  MH_LOOP void Put(uint32_t value, int width) { PutLong(value, width); }
  // REQUIRES: width <= 64; the bits of value above are zero
  MH_LOOP void PutLong(uint64_t value, int width) {
    held |= value << bits;
    Store(out, held);  // Kept only if it is full: no branch, which would be wrong half the time.
    const int sum = bits + width, full = sum >> 6;
    // What did not fit; shifted twice, for bits may be 0.
    const uint64_t rest = value >> 1 >> (63 - bits);
    out += 8 * full;
    held = full != 0 ? rest : held;
    bits = sum & 63;
  }
  size_t Finish(const uint8_t* begin) {
    for (int left = bits; left > 0; left -= 8, held >>= 8) *out++ = static_cast<uint8_t>(held);
    return static_cast<size_t>(out - begin);
  }
};

MH_LOOP void PutRaw(uint16_t difference, uint8_t symbol, const ClassSymbols& table,
                    RawBitSink* sink) {
  const int width = table.bits[symbol];
  const uint32_t magnitude = MagnitudeOf(difference);
  const uint32_t value = (magnitude - table.value[symbol]) << 1 | difference >> 15;
  // A popular value has no bits, and its magnitude is no offset.
  sink->Put(width == 0 ? 0 : value, width);
}

MH_LOOP size_t WriteRaw(const uint16_t* differences, const uint8_t* symbols,
                        const ClassSymbols& table, size_t n, uint8_t* out) {
  RawBitSink sink{out};
  for (size_t i = 0; i < n; i++) PutRaw(differences[i], symbols[i], table, &sink);
  return sink.Finish(out);
}

// The difference of an element whose raw bits begin at bit `at`.
MH_LOOP uint16_t TakeRaw(const uint8_t* raw, uint64_t at, uint32_t value, unsigned width) {
  const uint32_t word = Load<uint32_t>(raw + at / 8) >> (at % 8);
  const uint32_t bits = word & ((1u << width) - 1);
  return Flip(static_cast<uint16_t>(value + (bits >> 1)), (bits & 1) != 0);
}

MH_LOOP uint64_t ReadRaw(const uint8_t* raw, uint64_t raw_bits, const uint8_t* symbols,
                         const ClassSymbols& table, size_t n, uint16_t* differences) {
  uint64_t at = 0;
  for (size_t begin = 0; begin < n; begin += kClassGroup) {
    // A group takes 128 bytes at most: so far past the end it may begin, and is not read.
    if (at > raw_bits) return at;
    const size_t end = begin + kClassGroup < n ? begin + kClassGroup : n;
    for (size_t i = begin; i < end; i++) {
      const unsigned width = table.bits[symbols[i]];
      differences[i] = TakeRaw(raw, at, table.value[symbols[i]], width);
      at += width;
    }
  }
  return at;
}

}  // namespace mh::classes

#endif  // MH_CODEC_CLASSES_CLASSES_LOOPS_H_
