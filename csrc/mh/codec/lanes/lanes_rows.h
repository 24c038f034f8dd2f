// The row kernels behind lanes_kernel.h, one set per instruction set, all bit-identical.
#ifndef MH_CODEC_LANES_LANES_ROWS_H_
#define MH_CODEC_LANES_LANES_ROWS_H_

#include "mh/codec/lanes/lanes_kernel.h"

namespace mh::lanes {

// States of one group of lanes.
struct alignas(64) States {
  uint16_t x[kLanes];
};

// Decodes `rows` rows, row i with states[i % groups]; reads below `end` only. Returns the new
// position in the stream, or null if it ends early.
const uint8_t* DecodeRowsScalar(const LaneTable& table, States* const* states, int groups,
                                size_t rows, const uint8_t* in, const uint8_t* end,
                                uint8_t* symbols);
// Encodes rows last to first, row i with states[i % groups]; returns the new begin of the stream.
uint8_t* EncodeRowsScalar(const LaneTable& table, States* const* states, int groups, size_t rows,
                          const uint8_t* symbols, uint8_t* out);

#ifdef MH_X86
// As above, but they stop where a full row could read past `end`: *rows is set to what is left.
const uint8_t* DecodeRowsAvx2(const LaneTable& table, States* const* states, int groups,
                              size_t* rows, const uint8_t* in, const uint8_t* end,
                              uint8_t* symbols);
const uint8_t* DecodeRowsAvx512(const LaneTable& table, States* const* states, int groups,
                                size_t* rows, const uint8_t* in, const uint8_t* end,
                                uint8_t* symbols);
uint8_t* EncodeRowsAvx2(const LaneTable& table, States* const* states, int groups, size_t rows,
                        const uint8_t* symbols, uint8_t* out);
uint8_t* EncodeRowsAvx512(const LaneTable& table, States* const* states, int groups, size_t rows,
                          const uint8_t* symbols, uint8_t* out);
#endif

}  // namespace mh::lanes

#endif  // MH_CODEC_LANES_LANES_ROWS_H_
