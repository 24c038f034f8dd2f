// Floats as fixed-point numbers and back; see spec.md.
#ifndef MH_CODEC_FIXED_FIXED_KERNEL_H_
#define MH_CODEC_FIXED_FIXED_KERNEL_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "mh/base/bits.h"

namespace mh {

// A kind of floats, by the bits of its parts.
struct FloatForm {
  int width = 4;                                  // Bytes: 4 or 2.
  int mantissa = 23;                              // Bits: 23 where width is 4, else 10 or 7.
  int low_bits() const { return 8 * width - 1; }  // All but the sign.
  // Exponent field of infinities and NaNs; finite ones are below.
  int field_end() const { return (1 << (low_bits() - mantissa)) - 1; }
  int exponent_min() const { return mantissa + 2; }
};

// The largest exponent field of n elements; field_end() or more if one is not finite.
int LargestField(FloatForm form, const uint8_t* elements, size_t n);

// Writes the fixed part of n elements of one group to `words` (1 + mantissa bits each, the sign
// first) and their tails to `tail`. REQUIRES: no element has a larger field than `exponent`
void SplitFixed(FloatForm form, int exponent, const uint8_t* elements, size_t n, uint32_t* words,
                BitWriter* tail);

// Makes n elements of one group of the leading `bits` bits of their fixed parts.
// REQUIRES: 1 <= bits <= 1 + mantissa; words have no other bits
void JoinFixed(FloatForm form, int exponent, int bits, const uint32_t* words, size_t n,
               uint8_t* elements);

// A bit string that is read by position. `data` may be read up to kTailSlack bytes past the end.
struct TailReader {
  const uint8_t* data;
  size_t bytes;
  size_t at = 0;  // Bits used.
};
// Elements of one call at most, and what they may read past the end of the string before that is
// found out.
inline constexpr size_t kTailStep = 64;
inline constexpr size_t kTailSlack = kTailStep * 4 + 8;

// Puts the tails into n elements, which hold their whole fixed part. False if a tail does not fit
// its element, or the string has ended. REQUIRES: n <= kTailStep, at <= 8 * bytes
bool AddTails(FloatForm form, int exponent, TailReader* tail, size_t n, uint8_t* elements);

}  // namespace mh

#endif  // MH_CODEC_FIXED_FIXED_KERNEL_H_
