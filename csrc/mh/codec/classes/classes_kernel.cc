#include "mh/codec/classes/classes_kernel.h"

#include <algorithm>
#include <cstring>

#include "mh/base/endian.h"
#include "mh/codec/classes/classes_vector.h"

namespace mh {

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
  // Vector code loads the first 64 whatever their number.
  for (; k < 64; k++) symbols->value[k] = symbols->bits[k] = 0;
}

#ifdef MH_X86
#define MH_CLASSES_DISPATCH(name, ...)                                  \
  do {                                                                  \
    if (cpu == Cpu::kAvx512) return classes::name##Avx512(__VA_ARGS__); \
    if (cpu == Cpu::kAvx2) return classes::name##Avx2(__VA_ARGS__);     \
    return classes::name##Loop(__VA_ARGS__);                            \
  } while (false)
#else
#define MH_CLASSES_DISPATCH(name, ...) return (void)cpu, classes::name##Loop(__VA_ARGS__)
#endif

void BaseExponents(Cpu cpu, const uint8_t* base, int width, size_t n, uint8_t* exponents) {
  MH_CLASSES_DISPATCH(Exponents, base, width, n, exponents);
}

void ClassDifferences(Cpu cpu, const uint8_t* elements, const uint8_t* base, int width, int offset,
                      bool is_float, size_t n, uint16_t* differences) {
  MH_CLASSES_DISPATCH(Differences, elements, base, width, offset, is_float, n, differences);
}

void AddDifferences(Cpu cpu, const uint16_t* differences, int width, int offset, bool is_float,
                    size_t n, uint8_t* ordered) {
  (void)cpu;
  classes::AddLoop(differences, width, offset, is_float, n, ordered);
}

void AddToBase(Cpu cpu, const uint16_t* differences, bool is_float, size_t n, const uint8_t* base,
               uint8_t* elements) {
  MH_CLASSES_DISPATCH(AddToBase, differences, is_float, n, base, elements);
}

void AddBothToBase(Cpu cpu, const uint16_t* leading, const uint16_t* trailing, bool is_float,
                   size_t n, const uint8_t* base, uint8_t* elements) {
  MH_CLASSES_DISPATCH(AddBoth, leading, trailing, is_float, n, base, elements);
}

namespace classes {
namespace {

size_t EndOf(size_t begin, size_t n) { return std::min(begin + kClassGroup, n); }

}  // namespace

void MapScalar(const uint8_t* exponents, const uint8_t* flags, size_t begin, size_t n,
               const uint8_t map[2][256], uint8_t* contexts) {
  for (; begin < n; begin += kClassGroup) {
    const uint8_t* table = map[flags[begin / kClassGroup]];
    for (size_t i = begin; i < EndOf(begin, n); i++) contexts[i] = table[exponents[i]];
  }
}

void CountScalar(const uint8_t* contexts, size_t begin, size_t n, uint32_t* totals) {
  uint32_t parts[4][kClassContextsMax] = {};
  size_t i = begin;
  for (; i + 4 <= n; i += 4) {
    for (size_t j = 0; j < 4; j++) parts[j][contexts[i + j]]++;
  }
  for (; i < n; i++) parts[0][contexts[i]]++;
  for (int c = 0; c < kClassContextsMax; c++) {
    totals[c] += parts[0][c] + parts[1][c] + parts[2][c] + parts[3][c];
  }
}

void ScatterScalar(const uint8_t* symbols, const uint8_t* contexts, const uint8_t* flags,
                   size_t begin, size_t n, const ClassLayout& layout, uint32_t* cursor,
                   uint8_t* buckets) {
  for (; begin < n; begin += kClassGroup) {
    if (layout.still && flags[begin / kClassGroup] != 0) continue;
    for (size_t i = begin; i < EndOf(begin, n); i++) buckets[cursor[contexts[i]]++] = symbols[i];
  }
}

void GatherScalar(const uint8_t* buckets, const uint8_t* contexts, const uint8_t* flags,
                  size_t begin, size_t n, const ClassLayout& layout, uint32_t* cursor,
                  uint8_t* symbols) {
  for (; begin < n; begin += kClassGroup) {
    if (layout.still && flags[begin / kClassGroup] != 0) {
      std::memset(symbols + begin, layout.still_symbol, EndOf(begin, n) - begin);
      continue;
    }
    for (size_t i = begin; i < EndOf(begin, n); i++) symbols[i] = buckets[cursor[contexts[i]]++];
  }
}

}  // namespace classes

