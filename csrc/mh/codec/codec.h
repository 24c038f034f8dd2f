// Codecs of cells: numbers on disk, per-thread state, and coding of one plane of bytes.
#ifndef MH_CODEC_CODEC_H_
#define MH_CODEC_CODEC_H_

#include <cstdint>
#include <memory>

#include "mh/base/cpu.h"
#include "mh/base/file.h"
#include "mh/base/status.h"
#include "mh/codec/preset.h"
#include "mh/codec/rans/rans_codec.h"

struct ZSTD_CCtx_s;
struct ZSTD_DCtx_s;

namespace mh {

// Written to packs: numbers never change and are never used again.
enum class CodecId : uint8_t {
  // Of one plane of a block, a byte for each element.
  kConstant = 0,
  kRaw = 1,
  kLz4 = 2,
  kZstd = 3,
  kRans = 4,
  kBits = 5,
  // Of the first plane of a block or level, and with it of others.
  kField = 6,
  kClasses = 7,
  kPalette = 8,
  // A plane that one before it holds.
  kJoined = 9,
};
inline constexpr int kCodecCount = 10;
inline constexpr const char* kCodecNames[kCodecCount] = {
    "constant", "raw", "lz4", "zstd", "rans", "bits", "field", "classes", "palette", "joined"};
inline constexpr uint8_t kCodecVersion = 1;  // Of all of them.

// How a level of a delta, or a block in it, relates to the base. Written to packs.
enum class Form : uint8_t {
  kDifference = 0,  // Zigzag of the difference of ordered integers; also: no base.
  kAlone = 1,       // Said by a block's first cell: the block needs no base.
  kXor = 2,
};
inline constexpr uint8_t kFormMax = 2;

// What a pack says about one segment of one block.
struct Cell {
  uint32_t stored_bytes = 0;
  CodecId codec = CodecId::kConstant;
  uint8_t param = 0;  // Constant: the byte. Bits: the width.
  Form form = Form::kDifference;
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
  RansScratch rans;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

// What an encoder is told about a plane.
struct CellHints {
  // A sample of the tensor has shown that its planes repeat themselves.
  bool repeats = false;
  // Its bytes are numbers of few bits.
  bool narrow = false;
};

// Codes a plane into `out` by the rule of docs/formats/pack.md ("How the writer chooses") and fills
// *cell. `scratch` is as long as the data. At most data.size() bytes are used.
// REQUIRES: !data.empty(); state->rans has been reserved for as many bytes
void EncodeCell(CodecState* state, Cpu cpu, const PresetRules& rules, CellHints hints, Bytes data,
                std::span<uint8_t> out, std::span<uint8_t> scratch, Cell* cell);

// Says why a cell of a block of `elements` of `width` bytes cannot be as described; `segment` is
// its number. Allocates nothing.
Status CheckCell(const Cell& cell, size_t elements, int width, int segment);

// Whether this codec holds one plane: the others are the block coder's.
inline bool IsPlaneCodec(CodecId codec) { return codec <= CodecId::kBits; }

// Decodes a plane's payload, whose checksum has been verified, into `out`, which it fills exactly.
// kCorruption if the payload breaks its codec. REQUIRES: IsPlaneCodec(cell.codec), CheckCell is ok,
// payload.size() == cell.stored_bytes
Status DecodeCell(CodecState* state, Cpu cpu, const Cell& cell, Bytes payload,
                  std::span<uint8_t> out);

}  // namespace mh

#endif  // MH_CODEC_CODEC_H_
