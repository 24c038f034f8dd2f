// Coding of one array into the cells of an entry: alone or as a delta, whichever is smaller.
#ifndef MH_PACK_ENTRY_ENCODER_H_
#define MH_PACK_ENTRY_ENCODER_H_

#include <memory>
#include <vector>

#include "mh/base/buffer.h"
#include "mh/pack/pack_format.h"

namespace mh {

// What to code. `data` and `base` must stay unchanged during the call.
struct EntryInput {
  Head head;  // As the caller wants it; scheme, depth, base, block and segment sizes are set here.
  Bytes data;
  bool has_base = false;
  Id base_id{};
  uint32_t base_depth = 0;
  Bytes base;
};

// An entry ready to be written. Reused for the next one, so that its memory is warm.
struct EncodedEntry {
  Head head;
  std::vector<Cell> cells;      // By segment, then block.
  std::vector<Bytes> payloads;  // In file order, into `arena`.
  std::string record;           // Head, cells, checksum.
  Buffer arena;
};

// Scratch of the threads of one call. Reused too.
using ScratchList = std::vector<std::unique_ptr<BlockScratch>>;

// Fills *entry. kBadInput or kBadShape if the input breaks the format's rules; nothing depends on
// `threads` but the time. Needs up to input.data.size() bytes of memory, in entry->arena.
Status EncodeEntry(const EntryInput& input, int level, int threads, ScratchList* scratch,
                   EncodedEntry* entry);

// Serialises head and cells into entry->record.
void BuildRecord(EncodedEntry* entry);

}  // namespace mh

#endif  // MH_PACK_ENTRY_ENCODER_H_
