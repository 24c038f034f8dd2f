// Coding of one array into the cells of an entry: alone or as a delta, whichever is smaller.
#ifndef MH_PACK_ENTRY_ENCODER_H_
#define MH_PACK_ENTRY_ENCODER_H_

#include <memory>
#include <vector>

#include "mh/base/buffer.h"
#include "mh/pack/pack_format.h"

namespace mh {

// A base as the caller has it. Its type and shape may differ from those of the array.
struct BaseInput {
  Id id{};
  uint32_t depth = 0;
  uint8_t dtype_code = 0;
  ElementType type;
  std::vector<uint64_t> shape;
  Bytes data;
};

// What to code. `data` and the base's must stay unchanged during the call.
struct EntryInput {
  Head head;  // As the caller wants it; scheme, depth, base, block and segment sizes are set here.
  Bytes data;
  bool has_base = false;
  BaseInput base;
  // How a base of another type is converted. kNone for one of the same type.
  Conversion conversion = Conversion::kNone;
  // To code floats in segments of few bits, as a fixed entry without a base, where that can be: the
  // mantissa bits of their dtype, 23, 10 or 7. 0: like other arrays.
  int fixed_mantissa = 0;
  uint64_t fixed_elements_min = 256;  // In fewer, the cells weigh more than what they hold.
};

// An entry ready to be written. Reused for the next one, so that its memory is warm.
struct EncodedEntry {
  Head head;
  std::vector<Cell> cells;      // By segment, then block.
  std::vector<Bytes> payloads;  // In file order, into `arena`.
  std::string record;           // Head, cells, checksum.
  Buffer arena;
  Buffer predicted;  // What a base of another shape or type was mapped to.
};

// Scratch of the threads of one call. Reused too.
using ScratchList = std::vector<std::unique_ptr<BlockScratch>>;

// Fills *entry. kBadInput or kBadShape if the input breaks the format's rules; nothing depends on
// `threads` but the time. Needs up to input.data.size() bytes of memory, in entry->arena.
Status EncodeEntry(const EntryInput& input, Preset preset, int threads, ScratchList* scratch,
                   EncodedEntry* entry);

// Serialises head and cells into entry->record.
void BuildRecord(EncodedEntry* entry);

// Maps the whole of a base to a prediction of the array of `head`; `out` has its length. `base`
// holds at least the leading PlanesBefore bytes of each element, the others may be zero.
Status MapBase(const Head& head, const BaseShape& shape, Bytes base, std::span<uint8_t> out);

}  // namespace mh

#endif  // MH_PACK_ENTRY_ENCODER_H_
