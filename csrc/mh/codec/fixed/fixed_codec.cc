#include "mh/codec/fixed/fixed_codec.h"

#include <algorithm>

namespace mh {
namespace {

// Steps of one bit cost a cell each: where an element's cells are few, they are not worth it.
constexpr uint64_t kFineElementsMin = uint64_t{1} << 14;
// A byte of exponent for as many elements.
constexpr uint64_t kGroupElementsMin = 64;
// The sign and the positions that tell most values from zero.
constexpr int kFirstBits = 4;

}  // namespace

Status CheckFixedLayout(const FixedLayout& layout, ElementType type) {
  const bool fits = type.kind == ValueKind::kFloat &&
                    (type.width == 4   ? layout.mantissa == 23
                     : type.width == 2 ? layout.mantissa == 10 || layout.mantissa == 7
                                       : false);
  if (!fits) {
    return Status(Code::kBadInput,
                  "fixed elements of " + std::to_string(type.width) + " bytes with " +
                      std::to_string(layout.mantissa) + " mantissa bits",
                  "float32 with 23, float16 with 10 or bfloat16 with 7");
  }
  if (layout.group_elements == 0 || layout.group_elements > INT64_MAX) {
    return Status(Code::kBadInput, "groups of " + std::to_string(layout.group_elements),
                  "1 element to 2^63 - 1");
  }
  int sum = 0;
  bool each = true;
  for (const uint8_t bits : layout.bits) {
    each = each && bits >= 1 && bits <= 8;
    sum += bits;
  }
  if (!each || sum != 1 + layout.mantissa) {
    return Status(Code::kBadInput, "segments of " + std::to_string(sum) + " bits",
                  "1 to 8 bits each, together " + std::to_string(1 + layout.mantissa));
  }
  return Status::Ok();
}

FixedLayout FixedLayoutFor(int mantissa, uint64_t elements, uint64_t row_elements) {
  FixedLayout layout;
  layout.mantissa = mantissa;
  const uint64_t row = std::max<uint64_t>(row_elements, 1);
  layout.group_elements = row * ((kGroupElementsMin + row - 1) / row);
  const bool fine = elements >= kFineElementsMin;
  std::vector<uint8_t>& bits = layout.bits;
  bits.push_back(kFirstBits);
  // Below these no reader of a prefix stops.
  const std::vector<uint8_t> last = mantissa != 23 ? std::vector<uint8_t>{}
                                    : fine         ? std::vector<uint8_t>{2, 2, 4}
                                                   : std::vector<uint8_t>{4, 4};
  int left = 1 + mantissa - kFirstBits;
  for (const uint8_t b : last) left -= b;
  while (left > 0) {
    bits.push_back(static_cast<uint8_t>(std::min(left, fine ? 1 : 2)));
    left -= bits.back();
  }
  bits.insert(bits.end(), last.begin(), last.end());
  return layout;
}

Status CheckFixedCell(const FixedLayout& layout, const Cell& cell, size_t n, size_t groups,
                      int width, size_t segment) {
  const auto damaged = [&](const char* expected) {
    return Corruption(std::string("a ") + kCodecNames[static_cast<int>(cell.codec)] + " cell of " +
                          std::to_string(cell.stored_bytes) + " bytes for " + std::to_string(n) +
                          " elements",
                      expected);
  };
  if (!IsPlaneCodec(cell.codec)) return damaged("a codec of planes");
  const bool tail = segment == layout.bits.size();
  const size_t most = tail ? n * static_cast<size_t>(width) : n;
  // Two bytes and the exponents' bits; the length of the tail.
  const size_t before_min = tail ? 4 : segment == 0 ? 2 : 0;
  const size_t before_max = tail ? 4 : segment == 0 ? 2 + groups : 0;
  const bool constant = cell.codec == CodecId::kConstant;
  if (cell.stored_bytes < before_min + (constant ? 0 : 1) ||
      cell.stored_bytes > before_max + (constant ? 0 : most)) {
    return damaged("one of that place");
  }
  return Status::Ok();
}

}  // namespace mh
