#include "mh/codec/classes/classes_loops.h"

#include "mh/codec/classes/classes_vector.h"

namespace mh::classes {

#define MH_CLASSES_DEFINE(suffix, target)                                                       \
  target void Exponents##suffix(const uint8_t* base, int width, size_t n, uint8_t* exponents) { \
    Exponents(base, width, n, exponents);                                                       \
  }                                                                                             \
  target void Differences##suffix(const uint8_t* elements, const uint8_t* base, int width,      \
                                  int offset, bool is_float, size_t n, uint16_t* differences) { \
    Differences(elements, base, width, offset, is_float, n, differences);                       \
  }                                                                                             \
  target void AddToBase##suffix(const uint16_t* differences, bool is_float, size_t n,           \
                                const uint8_t* base, uint8_t* elements) {                       \
    AddToBase(differences, is_float, n, base, elements);                                        \
  }                                                                                             \
  target void AddBoth##suffix(const uint16_t* leading, const uint16_t* trailing, bool is_float, \
                              size_t n, const uint8_t* base, uint8_t* elements) {               \
    AddBoth(leading, trailing, is_float, n, base, elements);                                    \
  }

#define MH_CLASSES_DEFINE_RAW(suffix, target)                                                    \
  target size_t WriteRaw##suffix(const uint16_t* differences, const uint8_t* symbols,            \
                                 const ClassSymbols& table, size_t n, uint8_t* out) {            \
    return WriteRaw(differences, symbols, table, n, out);                                        \
  }                                                                                              \
  target uint64_t ReadRaw##suffix(const uint8_t* raw, uint64_t raw_bits, const uint8_t* symbols, \
                                  const ClassSymbols& table, size_t n, uint16_t* differences) {  \
    return ReadRaw(raw, raw_bits, symbols, table, n, differences);                               \
  }

MH_CLASSES_DEFINE(Loop, )
MH_CLASSES_DEFINE_RAW(Loop, )
#ifdef MH_X86
MH_CLASSES_DEFINE(Avx2, MH_TARGET_AVX2)
MH_CLASSES_DEFINE_RAW(Avx2, MH_TARGET_AVX2)
MH_CLASSES_DEFINE(Avx512, MH_TARGET_AVX512)
#endif

void AddLoop(const uint16_t* differences, int width, int offset, bool is_float, size_t n,
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

}  // namespace mh::classes
