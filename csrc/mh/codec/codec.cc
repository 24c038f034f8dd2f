#include "mh/codec/codec.h"

#include <lz4.h>
#include <zstd.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "mh/base/checksum.h"
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

// Above this many bits a byte in a sample, 64 Ki bytes of noise-like mantissa gain under 1 % from
// zstd and cost it 1 ms. 4096 samples of pure noise read 7.955 (bias 255 / (2 ln 2 x 4096)).
constexpr double kEntropyMax = 7.85;
// Repeats hide from order-0 entropy; in cells this small a try costs nothing.
constexpr size_t kAlwaysTriedBytes = 4096;

}  // namespace

Status EncodeCell(CodecState* state, int level, Bytes data, std::span<uint8_t> out,
                  std::span<uint8_t> scratch, Cell* cell) {
  *cell = Cell();
  if (IsConstant(data)) {
    cell->param = data[0];
    cell->checksum = Checksum(data.data(), 0);
    return Status::Ok();
  }
  // Raw unless 1/128 is saved: less is not worth a slower read.
  const size_t room = data.size() - 1 - data.size() / 128;
  size_t size = 0;
  CodecId codec = CodecId::kRaw;
  bool try_zstd = data.size() <= kAlwaysTriedBytes || SampledEntropy(data) < kEntropyMax;
  if (!try_zstd || data.size() <= kAlwaysTriedBytes) {
    size = Lz4Compress(state, data, out.first(room), /*fast=*/!try_zstd);
    if (size > 0) codec = CodecId::kLz4;
    try_zstd = try_zstd || size > 0;
  }
  if (try_zstd) {
    const size_t limit = size > 0 ? size - 1 : room;
    std::span<uint8_t> target = size > 0 ? scratch.first(limit) : out.first(limit);
    const size_t written = ZstdCompress(state, level, data, target);
    if (written > 0) {
      if (size > 0) std::memcpy(out.data(), target.data(), written);
      size = written;
      codec = CodecId::kZstd;
    }
  }
  if (codec == CodecId::kRaw) {
    std::memcpy(out.data(), data.data(), data.size());
    size = data.size();
  }
  cell->codec = codec;
  cell->stored_bytes = static_cast<uint32_t>(size);
  cell->checksum = Checksum(out.data(), size);
  if (codec == CodecId::kRaw) return Status::Ok();
  // A byte that a faulty library or memory got wrong must show before the pack is kept.
  MH_RETURN_IF_ERROR(DecodeCell(state, *cell, out.first(size), scratch.first(data.size())));
  if (std::memcmp(scratch.data(), data.data(), data.size()) != 0) {
    return Corruption("a block just compressed decodes to other bytes", "the bytes given");
  }
  return Status::Ok();
}

Status CheckCell(const Cell& cell, size_t elements) {
  const auto sizes = [&](const char* expected) {
    return Corruption(std::string(kCodecNames[static_cast<int>(cell.codec)]) + " payload of " +
                          std::to_string(cell.stored_bytes) + " bytes for " +
                          std::to_string(elements) + " elements",
                      expected);
  };
  switch (cell.codec) {
    case CodecId::kConstant:
      return cell.stored_bytes == 0 ? Status::Ok() : sizes("none");
    case CodecId::kRaw:
      return cell.stored_bytes == elements ? Status::Ok() : sizes("as many bytes as elements");
    case CodecId::kLz4:
    case CodecId::kZstd:
      return cell.stored_bytes > 0 && cell.stored_bytes < elements
                 ? Status::Ok()
                 : sizes("fewer bytes than elements");
  }
  return Status(Code::kUnsupportedVersion, "codec " + std::to_string(static_cast<int>(cell.codec)),
                "codec 0 to 3");
}

Status DecodeCell(CodecState* state, const Cell& cell, Bytes payload, std::span<uint8_t> out) {
  if (Checksum(payload.data(), payload.size()) != cell.checksum) {
    return Corruption("the checksum does not match");
  }
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
  }
  return good ? Status::Ok() : Corruption("the payload does not decompress");
}

}  // namespace mh