void MapContexts(Cpu cpu, const uint8_t* exponents, const uint8_t* flags, size_t n,
                 const uint8_t map[2][256], uint8_t* contexts) {
  size_t done = 0;
#ifdef MH_X86
  if (cpu == Cpu::kAvx512) done = classes::MapAvx512(exponents, flags, n, map, contexts);
#else
  (void)cpu;
#endif
  classes::MapScalar(exponents, flags, done, n, map, contexts);
}

void CountContexts(Cpu cpu, const uint8_t* contexts, const uint8_t* flags, size_t n,
                   const ClassLayout& layout, uint32_t* totals) {
  std::memset(totals, 0, kClassContextsMax * sizeof(uint32_t));
  size_t done = 0;
#ifdef MH_X86
  if (cpu == Cpu::kAvx512) done = classes::CountAvx512(contexts, flags, n, layout, totals);
#else
  (void)cpu;
  (void)flags;
  (void)layout;
#endif
  classes::CountScalar(contexts, done, n, totals);
}

void FindSymbols(Cpu cpu, const ClassLookup& lookup, const uint16_t* differences, size_t n,
                 uint8_t* symbols) {
  size_t i = 0;
#ifdef MH_X86
  if (cpu == Cpu::kAvx512 && lookup.far_count <= kClassFarMax) {
    i = classes::FindAvx512(lookup, differences, n, symbols);
  }
#else
  (void)cpu;
#endif
  for (; i < n; i++) symbols[i] = lookup.all[differences[i]];
}

void ScatterSymbols(Cpu cpu, const uint8_t* symbols, const uint8_t* contexts, const uint8_t* flags,
                    size_t n, const ClassLayout& layout, uint32_t* cursor, uint8_t* buckets) {
  size_t done = 0;
#ifdef MH_X86
  if (cpu == Cpu::kAvx512) {
    done = classes::ScatterAvx512(symbols, contexts, flags, n, layout, cursor, buckets);
  }
#else
  (void)cpu;
#endif
  classes::ScatterScalar(symbols, contexts, flags, done, n, layout, cursor, buckets);
}

void GatherSymbols(Cpu cpu, const uint8_t* buckets, const uint8_t* contexts, const uint8_t* flags,
                   size_t n, const ClassLayout& layout, uint32_t* cursor, uint8_t* symbols) {
  size_t done = 0;
#ifdef MH_X86
  if (cpu == Cpu::kAvx512) {
    done = classes::GatherAvx512(buckets, contexts, flags, n, layout, cursor, symbols);
  }
#else
  (void)cpu;
#endif
  classes::GatherScalar(buckets, contexts, flags, done, n, layout, cursor, symbols);
}

size_t WriteRawBits(Cpu cpu, const uint16_t* differences, const uint8_t* symbols,
                    const ClassSymbols& table, size_t n, uint8_t* out) {
  MH_CLASSES_DISPATCH(WriteRaw, differences, symbols, table, n, out);
}

uint64_t ReadRawBits(Cpu cpu, const uint8_t* raw, uint64_t raw_bits, const uint8_t* symbols,
                     const ClassSymbols& table, size_t n, uint16_t* differences) {
  MH_CLASSES_DISPATCH(ReadRaw, raw, raw_bits, symbols, table, n, differences);
}

}  // namespace mh
