// The bits cell codec: a plane of bytes, of which each group of 64 drops its leading and trailing
// zero bits.
#ifndef MH_CODEC_BITS_BITS_CODEC_H_
#define MH_CODEC_BITS_BITS_CODEC_H_

#include "mh/base/cpu.h"
#include "mh/base/file.h"

namespace mh {

// Returns the payload's length and sets *width, or 0 if it does not fit `out`.
// REQUIRES: some byte is not zero
size_t EncodeBits(Cpu cpu, Bytes data, std::span<uint8_t> out, uint8_t* width);

// Fills `out`. False if the payload is not for so many bytes of `width` bits.
bool DecodeBits(Cpu cpu, uint8_t width, Bytes payload, std::span<uint8_t> out);

// The packed values of a payload whose groups all keep `width` bits; empty for any other.
Bytes PlainBits(uint8_t width, Bytes payload, size_t n);

}  // namespace mh

#endif  // MH_CODEC_BITS_BITS_CODEC_H_
