#include "mh/codec/fixed/fixed_kernel.h"

#include <algorithm>
#include <bit>

#include "mh/base/endian.h"

namespace mh {
namespace {

// One kind of floats, its numbers known to the compiler.
template <typename Word, int kMantissa>
struct Kind {
  using Element = Word;
  static constexpr int kM = kMantissa;
  static constexpr int kLowBits = 8 * static_cast<int>(sizeof(Word)) - 1;
  static constexpr uint32_t kLow = (uint32_t{1} << kLowBits) - 1;
  static constexpr uint32_t kFraction = (uint32_t{1} << kM) - 1;
  static uint32_t At(const uint8_t* elements, size_t i) {
    return Load<Word>(elements + i * sizeof(Word));
  }
  static void Put(uint8_t* elements, size_t i, uint32_t bits) {
    Store(elements + i * sizeof(Word), static_cast<Word>(bits));
  }
};
using Float = Kind<uint32_t, 23>;
using Half = Kind<uint16_t, 10>;
using Brain = Kind<uint16_t, 7>;

// Calls function with the kind of `form`.
template <typename Function>
auto WithKind(FloatForm form, Function function) {
  if (form.width == 4) return function(Float());
  return form.mantissa == 10 ? function(Half()) : function(Brain());
}

template <typename K>
int Largest(const uint8_t* elements, size_t n) {
  typename K::Element most = 0;
  for (size_t i = 0; i < n; i++) {
    const auto low = static_cast<typename K::Element>(K::At(elements, i) & K::kLow);
    most = low > most ? low : most;
  }
  return static_cast<int>(most >> K::kM);
}

template <typename K>
void Split(uint32_t exponent, const uint8_t* elements, size_t n, uint32_t* words, BitWriter* tail) {
  for (size_t i = 0; i < n; i++) {
    const uint32_t bits = K::At(elements, i), low = bits & K::kLow;
    const uint32_t sign = bits >> K::kLowBits << K::kM;
    const uint32_t p = exponent + 1 - (low >> K::kM);
    if (p <= K::kM) {
      const uint32_t fraction = low & K::kFraction;
      words[i] = sign | (uint32_t{1} << K::kM | fraction) >> p;
      tail->Put(fraction & ((uint32_t{1} << p) - 1), static_cast<int>(p));
    } else {
      words[i] = sign;
      tail->Put(uint64_t{low} << 1 | (low != 0), low == 0 ? 1 : 1 + K::kLowBits);
    }
  }
}

template <typename K>
void Join(uint32_t exponent, int bits, const uint32_t* __restrict words, size_t n,
          uint8_t* __restrict elements) {
  const int magnitude = bits - 1, missing = K::kM - magnitude;
  const uint32_t mask = (uint32_t{1} << magnitude) - 1;
  // A magnitude below 2^24 is exact as a float, and that float's mantissa is the element's. Its
  // field is 126 + the magnitude's bits, the element's `exponent` - M + those bits.
  const uint32_t offset = (exponent - K::kM - 126) << K::kM;
  for (size_t i = 0; i < n; i++) {
    const uint32_t m = (words[i] & mask) << missing;
    const uint32_t sign = words[i] >> magnitude << K::kLowBits;
    const auto value = std::bit_cast<uint32_t>(static_cast<float>(static_cast<int32_t>(m)));
    const uint32_t low = (value >> (23 - K::kM)) + offset;
    // No branch, or this would be no vector code.
    K::Put(elements, i, sign | (low & (0 - static_cast<uint32_t>(m != 0))));
  }
}

template <typename K>
bool Add(uint32_t exponent, TailReader* tail, size_t n, uint8_t* elements) {
  const uint8_t* const data = tail->data;
  size_t at = tail->at;
  bool good = true;
  for (size_t i = 0; i < n; i++) {
    const uint32_t bits = K::At(elements, i), low = bits & K::kLow;
    const uint64_t window = Load<uint64_t>(data + at / 8) >> at % 8;
    if (low != 0) {
      const uint32_t p = exponent + 1 - (low >> K::kM);
      K::Put(elements, i, bits | (static_cast<uint32_t>(window) & ((uint32_t{1} << p) - 1)));
      at += p;
    } else if ((window & 1) == 0) {
      at++;
    } else {
      const auto held = static_cast<uint32_t>(window >> 1) & K::kLow;
      // What has a place in the fixed part stands there.
      good =
          good && held != 0 && exponent + 1 - (held >> K::kM) > K::kM && held >> K::kM <= exponent;
      K::Put(elements, i, bits | held);
      at += 1 + K::kLowBits;
    }
  }
  tail->at = at;
  return good && at <= 8 * tail->bytes;
}

}  // namespace

int LargestField(FloatForm form, const uint8_t* elements, size_t n) {
  return WithKind(form, [&](auto kind) { return Largest<decltype(kind)>(elements, n); });
}

void SplitFixed(FloatForm form, int exponent, const uint8_t* elements, size_t n, uint32_t* words,
                BitWriter* tail) {
  WithKind(form, [&](auto kind) {
    Split<decltype(kind)>(static_cast<uint32_t>(exponent), elements, n, words, tail);
  });
}

void JoinFixed(FloatForm form, int exponent, int bits, const uint32_t* words, size_t n,
               uint8_t* elements) {
  WithKind(form, [&](auto kind) {
    Join<decltype(kind)>(static_cast<uint32_t>(exponent), bits, words, n, elements);
  });
}

bool AddTails(FloatForm form, int exponent, TailReader* tail, size_t n, uint8_t* elements) {
  return WithKind(form, [&](auto kind) {
    return Add<decltype(kind)>(static_cast<uint32_t>(exponent), tail, n, elements);
  });
}

}  // namespace mh
