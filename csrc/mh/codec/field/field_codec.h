// The field codec: the leading 16 bits of a block of floats to a payload and a plane of rest bits.
#ifndef MH_CODEC_FIELD_FIELD_CODEC_H_
#define MH_CODEC_FIELD_FIELD_CODEC_H_

#include "mh/base/buffer.h"
#include "mh/base/file.h"
#include "mh/codec/field/field_kernel.h"
#include "mh/codec/rans/rans_codec.h"

namespace mh {

struct FieldOptions {
  FieldShape shape;
  bool fine = false;     // rANS with 12-bit frequencies instead of lanes with 8-bit ones.
  bool sampled = false;  // Count some groups of values only.
  // Exponents relative to the largest of each 64 elements, and none where all are zero.
  bool grouped = false;
};

// Memory for blocks of up to the reserved number of elements.
struct FieldScratch {
  Buffer symbols, escapes, stream, apart, compact, rest, groups;
  RansScratch rans;
  bool Reserve(size_t elements);
};

// Writes the payload to `out` and the rest bits to `rest` (n bytes). Returns its length, 0 if it
// does not fit `out`. The leading half of element i lies at elements + i * stride. REQUIRES: n > 0
size_t EncodeField(Cpu cpu, const FieldOptions& options, FieldScratch* scratch,
                   const uint8_t* elements, size_t stride, size_t n, std::span<uint8_t> out,
                   uint8_t* rest);

// What a payload holds, ready to be merged. Pointers go into the payload and the scratch.
struct FieldBlock {
  FieldTables tables;
  size_t escapes = 0;
  FieldSource source{};
  // Grouped: by group of 64, 0 if it is all zero, else 1 and what its exponents were raised by.
  const uint8_t* groups = nullptr;
  size_t coded = 0;  // Elements that are coded.
  uint8_t* rest_room = nullptr;
  uint16_t* leading_room = nullptr;
};

// Parses a payload for n elements and decodes its symbols; the rest bits are left to the caller.
bool DecodeField(Cpu cpu, FieldScratch* scratch, Bytes payload, size_t n, FieldBlock* block);

// Merges with the plane of rest bits or, where that is null, with the same packed (bits/). False if
// the escapes are not those counted. REQUIRES: the plane, if the block is grouped
bool MergeFieldBlock(Cpu cpu, const FieldBlock& block, const uint8_t* rest, const uint8_t* packed,
                     size_t n, uint16_t* leading);

}  // namespace mh

#endif  // MH_CODEC_FIELD_FIELD_CODEC_H_
