#include "mh/codec/classes/classes_kernel.h"

#include <cstring>

#include "mh/base/endian.h"

namespace mh {
namespace {

template <typename U>
inline U Ordered(U x, bool is_float) {
  constexpr U kTop = static_cast<U>(U{1} << (8 * sizeof(U) - 1));
  const U all = static_cast<U>(U{0} - (x >> (8 * sizeof(U) - 1)));
  return is_float ? static_cast<U>(x ^ (all | kTop)) : x;
}

template <typename U>
inline U Unordered(U m) {
  constexpr U kTop = static_cast<U>(U{1} << (8 * sizeof(U) - 1));
  const U all = static_cast<U>((m >> (8 * sizeof(U) - 1)) - 1);
  return static_cast<U>(m ^ (all | kTop));
}

// -d if the base is negative.
inline uint16_t Flip(uint16_t d, bool negative) {
  const auto mask = static_cast<uint16_t>(0 - static_cast<int>(negative));
  return static_cast<uint16_t>((d ^ mask) - mask);
}

}  // namespace

void ListClassSymbols(const uint16_t* popular, int popular_count, int top, ClassSymbols* symbols) {
  int k = 0;
  for (; k < popular_count; k++) {
    symbols->value[k] = popular[k];
    symbols->bits[k] = 0;
  }
  for (int c = 0; c < ClassCount(top); c++, k++) {
    // The inverse of ClassOf: magnitudes below 2^(top + 1) stand for themselves.
    const int index = c + 1, exact = 2 << top;
    const int raw = index < exact ? 0 : (index >> top) - 1;
    symbols->value[k] = static_cast<uint16_t>(
        (index < exact ? index : (index & ((1 << top) - 1)) + (1 << top)) << raw);
    symbols->bits[k] = static_cast<uint8_t>(raw + 1);
  }
  symbols->count = k;
}

void BaseContexts(const uint8_t* base, int width, size_t n, uint8_t* contexts) {
  if (width == 2) {
    for (size_t i = 0; i < n; i++) {
      contexts[i] = static_cast<uint8_t>(Load<uint16_t>(base + 2 * i) >> 7);
    }
  } else {
    for (size_t i = 0; i < n; i++) {
      contexts[i] = static_cast<uint8_t>(Load<uint32_t>(base + 4 * i) >> 23);
    }
  }
}

void ClassDifferences(const uint8_t* elements, const uint8_t* base, int width, int offset,
                      bool is_float, size_t n, uint16_t* differences) {
  if (width == 2) {
    for (size_t i = 0; i < n; i++) {
      const auto x = Load<uint16_t>(elements + 2 * i), b = Load<uint16_t>(base + 2 * i);
      const auto d = static_cast<uint16_t>(Ordered(x, is_float) - Ordered(b, is_float));
      differences[i] = Flip(d, is_float && b >> 15 != 0);
    }
    return;
  }
  const int shift = 8 * offset;
  for (size_t i = 0; i < n; i++) {
    const auto x = Load<uint32_t>(elements + 4 * i), b = Load<uint32_t>(base + 4 * i);
    const auto d =
        static_cast<uint16_t>((Ordered(x, is_float) >> shift) - (Ordered(b, is_float) >> shift));
    differences[i] = Flip(d, is_float && b >> 31 != 0);
  }
}

void AddDifferences(const uint16_t* differences, int width, int offset, bool is_float, size_t n,
                    uint8_t* ordered) {
  // Ordered negative floats have a clear top bit.
  if (width == 2) {
    for (size_t i = 0; i < n; i++) {
      const auto m = Load<uint16_t>(ordered + 2 * i);
      const uint16_t d = Flip(differences[i], is_float && m >> 15 == 0);
      Store(ordered + 2 * i, static_cast<uint16_t>(m + d));
    }
    return;
  }
  const int shift = 8 * offset;
  const uint32_t mask = uint32_t{0xffff} << shift;
  for (size_t i = 0; i < n; i++) {
    const auto m = Load<uint32_t>(ordered + 4 * i);
    const uint16_t d = Flip(differences[i], is_float && m >> 31 == 0);
    const auto level = static_cast<uint16_t>((m >> shift) + d);
    Store(ordered + 4 * i, (m & ~mask) | static_cast<uint32_t>(level) << shift);
  }
}

namespace {

template <bool kTrailing>
void AddBoth(const uint16_t* leading, const uint16_t* trailing, bool is_float, size_t n,
             uint8_t* elements) {
  for (size_t i = 0; i < n; i++) {
    const auto b = Load<uint32_t>(elements + 4 * i);
    const bool negative = is_float && b >> 31 != 0;
    const uint32_t m = Ordered(b, is_float);
    const auto high = static_cast<uint16_t>((m >> 16) + Flip(leading[i], negative));
    uint32_t sum = static_cast<uint32_t>(high) << 16;
    if (kTrailing) sum |= static_cast<uint16_t>(m + Flip(trailing[i], negative));
    sum = is_float ? Unordered(sum) : sum;
    Store(elements + 4 * i, kTrailing ? sum : sum & 0xffff0000u);
  }
}

}  // namespace

void AddBothDifferences(const uint16_t* leading, const uint16_t* trailing, bool is_float, size_t n,
                        uint8_t* elements) {
  if (trailing != nullptr) {
    AddBoth<true>(leading, trailing, is_float, n, elements);
  } else {
    AddBoth<false>(leading, trailing, is_float, n, elements);
  }
}

void ScatterSymbols(const uint8_t* symbols, const uint8_t* contexts, size_t n, uint32_t* cursor,
                    uint8_t* buckets) {
  for (size_t i = 0; i < n; i++) buckets[cursor[contexts[i]]++] = symbols[i];
}

void GatherSymbols(Cpu cpu, const uint8_t* buckets, const uint8_t* contexts, size_t n,
                   int context_count, uint32_t* cursor, uint8_t* symbols) {
  (void)cpu;
  (void)context_count;
  for (size_t i = 0; i < n; i++) symbols[i] = buckets[cursor[contexts[i]]++];
}

size_t WriteRawBits(const uint16_t* differences, const uint8_t* symbols, const ClassSymbols& table,
                    size_t n, uint8_t* out) {
  uint64_t held = 0;
  int bits = 0;
  const uint8_t* begin = out;
  for (size_t i = 0; i < n; i++) {
    const uint8_t k = symbols[i];
    const int width = table.bits[k];
    if (width == 0) continue;
    const auto d = static_cast<int16_t>(differences[i]);
    const uint32_t negative = d < 0 ? 1 : 0;
    const auto magnitude = static_cast<uint32_t>(d < 0 ? -static_cast<int32_t>(d) : d);
    held |= static_cast<uint64_t>((magnitude - table.value[k]) << 1 | negative) << bits;
    bits += width;
    // At most 16 bits come at a time, so that 48 may be held.
    if (bits >= 32) {
      Store(out, static_cast<uint32_t>(held));
      out += 4;
      held >>= 32;
      bits -= 32;
    }
  }
  for (; bits > 0; bits -= 8, held >>= 8) *out++ = static_cast<uint8_t>(held);
  return static_cast<size_t>(out - begin);
}

uint64_t CountRawBits(const uint8_t* symbols, const ClassSymbols& table, size_t n) {
  uint64_t sum = 0;
  for (size_t i = 0; i < n; i++) sum += table.bits[symbols[i]];
  return sum;
}

void ReadRawBits(Cpu cpu, const uint8_t* raw, const uint8_t* symbols, const ClassSymbols& table,
                 size_t n, uint16_t* differences) {
  (void)cpu;
  size_t at = 0;
  for (size_t i = 0; i < n; i++) {
    const uint8_t k = symbols[i];
    const unsigned width = table.bits[k];
    const uint32_t word = Load<uint32_t>(raw + at / 8) >> (at % 8);
    const uint32_t bits = word & ((1u << width) - 1);
    at += width;
    const auto d = static_cast<uint16_t>(table.value[k] + (bits >> 1));
    differences[i] = Flip(d, (bits & 1) != 0);
  }
}

}  // namespace mh
