// Decoding of an entry through the chain of its bases, block by block.
#ifndef MH_CHAIN_CHAIN_DECODE_H_
#define MH_CHAIN_CHAIN_DECODE_H_

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "mh/pack/entry_source.h"

namespace mh {

struct Link {
  std::shared_ptr<const EntrySource> source;
  size_t index = 0;
};

// What to decode: rows [row_begin, row_end) of the first dimension (all if there is no end), the
// leading `planes` bytes of each element (0: all).
struct DecodeRequest {
  int planes = 0;
  uint64_t row_begin = 0;
  std::optional<uint64_t> row_end;
  int threads = 1;
};

// Decodes chain[0], whose base is chain[1] and so on to an entry without one, into `out`. If the
// last one is a delta, `base` holds the whole of its base. `out` must have the length of the rows
// asked for. Low-order bytes that were not asked for are zero. Each block runs through the whole
// chain while it is in the cache; blocks are shared among threads. Returns the bytes of payloads
// read. After an error the content of `out` is undefined. Memory: a dozen blocks per thread besides
// the tables of the chain's entries; a base of another shape or type is decoded whole. kUsage: the
// call is malformed; kCorruption: a chain that does not fit together, or damage.
Result<uint64_t> DecodeChain(std::span<const Link> chain, const DecodeRequest& request,
                             std::span<uint8_t> out, std::optional<Bytes> base = std::nullopt);

// Decodes the leading `segments` of a fixed entry into `out`, which has its length: each element
// truncated as csrc/mh/codec/fixed/spec.md says; and the exponent of each group into `exponents`,
// a byte for each. Returns the bytes of payloads read. Errors and memory as DecodeChain.
Result<uint64_t> DecodePrefix(const Link& link, size_t segments, int threads,
                              std::span<uint8_t> out, std::span<uint8_t> exponents);

}  // namespace mh

#endif  // MH_CHAIN_CHAIN_DECODE_H_
