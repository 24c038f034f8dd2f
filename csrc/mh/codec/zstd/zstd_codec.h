// Zstandard frames; see spec.md.
#ifndef MH_CODEC_ZSTD_ZSTD_CODEC_H_
#define MH_CODEC_ZSTD_ZSTD_CODEC_H_

#include "mh/codec/codec.h"

namespace mh {

// Returns the bytes written to `out`, or 0 if they do not fit.
size_t ZstdCompress(CodecState* state, int level, Bytes data, std::span<uint8_t> out);

// True if `payload` is one frame that expands to exactly out.size() bytes. Allocates nothing that
// depends on the payload.
bool ZstdDecompress(CodecState* state, Bytes payload, std::span<uint8_t> out);

}  // namespace mh

#endif  // MH_CODEC_ZSTD_ZSTD_CODEC_H_
