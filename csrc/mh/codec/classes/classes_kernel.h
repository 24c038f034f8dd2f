// Differences of 16-bit levels as symbols in the context of the base, and back. spec.md.
#ifndef MH_CODEC_CLASSES_CLASSES_KERNEL_H_
#define MH_CODEC_CLASSES_CLASSES_KERNEL_H_

#include <bit>
#include <cstddef>
#include <cstdint>

#include "mh/base/cpu.h"

namespace mh {

inline constexpr int kClassSymbolsMax = 256;
inline constexpr int kClassContextsMax = 24;  // Of both kinds of groups together.
inline constexpr size_t kClassGroup = 64;     // Elements that share a flag.

// Number of class symbols with `top` bits below the leading one. top is 0 to 4.
inline constexpr int ClassCount(int top) { return (16 - top) << top; }

// Class symbol of a magnitude from 1 to 32768: exact below 2^(top + 1), else its bit length and the
// `top` bits that follow the leading one.
inline int ClassOf(uint32_t magnitude, int top) {
  const int length = std::bit_width(magnitude) - 1;
  const int raw = length > top ? length - top : 0;
  return static_cast<int>((static_cast<uint32_t>(raw) << top) + (magnitude >> raw)) - 1;
}

// What a symbol stands for: the value itself (bits = 0), or a least magnitude, below which
// bits - 1 raw bits follow, and a sign bit lowest.
struct ClassSymbols {
  int count = 0;
  uint16_t value[kClassSymbolsMax];
  uint8_t bits[kClassSymbolsMax];
};

// Popular values first, then the classes. REQUIRES: popular + ClassCount(top) <= kClassSymbolsMax
void ListClassSymbols(const uint16_t* popular, int popular_count, int top, ClassSymbols* symbols);

// The context of each element, the leading exponent bits of its base: bits 14 to 7 of the leading
// 16. Elements are `width` bytes apart (2 or 4).
void BaseContexts(const uint8_t* base, int width, size_t n, uint8_t* contexts);

// Differences x - base of one level (offset 0: the trailing or only half, 2: the leading half of
// 4-byte elements), of order-preserving integers mod 2^16, negated where the base is a negative
// float.
void ClassDifferences(const uint8_t* elements, const uint8_t* base, int width, int offset,
                      bool is_float, size_t n, uint16_t* differences);

// Adds them to one level of the ordered integers of the base, which `elements` hold; `offset` as
// above. Signs of a float base are read from its leading half: apply the trailing level first.
void AddDifferences(const uint16_t* differences, int width, int offset, bool is_float, size_t n,
                    uint8_t* ordered);

// Adds both levels to elements of four bytes, which hold the base, in one pass, or (trailing is
// null) the leading one, with zero for the trailing halves.
void AddBothDifferences(const uint16_t* leading, const uint16_t* trailing, bool is_float, size_t n,
                        uint8_t* elements);

// Distributes symbols to buckets by context, or the inverse. `cursor` holds, by context, where its
// next symbol goes in `buckets`, and is advanced.
void ScatterSymbols(const uint8_t* symbols, const uint8_t* contexts, size_t n, uint32_t* cursor,
                    uint8_t* buckets);
void GatherSymbols(Cpu cpu, const uint8_t* buckets, const uint8_t* contexts, size_t n,
                   int context_count, uint32_t* cursor, uint8_t* symbols);

// Appends the raw bits of each element, lowest bit of a byte first; returns the bytes written.
// `out` needs 2 n + 8 bytes.
size_t WriteRawBits(const uint16_t* differences, const uint8_t* symbols, const ClassSymbols& table,
                    size_t n, uint8_t* out);
// Bits that the symbols ask for.
uint64_t CountRawBits(const uint8_t* symbols, const ClassSymbols& table, size_t n);
// Turns symbols and raw bits to differences. REQUIRES: 64 readable bytes after the raw bits
void ReadRawBits(Cpu cpu, const uint8_t* raw, const uint8_t* symbols, const ClassSymbols& table,
                 size_t n, uint16_t* differences);

}  // namespace mh

#endif  // MH_CODEC_CLASSES_CLASSES_KERNEL_H_
