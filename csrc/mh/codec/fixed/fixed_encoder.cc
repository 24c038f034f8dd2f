#include <algorithm>
#include <bit>
#include <cstring>

#include "mh/base/checksum.h"
#include "mh/base/endian.h"
#include "mh/codec/fixed/fixed_codec.h"

namespace mh {
namespace {

bool Reserve(BlockScratch* scratch, size_t width, size_t n) {
  FixedScratch& fixed = scratch->fixed;
  const size_t bytes = width * n + 64;
  return fixed.words.Reserve(4 * n) && fixed.plane.Reserve(n) && fixed.tail.Reserve(bytes) &&
         fixed.payload.Reserve(bytes + n) && fixed.cell.Reserve(bytes) &&
         fixed.again.Reserve(bytes) && scratch->state.rans.Reserve(bytes);
}

// Writes the exponents of a block's groups; returns the bytes used, 2 + groups at most.
size_t PutExponents(const uint8_t* exponents, size_t groups, uint8_t* out) {
  const auto [low, high] = std::minmax_element(exponents, exponents + groups);
  const int spread = std::bit_width(static_cast<unsigned>(*high - *low));
  out[0] = *low;
  out[1] = static_cast<uint8_t>(spread);
  BitWriter writer(out + 2);
  for (size_t g = 0; g < groups; g++) {
    writer.Put(static_cast<uint64_t>(exponents[g] - *low), spread);
  }
  return 2 + writer.Finish();
}

class FixedEncoder {
 public:
  FixedEncoder(BlockScratch* scratch, const FixedLayout& layout, ElementType type,
               const PresetRules& rules, std::span<uint8_t> out, Cell* cells)
      : scratch_(*scratch), layout_(layout), type_(type), rules_(rules), out_(out), cells_(cells) {}

  // Splits all elements, group by group; returns the length of the tails.
  size_t Split(uint64_t begin, Bytes elements, const uint8_t* exponents) {
    const auto width = static_cast<size_t>(type_.width);
    const size_t n = elements.size() / width;
    auto* const words = reinterpret_cast<uint32_t*>(scratch_.fixed.words.data());
    BitWriter tail(scratch_.fixed.tail.data());
    for (size_t at = 0; at < n;) {
      const uint64_t in_group = (begin + at) % layout_.group_elements;
      const auto count =
          static_cast<size_t>(std::min<uint64_t>(layout_.group_elements - in_group, n - at));
      SplitFixed(layout_.form(type_), *exponents++, elements.data() + at * width, count, words + at,
                 &tail);
      at += count;
    }
    return tail.Finish();
  }

  // Codes bytes as the cell of a segment, after `before` bytes that are in `payload` already.
  void Put(size_t segment, Bytes plane, size_t before) {
    uint8_t* const payload = scratch_.fixed.payload.data();
    Cell* const cell = &cells_[segment];
    CellHints hints;
    hints.narrow = true;
    EncodeCell(&scratch_.state, ActiveCpu(), rules_, hints, plane, {payload + before, plane.size()},
               {scratch_.fixed.cell.data(), plane.size()}, cell);
    const size_t size = before + cell->stored_bytes;
    cell->stored_bytes = static_cast<uint32_t>(size);
    if (before > 0) cell->checksum = Checksum(payload, size);
    if (used_ + size <= out_.size()) std::memcpy(out_.data() + used_, payload, size);
    used_ += size;
  }

  void Planes(size_t n, const uint8_t* exponents, size_t groups) {
    const auto* const words = reinterpret_cast<const uint32_t*>(scratch_.fixed.words.data());
    uint8_t* const plane = scratch_.fixed.plane.data();
    int shift = 1 + layout_.mantissa;
    for (size_t s = 0; s < layout_.bits.size(); s++) {
      shift -= layout_.bits[s];
      const uint32_t mask = (uint32_t{1} << layout_.bits[s]) - 1;
      for (size_t i = 0; i < n; i++) plane[i] = static_cast<uint8_t>(words[i] >> shift & mask);
      const size_t before =
          s > 0 ? 0 : PutExponents(exponents, groups, scratch_.fixed.payload.data());
      Put(s, {plane, n}, before);
    }
  }

  void Tail(size_t bytes) {
    Store(scratch_.fixed.payload.data(), static_cast<uint32_t>(bytes));
    Put(layout_.bits.size(), {scratch_.fixed.tail.data(), bytes}, sizeof(uint32_t));
  }

  size_t used() const { return used_; }

 private:
  BlockScratch& scratch_;
  const FixedLayout& layout_;
  const ElementType type_;
  const PresetRules& rules_;
  const std::span<uint8_t> out_;
  Cell* const cells_;
  size_t used_ = 0;
};

// Hands out the payloads of a block just coded, in the order of its segments.
class CodedPayloads : public PayloadSource {
 public:
  CodedPayloads(Bytes coded, const Cell* cells) : coded_(coded), cells_(cells) {}
  Status Get(int segment, std::span<uint8_t>, Bytes* payload) override {
    *payload = coded_.first(cells_[segment].stored_bytes);
    coded_ = coded_.subspan(payload->size());
    return Status::Ok();
  }

 private:
  Bytes coded_;
  const Cell* const cells_;
};

}  // namespace

Status EncodeFixedBlock(BlockScratch* scratch, const FixedLayout& layout, ElementType type,
                        const PresetRules& rules, uint64_t begin, Bytes elements,
                        const uint8_t* exponents, bool check, std::span<uint8_t> out, Cell* cells,
                        size_t* size) {
  const auto width = static_cast<size_t>(type.width);
  const size_t n = elements.size() / width;
  if (!Reserve(scratch, width, n)) return Status(Code::kIo, "out of memory");
  FixedEncoder encoder(scratch, layout, type, rules, out, cells);
  const size_t tail_bytes = encoder.Split(begin, elements, exponents);
  encoder.Planes(n, exponents, layout.GroupsOf(begin, n));
  encoder.Tail(tail_bytes);
  *size = encoder.used();
  if (!check || *size > out.size()) return Status::Ok();
  const Cell* each[kFixedPartsMax + 1];
  for (size_t s = 0; s < layout.segments(); s++) each[s] = &cells[s];
  CodedPayloads source(out.first(*size), cells);
  uint8_t* const again = scratch->fixed.again.data();
  MH_RETURN_IF_ERROR(DecodeFixedBlock(scratch, layout, type, each, begin, n, layout.segments(),
                                      &source, again, nullptr));
  if (std::memcmp(again, elements.data(), elements.size()) != 0) {
    return Corruption("a block just coded decodes to other values",
                      "the values given (was the array changed meanwhile?)");
  }
  return Status::Ok();
}

}  // namespace mh
