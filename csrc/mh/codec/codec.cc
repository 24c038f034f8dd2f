#include "mh/codec/codec.h"

#include <lz4.h>
#include <zstd.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "mh/base/checksum.h"
#include "mh/codec/bits/bits_codec.h"
#include "mh/codec/constant/constant_kernel.h"
#include "mh/codec/lz4/lz4_codec.h"
#include "mh/codec/zstd/zstd_codec.h"

namespace mh {

struct CodecState::Parts {
  ZSTD_CCtx* compressor = nullptr;
  ZSTD_DCtx* decompressor = nullptr;
  std::unique_ptr<LZ4_stream_t> lz4;
  ~Parts() {
    ZSTD_freeCCtx(compressor);
    ZSTD_freeDCtx(decompressor);
  }
};

CodecState::CodecState() : parts_(std::make_unique<Parts>()) {}
CodecState::~CodecState() = default;
CodecState::CodecState(CodecState&&) noexcept = default;

ZSTD_CCtx_s* CodecState::zstd_compressor() {
  if (parts_->compressor == nullptr) parts_->compressor = ZSTD_createCCtx();
  return parts_->compressor;
}

ZSTD_DCtx_s* CodecState::zstd_decompressor() {
  if (parts_->decompressor == nullptr) parts_->decompressor = ZSTD_createDCtx();
  return parts_->decompressor;
}

void* CodecState::lz4_compressor() {
  if (parts_->lz4 == nullptr) parts_->lz4.reset(new (std::nothrow) LZ4_stream_t);
  return parts_->lz4.get();
}

namespace {

// Entropy of a sample in bits a byte. Pieces spread over the data: blocks may straddle rows of
// different kinds (an embedding of fp16 values among trained ones).
double SampledEntropy(Bytes data) {
  constexpr size_t kPieces = 16, kPieceBytes = 256;
  uint32_t counts[4][256] =
      {};  // Four tables, so that equal neighbours do not wait for each other.
  size_t total = 0;
  const auto count = [&](Bytes piece) {
    for (size_t i = 0; i < piece.size(); i++) counts[i % 4][piece[i]]++;
    total += piece.size();
  };
  if (data.size() <= kPieces * kPieceBytes) {
    count(data);
  } else {
    const size_t step = (data.size() - kPieceBytes) / (kPieces - 1);
    for (size_t i = 0; i < kPieces; i++) count(data.subspan(i * step, kPieceBytes));
  }
  double bits = 0;
  for (int symbol = 0; symbol < 256; symbol++) {
    const uint32_t n =
        counts[0][symbol] + counts[1][symbol] + counts[2][symbol] + counts[3][symbol];
    if (n > 0) bits += n * std::log2(static_cast<float>(total) / static_cast<float>(n));
  }
  return bits / static_cast<double>(total);
}

// Above this many bits a byte in a sample a plane is taken for noise. 4096 samples of pure noise
// read 7.955 (bias 255 / (2 ln 2 x 4096)).
constexpr double kEntropyMax = 7.85;
// Bits a byte, below which a plane is mostly one number.
constexpr double kSparseEntropy = 0.6;
// Repeats hide from order-0 entropy; in cells this small a try costs nothing.
constexpr size_t kAlwaysTriedBytes = 4096;
// Less is not worth a table and the states of its lanes.
constexpr size_t kRansBytesMin = 1024;

// The best coding so far: its bytes are in `out`.
struct Best {
  size_t size;
  CodecId codec = CodecId::kRaw;
  uint8_t param = 0;
};

void Take(Best* best, size_t size, CodecId codec, Bytes coded, std::span<uint8_t> out) {
  if (size == 0 || size >= best->size) return;
  if (coded.data() != out.data()) std::memcpy(out.data(), coded.data(), size);
  *best = {size, codec, 0};
}

}  // namespace

void EncodeCell(CodecState* state, Cpu cpu, const PresetRules& rules, CellHints hints, Bytes data,
                std::span<uint8_t> out, std::span<uint8_t> scratch, Cell* cell) {
  *cell = Cell();
  const size_t n = data.size();
  if (IsConstant(data)) {
    cell->param = data[0];
    cell->checksum = Checksum(data.data(), 0);
    return;
  }
  // Raw unless 1/128 is saved: less is not worth a slower read.
  Best best{n - n / 128};
  uint8_t width = 0;
  if (const size_t size = EncodeBits(cpu, data, out.first(best.size - 1), &width); size > 0) {
    best = {size, CodecId::kBits, width};
  }
  const bool small = n <= kAlwaysTriedBytes;
  const double entropy = SampledEntropy(data);
  const auto room = [&] { return scratch.first(best.size - 1); };
  // Against what the plane takes already: a packed plane of six bits is no more compressible for
  // it.
  const double now = 8.0 * static_cast<double>(best.size) / static_cast<double>(n);
  const bool skewed = entropy < std::min(kEntropyMax, now - 0.1);
  if (skewed && rules.rans && n >= kRansBytesMin) {
    Take(&best, EncodeRansBytes(&state->rans, data, room()), CodecId::kRans, scratch, out);
  }
  // LZ4 finds repeats at ten times the speed of zstd, so it tells whether zstd is worth a try;
  // where there is no other order-0 coder, zstd is one.
  bool try_zstd = small || rules.always_repeats || (skewed && (!rules.rans || hints.repeats));
  // What LZ4 finds in numbers of few bits, unless most are zero, are no repeats.
  const bool dense = hints.narrow && entropy > kSparseEntropy;
  if (small || hints.repeats || rules.always_repeats || skewed) {
    const size_t limit = std::min(n - 1, scratch.size());
    const size_t size = Lz4Compress(state, data, scratch.first(limit),
                                    /*fast=*/(!skewed || dense) && !hints.repeats);
    // Saves something by repeats alone, whatever the order-0 coder saves.
    try_zstd = try_zstd || (size > 0 && size < (dense ? best.size : n - n / 32));
    Take(&best, size, CodecId::kLz4, scratch, out);
  }
  if (try_zstd && best.size > 1) {
    Take(&best, ZstdCompress(state, rules.zstd_level, data, room()), CodecId::kZstd, scratch, out);
  }
  if (best.codec == CodecId::kRaw) {
    std::memcpy(out.data(), data.data(), n);
    best.size = n;
  }
  cell->codec = best.codec;
  cell->param = best.param;
  cell->stored_bytes = static_cast<uint32_t>(best.size);
  cell->checksum = Checksum(out.data(), best.size);
}

namespace {

Status WrongSize(const Cell& cell, size_t elements, const char* expected) {
  return Corruption(std::string(kCodecNames[static_cast<int>(cell.codec)]) + " payload of " +
                        std::to_string(cell.stored_bytes) + " bytes for " +
                        std::to_string(elements) + " elements",
                    expected);
}

}  // namespace

Status CheckCell(const Cell& cell, size_t elements, int width, int segment) {
  const auto check = [&](bool good, const char* expected) {
    return good ? Status::Ok() : WrongSize(cell, elements, expected);
  };
  const bool first = segment == 0;
  const auto w = static_cast<size_t>(width);
  switch (cell.codec) {
    case CodecId::kConstant:
    case CodecId::kJoined:
      return check(cell.stored_bytes == 0, "none");
    case CodecId::kRaw:
      return check(cell.stored_bytes == elements, "as many bytes as elements");
    case CodecId::kLz4:
    case CodecId::kZstd:
    case CodecId::kRans:
    case CodecId::kBits:
    case CodecId::kField:
      if (cell.codec == CodecId::kField && (!first || (width != 2 && width != 4))) break;
      return check(cell.stored_bytes > 0 && cell.stored_bytes < elements,
                   "fewer bytes than elements");
    case CodecId::kClasses:
      if (segment % 2 != 0 || (width != 2 && width != 4)) break;
      return check(cell.stored_bytes > 0 && cell.stored_bytes < 2 * elements,
                   "fewer bytes than its level has");
    case CodecId::kPalette:
      if (!first || width == 1) break;
      return check(cell.stored_bytes > 0 && cell.stored_bytes < w * elements,
                   "fewer bytes than the block has");
  }
  return Corruption(std::string("codec ") + kCodecNames[static_cast<int>(cell.codec)] +
                        " in segment " + std::to_string(segment) + " of elements of " +
                        std::to_string(width) + " bytes",
                    "a codec of that place");
}

Status DecodeCell(CodecState* state, Cpu cpu, const Cell& cell, Bytes payload,
                  std::span<uint8_t> out) {
  bool good = true;
  switch (cell.codec) {
    case CodecId::kConstant:
      std::memset(out.data(), cell.param, out.size());
      break;
    case CodecId::kRaw:
      if (payload.data() != out.data()) std::memcpy(out.data(), payload.data(), out.size());
      break;
    case CodecId::kLz4:
      good = Lz4Decompress(payload, out);
      break;
    case CodecId::kZstd:
      good = ZstdDecompress(state, payload, out);
      break;
    case CodecId::kRans:
      good = DecodeRansBytes(cpu, &state->rans, payload, out);
      break;
    case CodecId::kBits:
      good = DecodeBits(cpu, cell.param, payload, out);
      break;
    default:
      good = false;
  }
  return good ? Status::Ok() : Corruption("the payload does not decompress");
}

}  // namespace mh
