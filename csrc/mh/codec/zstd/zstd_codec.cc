#include "mh/codec/zstd/zstd_codec.h"

#include <zstd.h>

namespace mh {

size_t ZstdCompress(CodecState* state, int level, Bytes data, std::span<uint8_t> out) {
  ZSTD_CCtx* context = state->zstd_compressor();
  if (context == nullptr) return 0;
  const size_t written =
      ZSTD_compressCCtx(context, out.data(), out.size(), data.data(), data.size(), level);
  return ZSTD_isError(written) ? 0 : written;
}

bool ZstdDecompress(CodecState* state, Bytes payload, std::span<uint8_t> out) {
  ZSTD_DCtx* context = state->zstd_decompressor();
  if (context == nullptr) return false;
  // ZSTD_decompress would also take several frames, or skippable ones, in a row.
  if (ZSTD_findFrameCompressedSize(payload.data(), payload.size()) != payload.size()) return false;
  return ZSTD_decompressDCtx(context, out.data(), out.size(), payload.data(), payload.size()) ==
         out.size();
}

}  // namespace mh
