// A block: elements to cells and back.
#ifndef MH_CODEC_BLOCK_CODER_H_
#define MH_CODEC_BLOCK_CODER_H_

#include "mh/base/buffer.h"
#include "mh/codec/classes/classes_codec.h"
#include "mh/codec/codec.h"
#include "mh/codec/delta/delta_kernel.h"
#include "mh/codec/field/field_codec.h"

namespace mh {

inline constexpr int kWidthMax = 8;

// What the elements of an array are.
struct ElementType {
  int width = 1;  // 1, 2, 4 or 8
  ValueKind kind = ValueKind::kUnsigned;
};

// How one level of a delta is coded.
struct LevelPlan {
  bool classes = false;
  ClassPlan plan;
  Form form = Form::kDifference;  // Of its planes, where it is not coded by classes.
};

// What is chosen for a tensor, from a sample of it (block_planner.h). Every block falls back to
// what works where its choice does not.
struct BlockPlan {
  bool field = false;
  FieldOptions field_options;
  bool palette = false;
  CellHints hints;
  bool far_repeats = false;  // Repeats that only a large block can hold.
  bool delta = false;
  LevelPlan levels[2];
  double alone_bytes = 0;  // Of an element coded alone, in the sample.
};

// Memory for blocks of fixed entries, reserved where they are coded.
struct FixedScratch {
  Buffer words;      // 4 * elements
  Buffer merged;     // 6 * elements: bytes of fixed parts.
  Buffer plane;      // elements, or as long as a tail
  Buffer tail;       // width * elements
  Buffer payload;    // width * elements, and what stands before a payload
  Buffer cell;       // width * elements
  Buffer exponents;  // elements
  Buffer again;      // width * elements
};

// Memory and library state of one thread that codes blocks.
struct BlockScratch {
  CodecState state;
  FieldScratch field;
  ClassScratch classes[2];  // Of each level: what a plan has filled stays.
  FixedScratch fixed;
  Buffer planes;    // width * elements
  Buffer delta;     // the same
  Buffer ordered;   // the same
  Buffer payload;   // the same
  Buffer unit;      // the same
  Buffer cell;      // elements
  Buffer unpacked;  // elements
  bool Reserve(ElementType type, size_t elements);
};

// Prepares scratch for blocks coded by `plan`.
void PrepareBlocks(const BlockPlan& plan, ElementType type, BlockScratch* scratch);

// Codes `elements`, as a delta by the plan where `base` is not null, into `cells` (width of them)
// and their payloads, one after the other in `out` (as long as `elements`). With `check`, decodes
// the result and compares. REQUIRES: scratch has been reserved and prepared, !elements.empty()
Status EncodeBlock(BlockScratch* scratch, ElementType type, const PresetRules& rules,
                   const BlockPlan& plan, Bytes elements, const uint8_t* base, bool check,
                   std::span<uint8_t> out, Cell* cells);

// As EncodeBlock, without a base.
void EncodeAlone(BlockScratch* scratch, ElementType type, const PresetRules& rules,
                 const BlockPlan& plan, Bytes elements, std::span<uint8_t> out, Cell* cells);

// Hands out a block's payloads, verified against their checksums. For raw cells, `into` is where
// the bytes are wanted; others may use it too, or point elsewhere.
class PayloadSource {
 public:
  virtual ~PayloadSource() = default;
  virtual Status Get(int segment, std::span<uint8_t> into, Bytes* payload) = 0;
};

// The segments that must be read for the leading `planes` bytes of a block: a delta's levels are
// read whole, and so is what one cell holds together.
int SegmentsToRead(ElementType type, bool is_delta, int planes);

// Decodes the first `kept` segments (as SegmentsToRead says) of a block into `elements`; bytes
// below are zero. `base` is that of a delta, of which the leading `kept` bytes of each element
// matter; it may be `elements` itself. Null: the block is no delta.
Status DecodeBlock(BlockScratch* scratch, ElementType type, const Cell* const* cells, size_t n,
                   int kept, PayloadSource* source, const uint8_t* base, uint8_t* elements);

}  // namespace mh

#endif  // MH_CODEC_BLOCK_CODER_H_
