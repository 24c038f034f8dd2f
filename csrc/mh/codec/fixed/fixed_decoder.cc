#include <algorithm>
#include <cstring>

#include "mh/base/endian.h"
#include "mh/codec/fixed/fixed_codec.h"

namespace mh {
namespace {

// Fixed parts are put together in bytes, then in words: two bytes that follow each other have more
// than 8 bits together.
constexpr size_t kMergedMax = 6;
constexpr size_t kTile = 256;
static_assert(kTile % kTailStep == 0);

// The or of n bytes.
uint8_t OrOf(const uint8_t* plane, size_t n) {
  uint8_t all = 0;
  for (size_t i = 0; i < n; i++) all |= plane[i];
  return all;
}

// Moves n numbers up by `bits` and puts those of a plane below. Returns the or of the plane.
uint8_t ShiftIn(const uint8_t* __restrict plane, size_t n, int bits, uint8_t* __restrict merged) {
  // By doubling: there is no shift of bytes in vector code.
  const auto factor = static_cast<uint8_t>(1 << bits);
  uint8_t all = 0;
  for (size_t i = 0; i < n; i++) {
    all |= plane[i];
    merged[i] = static_cast<uint8_t>(merged[i] * factor | plane[i]);
  }
  return all;
}

bool Reserve(BlockScratch* scratch, size_t width, size_t n) {
  FixedScratch& fixed = scratch->fixed;
  const size_t bytes = width * n + 64;
  return fixed.merged.Reserve(kMergedMax * n) && fixed.plane.Reserve(n) &&
         fixed.tail.Reserve(bytes + kTailSlack) && fixed.payload.Reserve(bytes + n) &&
         fixed.exponents.Reserve(n) && scratch->state.rans.Reserve(bytes);
}

void ShiftInWords(const uint8_t* __restrict bytes, size_t n, int bits, uint32_t* __restrict words) {
  for (size_t i = 0; i < n; i++) words[i] = words[i] << bits | bytes[i];
}

class FixedDecoder {
 public:
  FixedDecoder(BlockScratch* scratch, const FixedLayout& layout, ElementType type,
               const Cell* const* cells, uint64_t begin, size_t n, PayloadSource* source)
      : scratch_(*scratch),
        layout_(layout),
        type_(type),
        cells_(cells),
        begin_(begin),
        n_(n),
        source_(*source),
        cpu_(ActiveCpu()) {}

  Status Planes(size_t kept, uint8_t* exponents);
  Status Tail();
  Status Join(const uint8_t* exponents, bool with_tail, uint8_t* elements);

 private:
  Status Get(size_t segment, Bytes* payload) {
    const std::span<uint8_t> into(scratch_.fixed.payload.data(), cells_[segment]->stored_bytes);
    return source_.Get(static_cast<int>(segment), into, payload);
  }
  Status Exponents(uint8_t* exponents, Bytes* payload) const;
  // Decodes a plane or bit string, after what stands before it.
  Status Decode(size_t segment, Bytes payload, std::span<uint8_t> out) {
    Cell cell = *cells_[segment];
    cell.stored_bytes = static_cast<uint32_t>(payload.size());
    if (const Status status = CheckCell(cell, out.size(), 1, 0); !status.ok()) return status;
    return DecodeCell(&scratch_.state, cpu_, cell, payload, out);
  }
  void Words(size_t at, size_t count, uint32_t* words) const;

