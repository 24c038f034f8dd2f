// A block of a fixed entry: elements to cells and back. See spec.md.
#ifndef MH_CODEC_FIXED_FIXED_CODEC_H_
#define MH_CODEC_FIXED_FIXED_CODEC_H_

#include <vector>

#include "mh/codec/block_coder.h"
#include "mh/codec/fixed/fixed_kernel.h"

namespace mh {

// What the head of a fixed entry says of its segments.
struct FixedLayout {
  int mantissa = 0;
  uint64_t group_elements = 0;
  std::vector<uint8_t> bits;  // Of each segment but the last, the tail.
  size_t segments() const { return bits.size() + 1; }
  FloatForm form(ElementType type) const { return {type.width, mantissa}; }
  // Groups that n elements from `begin` on touch. REQUIRES: n > 0
  size_t GroupsOf(uint64_t begin, size_t n) const {
    return static_cast<size_t>((begin + n - 1) / group_elements - begin / group_elements + 1);
  }
};
inline constexpr size_t kFixedPartsMax = 24;
// What a cell may have beyond the bytes of a plane or of the block.
inline constexpr size_t kFixedCellExtra = 8;

Status CheckFixedLayout(const FixedLayout& layout, ElementType type);

// The segments that a writer gives a tensor of `elements` in rows of `row_elements` each.
FixedLayout FixedLayoutFor(int mantissa, uint64_t elements, uint64_t row_elements);

// CheckCell for a cell of a block of n elements that touches `groups` groups.
Status CheckFixedCell(const FixedLayout& layout, const Cell& cell, size_t n, size_t groups,
                      int width, size_t segment);

// Codes n = elements.size() / width elements, from element `begin` of the entry on, into `cells`
// and their payloads, one after the other in `out`. `exponents` are those of the groups touched.
// With `check`, decodes the result and compares. *size is what is used of `out`, more than there is
// if that does not suffice. REQUIRES: elements are not empty, and finite
Status EncodeFixedBlock(BlockScratch* scratch, const FixedLayout& layout, ElementType type,
                        const PresetRules& rules, uint64_t begin, Bytes elements,
                        const uint8_t* exponents, bool check, std::span<uint8_t> out, Cell* cells,
                        size_t* size);

// Decodes the first `kept` segments of the block of n elements that begins at element `begin` into
// `elements`, and the exponents of the groups touched into `exponents`, if that is not null.
Status DecodeFixedBlock(BlockScratch* scratch, const FixedLayout& layout, ElementType type,
                        const Cell* const* cells, uint64_t begin, size_t n, size_t kept,
                        PayloadSource* source, uint8_t* elements, uint8_t* exponents);

}  // namespace mh

#endif  // MH_CODEC_FIXED_FIXED_CODEC_H_
