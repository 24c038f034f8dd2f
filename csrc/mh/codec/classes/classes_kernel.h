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
inline constexpr size_t kRawSlack = 160;      // More than a group's raw bits.

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

// The leading exponent bits of each element of a base: bits 14 to 7 of the leading 16. Elements are
// `width` bytes apart (2 or 4).
void BaseExponents(Cpu cpu, const uint8_t* base, int width, size_t n, uint8_t* exponents);

// Differences x - base of one level (offset 0: the trailing or only half, 2: the leading half of
// 4-byte elements), of order-preserving integers mod 2^16, negated where the base is a negative
// float.
void ClassDifferences(Cpu cpu, const uint8_t* elements, const uint8_t* base, int width, int offset,
                      bool is_float, size_t n, uint16_t* differences);

// Adds them to one level of the ordered integers of the base, which `ordered` holds; `offset` as
// above. Signs of a float base are read from its leading half: apply the trailing level first.
void AddDifferences(Cpu cpu, const uint16_t* differences, int width, int offset, bool is_float,
                    size_t n, uint8_t* ordered);

// Adds differences to a base of elements of two bytes; `elements` may be the base.
void AddToBase(Cpu cpu, const uint16_t* differences, bool is_float, size_t n, const uint8_t* base,
               uint8_t* elements);

// Adds both levels to a base of elements of four bytes, in one pass, or (trailing is null) the
// leading one, with zero for the trailing halves; `elements` may be the base.
void AddBothToBase(Cpu cpu, const uint16_t* leading, const uint16_t* trailing, bool is_float,
                   size_t n, const uint8_t* base, uint8_t* elements);

// Which contexts groups have: [0, plain) those without the flag, [plain, plain + flagged) those
// with it. If `still`, flagged groups hold nothing but `still_symbol`.
struct ClassLayout {
  int plain = 1, flagged = 0;
  bool still = false;
  uint8_t still_symbol = 0;
};

// Context of each element, by the map of its group's flag.
void MapContexts(Cpu cpu, const uint8_t* exponents, const uint8_t* flags, size_t n,
                 const uint8_t map[2][256], uint8_t* contexts);

// Elements of each context.
void CountContexts(Cpu cpu, const uint8_t* contexts, const uint8_t* flags, size_t n,
                   const ClassLayout& layout, uint32_t* totals);

inline constexpr int kClassNear = 64;
inline constexpr int kClassFarMax = 8;

// The symbol of each difference: of all, and what it takes to compute it.
struct ClassLookup {
  const uint8_t* all = nullptr;  // 65536.
  int popular_count = 0, top = 0;
  alignas(64) uint8_t near[2 * kClassNear];  // From -kClassNear up.
  struct Far {
    uint16_t value;
    int symbol;
  };
  Far far[kClassFarMax];  // Popular values that are not near.
  int far_count = 0;      // More than kClassFarMax: they are only in `all`.
};
void FindSymbols(Cpu cpu, const ClassLookup& lookup, const uint16_t* differences, size_t n,
                 uint8_t* symbols);

// Distributes symbols to buckets by context, or the inverse. `cursor` holds, by context, where its
// next symbol goes in `buckets`, and is advanced; that of a still context is not looked at.
// REQUIRES: 64 more bytes of room after the last bucket
void ScatterSymbols(Cpu cpu, const uint8_t* symbols, const uint8_t* contexts, const uint8_t* flags,
                    size_t n, const ClassLayout& layout, uint32_t* cursor, uint8_t* buckets);
void GatherSymbols(Cpu cpu, const uint8_t* buckets, const uint8_t* contexts, const uint8_t* flags,
                   size_t n, const ClassLayout& layout, uint32_t* cursor, uint8_t* symbols);

// Appends the raw bits of each element, lowest bit of a byte first; returns the bytes written.
// `out` needs 2 n + 16 bytes.
size_t WriteRawBits(Cpu cpu, const uint16_t* differences, const uint8_t* symbols,
                    const ClassSymbols& table, size_t n, uint8_t* out);
// Turns symbols and raw bits to differences. Returns the bits that were there; more than
// `raw_bits` if they do not suffice, and then `differences` are undefined.
// REQUIRES: kRawSlack readable bytes after the raw bits
uint64_t ReadRawBits(Cpu cpu, const uint8_t* raw, uint64_t raw_bits, const uint8_t* symbols,
                     const ClassSymbols& table, size_t n, uint16_t* differences);

}  // namespace mh

#endif  // MH_CODEC_CLASSES_CLASSES_KERNEL_H_
