// A block: elements to cells and back.
#ifndef MH_CODEC_BLOCK_CODER_H_
#define MH_CODEC_BLOCK_CODER_H_

#include "mh/base/buffer.h"
#include "mh/codec/codec.h"
#include "mh/codec/delta/delta_kernel.h"

namespace mh {

// What the elements of an array are.
struct ElementType {
  int width = 1;  // 1, 2, 4 or 8
  ValueKind kind = ValueKind::kUnsigned;
};

// Memory and library state of one thread that codes blocks.
struct BlockScratch {
  CodecState state;
  Buffer planes;   // width * elements
  Buffer delta;    // the same
  Buffer payload;  // elements
  Buffer unit;     // width * elements
  bool Reserve(int width, size_t elements);
};

// Codes `elements`, as a delta where `base` is not null, into `cells` (width of them) and their
// payloads, one after the other in `out` (as long as `elements`). With `check`, decodes the result
// and compares. REQUIRES: scratch has been reserved, !elements.empty()
Status EncodeBlock(BlockScratch* scratch, ElementType type, int level, Bytes elements,
                   const uint8_t* base, bool check, std::span<uint8_t> out, Cell* cells);

// Merges the first `kept` planes (in scratch->planes, each `n` long) into `elements`; for a delta,
// `elements` holds the base before, and `kept` is the end of a level.
void MergeBlock(BlockScratch* scratch, ElementType type, size_t n, int kept, bool is_delta,
                uint8_t* elements);

}  // namespace mh

#endif  // MH_CODEC_BLOCK_CODER_H_
