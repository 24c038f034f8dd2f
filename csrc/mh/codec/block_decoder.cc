#include <algorithm>
#include <cstring>

#include "mh/codec/bits/bits_codec.h"
#include "mh/codec/block_coder.h"
#include "mh/codec/palette/palette_codec.h"
#include "mh/codec/planes/planes_kernel.h"

namespace mh {

int SegmentsToRead(ElementType type, bool is_delta, int planes) {
  if (!is_delta) return planes;
  return planes <= LevelBytes(type.width) ? LevelBytes(type.width) : type.width;
}

namespace {

Status Damaged(CodecId codec) {
  return Corruption(std::string("the ") + kCodecNames[static_cast<int>(codec)] +
                    " payload does not decode");
}

class BlockDecoder {
 public:
  BlockDecoder(BlockScratch* scratch, ElementType type, const Cell* const* cells, size_t n,
               int kept, PayloadSource* source, const uint8_t* base, uint8_t* elements)
      : scratch_(*scratch),
        type_(type),
        cells_(cells),
        n_(n),
        kept_(kept),
        source_(*source),
        base_(base),
        elements_(elements),
        cpu_(ActiveCpu()) {}

  Status Alone() {
    switch (cells_[0]->codec) {
      case CodecId::kPalette:
        return Palette();
      case CodecId::kField:
        return Field();
      default:
        // A single plane needs no merge: it is decoded into place.
        if (type_.width == 1) return Plane(0, elements_);
        MH_RETURN_IF_ERROR(Planes(0, kept_));
        MergePlanes(scratch_.planes.data(), n_, n_, type_.width, kept_, elements_);
        return Status::Ok();
    }
  }

  Status Delta();

 private:
  // Reads and decodes one plane into `out`.
  Status Plane(int segment, uint8_t* out) {
    const Cell& cell = *cells_[segment];
    if (!IsPlaneCodec(cell.codec)) {
      return Corruption(std::string("codec ") + kCodecNames[static_cast<int>(cell.codec)] +
                            " in segment " + std::to_string(segment),
                        "a plane");
    }
    Bytes payload;
    const std::span<uint8_t> into =
        cell.codec == CodecId::kRaw
            ? std::span<uint8_t>{out, n_}
            : std::span<uint8_t>{scratch_.payload.data(), cell.stored_bytes};
    MH_RETURN_IF_ERROR(source_.Get(segment, into, &payload));
    return DecodeCell(&scratch_.state, cpu_, cell, payload, {out, n_});
  }

  Status Planes(int begin, int end) {
    for (int s = begin; s < end; s++) {
      MH_RETURN_IF_ERROR(Plane(s, scratch_.planes.data() + static_cast<size_t>(s) * n_));
    }
    return Status::Ok();
  }

  // The payload of a codec that holds several planes, those up to `end` with it.
  Status Whole(int segment, int end, Bytes* payload) {
    for (int s = segment + 1; s < std::min(end, kept_); s++) {
      if (cells_[s]->codec != CodecId::kJoined) {
        return Corruption("segment " + std::to_string(s) + " is not joined to the one before it");
      }
    }
    return source_.Get(segment, {scratch_.payload.data(), cells_[segment]->stored_bytes}, payload);
  }

  Status Palette() {
    Bytes payload;
    MH_RETURN_IF_ERROR(Whole(0, type_.width, &payload));
    if (!DecodePalette(cpu_, &scratch_.state.rans, payload, n_, type_.width, scratch_.cell.data(),
                       elements_)) {
      return Damaged(CodecId::kPalette);
    }
    KeepLeading(elements_, n_, type_.width, kept_);
    return Status::Ok();
  }

  // The rest bits of a field as they are packed, to be unpacked where they are merged; or, where
  // that cannot be, the plane is decoded and *packed stays null.
  Status PackedRest(int below, const uint8_t** packed) {
    const Cell& cell = *cells_[1];
    Bytes payload;
    // Not where the other planes' payloads go: it is needed until the merge.
    MH_RETURN_IF_ERROR(source_.Get(1, {scratch_.unpacked.data(), cell.stored_bytes}, &payload));
    const Bytes plain = PlainBits(cell.param, payload, n_);
    if (cell.param == below && !plain.empty()) {
      *packed = plain.data();
      return Status::Ok();
    }
    return DecodeCell(&scratch_.state, cpu_, cell, payload, {scratch_.planes.data() + n_, n_});
  }

  Status Field();
  Status Classes(int level, uint16_t* differences);

