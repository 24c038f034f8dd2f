// The loops of classes_loops.h by instruction set, and the vector kernels. The latter return how
// many elements they did, a multiple of 64.
#ifndef MH_CODEC_CLASSES_CLASSES_VECTOR_H_
#define MH_CODEC_CLASSES_CLASSES_VECTOR_H_

#include "mh/codec/classes/classes_kernel.h"

#define MH_CLASSES_LOOPS(suffix)                                                                   \
  void Exponents##suffix(const uint8_t* base, int width, size_t n, uint8_t* exponents);            \
  void Differences##suffix(const uint8_t* elements, const uint8_t* base, int width, int offset,    \
                           bool is_float, size_t n, uint16_t* differences);                        \
  void AddToBase##suffix(const uint16_t* differences, bool is_float, size_t n,                     \
                         const uint8_t* base, uint8_t* elements);                                  \
  void AddBoth##suffix(const uint16_t* leading, const uint16_t* trailing, bool is_float, size_t n, \
                       const uint8_t* base, uint8_t* elements);                                    \
  size_t WriteRaw##suffix(const uint16_t* differences, const uint8_t* symbols,                     \
                          const ClassSymbols& table, size_t n, uint8_t* out);                      \
  uint64_t ReadRaw##suffix(const uint8_t* raw, uint64_t raw_bits, const uint8_t* symbols,          \
                           const ClassSymbols& table, size_t n, uint16_t* differences);

namespace mh::classes {

MH_CLASSES_LOOPS(Loop)
// Not worth a version of its own: where levels are mixed, planes take the time.
void AddLoop(const uint16_t* differences, int width, int offset, bool is_float, size_t n,
             uint8_t* ordered);

#ifdef MH_X86
MH_CLASSES_LOOPS(Avx2)
MH_CLASSES_LOOPS(Avx512)

size_t FindAvx512(const ClassLookup& lookup, const uint16_t* differences, size_t n,
                  uint8_t* symbols);
size_t MapAvx512(const uint8_t* exponents, const uint8_t* flags, size_t n,
                 const uint8_t map[2][256], uint8_t* contexts);
size_t CountAvx512(const uint8_t* contexts, const uint8_t* flags, size_t n,
                   const ClassLayout& layout, uint32_t* totals);
size_t ScatterAvx512(const uint8_t* symbols, const uint8_t* contexts, const uint8_t* flags,
                     size_t n, const ClassLayout& layout, uint32_t* cursor, uint8_t* buckets);
size_t GatherAvx512(const uint8_t* buckets, const uint8_t* contexts, const uint8_t* flags, size_t n,
                    const ClassLayout& layout, uint32_t* cursor, uint8_t* symbols);
#endif

}  // namespace mh::classes

#endif  // MH_CODEC_CLASSES_CLASSES_VECTOR_H_
