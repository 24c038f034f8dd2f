// Codecs of cells: numbers on disk, per-thread state, and coding of one run of bytes.
#ifndef MH_CODEC_CODEC_H_
#define MH_CODEC_CODEC_H_

#include <cstdint>
#include <memory>

#include "mh/base/file.h"
#include "mh/base/status.h"

struct ZSTD_CCtx_s;
struct ZSTD_DCtx_s;

namespace mh {

// Written to packs: numbers never change and are never used again.
enum class CodecId : uint8_t { kConstant = 0, kRaw = 1, kLz4 = 2, kZstd = 3 };
inline constexpr int kCodecCount = 4;
inline constexpr const char* kCodecNames[kCodecCount] = {"constant", "raw", "lz4", "zstd"};
inline constexpr uint8_t kCodecVersion = 1;  // Of all four.

// What a pack says about one segment of one block.
struct Cell {
  uint32_t stored_bytes = 0;
  CodecId codec = CodecId::kConstant;
  uint8_t param = 0;  // Constant: the byte.
  uint64_t checksum = 0;
};

// State of the libraries, made when first used. One per thread.
class CodecState {
 public:
  CodecState();
  ~CodecState();
  CodecState(CodecState&&) noexcept;

  // Null: out of memory.
  ZSTD_CCtx_s* zstd_compressor();
  ZSTD_DCtx_s* zstd_decompressor();
  void* lz4_compressor();

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

// The level of zstd that tensors get; 1 to 19.
inline constexpr int kLevelMin = 1;
inline constexpr int kLevelMax = 19;

// Codes `data` into `out` by the rule of docs/formats/pack.md ("How the writer chooses"), checks
// that it decodes, and fills *cell. `scratch` is for the check. At most data.size() bytes are used.
// REQUIRES: !data.empty(), out and scratch are as long as data
Status EncodeCell(CodecState* state, int level, Bytes data, std::span<uint8_t> out,
                  std::span<uint8_t> scratch, Cell* cell);

// Says why a cell of `elements` bytes cannot be as described; allocates nothing.
Status CheckCell(const Cell& cell, size_t elements);

// Decodes a payload into `out`, which it fills exactly. kCorruption if the payload does not match
// its checksum or breaks its codec. `payload` may be `out` itself for raw cells. REQUIRES:
// CheckCell(cell, out.size()).ok(), payload.size() == cell.stored_bytes
Status DecodeCell(CodecState* state, const Cell& cell, Bytes payload, std::span<uint8_t> out);

}  // namespace mh

#endif  // MH_CODEC_CODEC_H_
