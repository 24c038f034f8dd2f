// Entries of odd kinds, for the seeds of blobs and packs, and what their targets share.
#ifndef TESTS_FUZZ_ENTRIES_H_
#define TESTS_FUZZ_ENTRIES_H_

#include "mh/chain/chain_decode.h"
#include "tests/fuzz/fuzz_util.h"

namespace mh_fuzz {

// Larger arrays than this are not decoded: who asks for them has said that there is room.
inline constexpr uint64_t kArrayBytesMax = size_t{1} << 20;

// An entry's own data and base, kept while its input points to them.
struct Entry {
  mh::EntryInput input;
  Data data, base;
};

// Arrays of every width, of floats and not, alone and as deltas and mapped deltas; entry i has id
// i. Few are longer than `elements`.
std::vector<Entry> OddEntries(size_t elements);

// Decodes at every level and checks that parts of the array are what the whole has of them. Empty
// if it is refused.
std::vector<Data> DecodeWholeAndParts(std::span<const mh::Link> chain,
                                      std::optional<mh::Bytes> base, uint8_t planes,
                                      uint16_t row_begin, uint16_t row_end);

}  // namespace mh_fuzz

#endif  // TESTS_FUZZ_ENTRIES_H_
