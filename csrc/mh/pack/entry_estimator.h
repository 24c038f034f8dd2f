// What an array would take as an entry, from a sample of it.
#ifndef MH_PACK_ENTRY_ESTIMATOR_H_
#define MH_PACK_ENTRY_ESTIMATOR_H_

#include "mh/pack/entry_encoder.h"

namespace mh {

struct EntryEstimate {
  bool delta = false;
  uint64_t record_bytes = 0;            // Exact for the scheme told.
  std::vector<uint64_t> segment_bytes;  // Of each segment, scaled up from the sample.
};

// Fills *estimate: as EncodeEntry with a base if there is one, so alone where that is smaller.
// Arrays of up to two blocks are coded whole, of longer ones two to eight blocks' worth. Takes
// entry->arena and entry->predicted for scratch. kBadInput or kBadShape as EncodeEntry.
Status EstimateEntry(const EntryInput& input, Preset preset, ScratchList* scratch,
                     EncodedEntry* entry, EntryEstimate* estimate);

}  // namespace mh

#endif  // MH_PACK_ENTRY_ESTIMATOR_H_
