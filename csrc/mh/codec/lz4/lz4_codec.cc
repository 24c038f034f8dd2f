#include "mh/codec/lz4/lz4_codec.h"

#include <lz4.h>

namespace mh {

size_t Lz4Compress(CodecState* state, Bytes data, std::span<uint8_t> out, bool fast) {
  void* memory = state->lz4_compressor();
  if (memory == nullptr || data.size() > LZ4_MAX_INPUT_SIZE) return 0;
  // Acceleration 8 passes over noise at several GB/s and still meets repeated rows.
  const int written = LZ4_compress_fast_extState(
      memory, reinterpret_cast<const char*>(data.data()), reinterpret_cast<char*>(out.data()),
      static_cast<int>(data.size()), static_cast<int>(out.size()), fast ? 8 : 1);
  return static_cast<size_t>(written);
}

bool Lz4Decompress(Bytes payload, std::span<uint8_t> out) {
  const int written = LZ4_decompress_safe(
      reinterpret_cast<const char*>(payload.data()), reinterpret_cast<char*>(out.data()),
      static_cast<int>(payload.size()), static_cast<int>(out.size()));
  return written >= 0 && static_cast<size_t>(written) == out.size();
}

}  // namespace mh
