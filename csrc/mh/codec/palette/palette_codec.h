// The palette codec: a block of at most 256 distinct elements as their list and an index for each.
#ifndef MH_CODEC_PALETTE_PALETTE_CODEC_H_
#define MH_CODEC_PALETTE_PALETTE_CODEC_H_

#include "mh/codec/rans/rans_codec.h"

namespace mh {

// `indexes` is scratch of one byte an element. Returns the payload's length, 0 if there are more
// distinct elements or it does not fit `out`. REQUIRES: width is 2, 4 or 8; n > 0
size_t EncodePalette(Cpu cpu, RansScratch* scratch, const uint8_t* elements, size_t n, int width,
                     uint8_t* indexes, std::span<uint8_t> out);

// Fills `elements`. False if the payload is not for n elements.
bool DecodePalette(Cpu cpu, RansScratch* scratch, Bytes payload, size_t n, int width,
                   uint8_t* indexes, uint8_t* elements);

// Whether a sample of elements has few distinct values, so that EncodePalette is worth a try.
bool LooksLikePalette(const uint8_t* elements, size_t n, int width);

}  // namespace mh

#endif  // MH_CODEC_PALETTE_PALETTE_CODEC_H_
