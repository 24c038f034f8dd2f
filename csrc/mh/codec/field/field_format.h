// What the two halves of the field codec share: numbers of its payload, and groups of elements.
#ifndef MH_CODEC_FIELD_FIELD_FORMAT_H_
#define MH_CODEC_FIELD_FIELD_FORMAT_H_

#include "mh/codec/field/field_codec.h"
#include "mh/codec/lanes/lanes_kernel.h"

namespace mh::field {

// Bits of a payload's first byte; its low four are `below`.
inline constexpr uint8_t kSignIn = 1 << 4, kFine = 1 << 5, kFourGroups = 1 << 6, kGrouped = 1 << 7;
inline constexpr size_t kFixedBytes = 4;  // That byte, the window's length and first value.

inline size_t CarriedMax(bool fine, int groups) {
  return fine ? kRansCarriedMax : LaneCarriedMax(groups);
}
inline size_t RowsOf(size_t n, size_t lanes) { return (n + lanes - 1) / lanes; }

// Elements that share a raised exponent, or are all zero.
inline constexpr size_t kGroup = 64;
inline size_t GroupsOf(size_t n) { return (n + kGroup - 1) / kGroup; }

// Copies the elements of groups that are not all zero, their exponents raised so that the largest
// of each group is that of the block, and fills `groups`. Returns how many there are.
size_t RaiseGroups(const uint8_t* elements, size_t stride, size_t n, uint8_t* groups,
                   uint16_t* compact);
// The inverse.
void LowerGroups(const uint8_t* groups, const uint16_t* compact, size_t n, uint16_t* leading);

// Spreads the values of the groups that are coded over all n, with zeros between, or the inverse.
void SpreadGroups(const uint8_t* groups, const uint8_t* compact, size_t n, uint8_t* all);
void CompactGroups(const uint8_t* groups, const uint8_t* all, size_t n, uint8_t* compact);

}  // namespace mh::field

#endif  // MH_CODEC_FIELD_FIELD_FORMAT_H_