  BlockScratch& scratch_;
  const ElementType type_;
  const Cell* const* const cells_;
  const size_t n_;
  const int kept_;
  PayloadSource& source_;
  const uint8_t* const base_;
  uint8_t* const elements_;
  const Cpu cpu_;
};

Status BlockDecoder::Field() {
  Bytes payload;
  MH_RETURN_IF_ERROR(Whole(0, 1, &payload));
  FieldBlock block;
  if (!DecodeField(cpu_, &scratch_.field, payload, n_, &block)) return Damaged(CodecId::kField);
  uint8_t* const planes = scratch_.planes.data();
  const uint8_t* rest = planes + n_;
  const uint8_t* packed = nullptr;
  // Only AVX-512 unpacks in registers.
  if (kept_ > 1 && cpu_ == Cpu::kAvx512 && block.groups == nullptr &&
      cells_[1]->codec == CodecId::kBits) {
    MH_RETURN_IF_ERROR(PackedRest(block.tables.shape.below, &packed));
    if (packed != nullptr) rest = nullptr;
  } else if (kept_ > 1) {
    MH_RETURN_IF_ERROR(Plane(1, planes + n_));
  } else {
    std::memset(planes + n_, 0, n_);
  }
  if (kept_ > 2) MH_RETURN_IF_ERROR(Planes(2, kept_));
  const bool narrow = type_.width == 2;
  // Outputs may begin at odd addresses, halves may not.
  const bool in_place = narrow && reinterpret_cast<uintptr_t>(elements_) % 2 == 0;
  auto* const leading = reinterpret_cast<uint16_t*>(in_place ? elements_ : scratch_.delta.data());
  if (!MergeFieldBlock(cpu_, block, rest, packed, n_, leading)) return Damaged(CodecId::kField);
  if (narrow && !in_place) std::memcpy(elements_, leading, 2 * n_);
  if (!narrow) {
    for (int s = std::max(kept_, 2); s < 4; s++) {
      std::memset(planes + static_cast<size_t>(s) * n_, 0, n_);
    }
    JoinHalves(cpu_, leading, planes + 2 * n_, planes + 3 * n_, n_, elements_);
  }
  if (kept_ == 1) KeepLeading(elements_, n_, type_.width, 1);
  return Status::Ok();
}

// Differences of a level coded by classes, against the base.
Status BlockDecoder::Classes(int level, uint16_t* differences) {
  const int begin = level * LevelBytes(type_.width);
  Bytes payload;
  MH_RETURN_IF_ERROR(Whole(begin, begin + 2, &payload));
  // Contexts are taken from the base, so before any level is applied to it.
  if (!DecodeClasses(cpu_, &scratch_.classes[level], payload, scratch_.cell.data(), n_,
                     differences)) {
    return Damaged(CodecId::kClasses);
  }
  return Status::Ok();
}

Status BlockDecoder::Delta() {
  const int bytes = LevelBytes(type_.width);
  const int levels = kept_ <= bytes ? 1 : LevelCount(type_.width);
  const bool is_float = type_.kind == ValueKind::kFloat;
  uint16_t* differences[2] = {nullptr, nullptr};
  bool contexts = false, planes = false;
  for (int level = 0; level < levels; level++) {
    const Cell& first = *cells_[level * bytes];
    if (first.codec != CodecId::kClasses) {
      planes = true;
      MH_RETURN_IF_ERROR(Planes(level * bytes, level * bytes + bytes));
      continue;
    }
    if (!contexts) BaseExponents(cpu_, base_, type_.width, n_, scratch_.cell.data());
    contexts = true;
    differences[level] = reinterpret_cast<uint16_t*>(scratch_.classes[level].differences.data());
    MH_RETURN_IF_ERROR(Classes(level, differences[level]));
  }
  if (type_.width == 4 && !planes) {
    AddBothToBase(cpu_, differences[0], differences[1], is_float, n_, base_, elements_);
    return Status::Ok();
  }
  if (type_.width == 2 && !planes) {
    AddToBase(cpu_, differences[0], is_float, n_, base_, elements_);
    return Status::Ok();
  }
  const uint8_t* delta = scratch_.planes.data();
  if (planes && type_.width > 1) {
    MergePlanes(scratch_.planes.data(), n_, n_, type_.width, kept_, scratch_.delta.data());
    delta = scratch_.delta.data();
  }
  OrderElements(base_, n_, type_.width, type_.kind, elements_);
  // The trailing level first: the leading one holds the base's sign.
  for (int level = levels; level-- > 0;) {
    if (differences[level] != nullptr) {
      AddDifferences(cpu_, differences[level], type_.width, type_.width == 4 && level == 0 ? 2 : 0,
                     is_float, n_, elements_);
    } else if (cells_[level * bytes]->form == Form::kXor) {
      ExcludeLevel(delta, n_, type_.width, level, elements_);
    } else {
      AddLevel(delta, n_, type_.width, level, elements_);
    }
  }
  UnorderElements(elements_, n_, type_.width, type_.kind);
  if (kept_ < type_.width) KeepLeading(elements_, n_, type_.width, kept_);
  return Status::Ok();
}

}  // namespace

Status DecodeBlock(BlockScratch* scratch, ElementType type, const Cell* const* cells, size_t n,
                   int kept, PayloadSource* source, const uint8_t* base, uint8_t* elements) {
  BlockDecoder decoder(scratch, type, cells, n, kept, source, base, elements);
  return base != nullptr && cells[0]->form != Form::kAlone ? decoder.Delta() : decoder.Alone();
}

}  // namespace mh