  BlockScratch& scratch_;
  const FixedLayout& layout_;
  const ElementType type_;
  const Cell* const* const cells_;
  const uint64_t begin_;
  const size_t n_;
  PayloadSource& source_;
  const Cpu cpu_;
  size_t merged_ = 0;  // Bytes of fixed parts, and the bits of each.
  int merged_bits_[kMergedMax] = {};
  int bits_ = 0;  // Of all.
  TailReader tail_{nullptr, 0};
};

// Reads the exponents at the front of the first payload, and leaves the rest there.
Status FixedDecoder::Exponents(uint8_t* exponents, Bytes* payload) const {
  const FloatForm form = layout_.form(type_);
  const size_t groups = layout_.GroupsOf(begin_, n_);
  const int low = (*payload)[0], spread = (*payload)[1];
  if (spread > 8) return Corruption("exponents of " + std::to_string(spread) + " bits", "0 to 8");
  BitReader reader(payload->subspan(2));
  int most = 0;
  for (size_t g = 0; g < groups; g++) {
    const int exponent = low + static_cast<int>(reader.Get(spread));
    exponents[g] = static_cast<uint8_t>(exponent);
    most = std::max(most, exponent);
  }
  const size_t used = 2 + (groups * static_cast<size_t>(spread) + 7) / 8;
  if (low < form.exponent_min() || most >= form.field_end() || used > payload->size()) {
    return Corruption(
        "exponents of " + std::to_string(low) + " to " + std::to_string(most),
        std::to_string(form.exponent_min()) + " to " + std::to_string(form.field_end() - 1));
  }
  *payload = payload->subspan(used);
  return Status::Ok();
}

// Decodes the first `kept` fixed segments into bytes of fixed parts.
Status FixedDecoder::Planes(size_t kept, uint8_t* exponents) {
  for (size_t s = 0; s < kept; s++) {
    Bytes payload;
    MH_RETURN_IF_ERROR(Get(s, &payload));
    if (s == 0) MH_RETURN_IF_ERROR(Exponents(exponents, &payload));
    const int bits = layout_.bits[s];
    const bool fresh = merged_ == 0 || merged_bits_[merged_ - 1] + bits > 8;
    if (fresh) merged_++;
    uint8_t* const merged = scratch_.fixed.merged.data() + (merged_ - 1) * n_;
    uint8_t* const plane = fresh ? merged : scratch_.fixed.plane.data();
    MH_RETURN_IF_ERROR(Decode(s, payload, {plane, n_}));
    const uint8_t all = fresh ? OrOf(plane, n_) : ShiftIn(plane, n_, bits, merged);
    if (all >> bits != 0) {
      return Corruption(
          "a number of " + std::to_string(all) + " or more in segment " + std::to_string(s),
          std::to_string(bits) + " bits");
    }
    merged_bits_[merged_ - 1] += bits;
    bits_ += bits;
  }
  return Status::Ok();
}

Status FixedDecoder::Tail() {
  Bytes payload;
  const size_t segment = layout_.bits.size();
  MH_RETURN_IF_ERROR(Get(segment, &payload));
  const size_t bytes = Load<uint32_t>(payload.data());
  if (bytes == 0 || bytes > n_ * static_cast<size_t>(type_.width)) {
    return Corruption("a tail of " + std::to_string(bytes) + " bytes",
                      "at most those of its " + std::to_string(n_) + " elements");
  }
  tail_ = {scratch_.fixed.tail.data(), bytes};
  std::memset(scratch_.fixed.tail.data() + bytes, 0, kTailSlack);
  return Decode(segment, payload.subspan(sizeof(uint32_t)), {scratch_.fixed.tail.data(), bytes});
}

void FixedDecoder::Words(size_t at, size_t count, uint32_t* words) const {
  const uint8_t* merged = scratch_.fixed.merged.data() + at;
  for (size_t i = 0; i < count; i++) words[i] = merged[i];
  for (size_t b = 1; b < merged_; b++) {
    merged += n_;
    ShiftInWords(merged, count, merged_bits_[b], words);
  }
}

Status FixedDecoder::Join(const uint8_t* exponents, bool with_tail, uint8_t* elements) {
  const FloatForm form = layout_.form(type_);
  const auto width = static_cast<size_t>(type_.width);
  uint64_t in_group = begin_ % layout_.group_elements;
  uint32_t words[kTile];
  for (size_t at = 0; at < n_; at += kTile) {
    const size_t end = std::min(at + kTile, n_);
    Words(at, end - at, words);
    for (size_t i = at; i < end;) {
      const auto count =
          static_cast<size_t>(std::min<uint64_t>(layout_.group_elements - in_group, end - i));
      uint8_t* const to = elements + i * width;
      JoinFixed(form, *exponents, bits_, words + (i - at), count, to);
      for (size_t k = 0; with_tail && k < count; k += kTailStep) {
        if (!AddTails(form, *exponents, &tail_, std::min(kTailStep, count - k), to + k * width)) {
          return Corruption("a tail that does not fit its elements");
        }
      }
      i += count;
      in_group += count;
      if (in_group == layout_.group_elements) {
        in_group = 0;
        exponents++;
      }
    }
  }
  if (with_tail && (tail_.at + 7) / 8 != tail_.bytes) {
    return Corruption("a tail of " + std::to_string(tail_.bytes) + " bytes",
                      std::to_string((tail_.at + 7) / 8) + " for its elements");
  }
  return Status::Ok();
}

}  // namespace

Status DecodeFixedBlock(BlockScratch* scratch, const FixedLayout& layout, ElementType type,
                        const Cell* const* cells, uint64_t begin, size_t n, size_t kept,
                        PayloadSource* source, uint8_t* elements, uint8_t* exponents) {
  if (!Reserve(scratch, static_cast<size_t>(type.width), n)) {
    return Status(Code::kIo, "out of memory");
  }
  if (exponents == nullptr) exponents = scratch->fixed.exponents.data();
  const bool with_tail = kept > layout.bits.size();
  FixedDecoder decoder(scratch, layout, type, cells, begin, n, source);
  MH_RETURN_IF_ERROR(decoder.Planes(std::min(kept, layout.bits.size()), exponents));
  if (with_tail) MH_RETURN_IF_ERROR(decoder.Tail());
  return decoder.Join(exponents, with_tail, elements);
}

}  // namespace mh
