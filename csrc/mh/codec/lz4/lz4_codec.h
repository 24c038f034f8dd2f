// LZ4 blocks; see spec.md.
#ifndef MH_CODEC_LZ4_LZ4_CODEC_H_
#define MH_CODEC_LZ4_LZ4_CODEC_H_

#include "mh/codec/codec.h"

namespace mh {

// Returns the bytes written to `out`, or 0 if they do not fit. `fast` trades size for speed.
size_t Lz4Compress(CodecState* state, Bytes data, std::span<uint8_t> out, bool fast);

// True if `payload` expands to exactly out.size() bytes.
bool Lz4Decompress(Bytes payload, std::span<uint8_t> out);

}  // namespace mh

#endif  // MH_CODEC_LZ4_LZ4_CODEC_H_
