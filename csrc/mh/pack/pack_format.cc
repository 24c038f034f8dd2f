#include "mh/pack/pack_format.h"

#include <algorithm>
#include <cstring>

#include "mh/base/endian.h"

namespace mh {

size_t Head::ElementsOf(uint64_t block) const {
  return static_cast<size_t>(std::min(block_elements(), elements() - block * block_elements()));
}

std::string HexOf(const Id& id) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  for (const uint8_t byte : id) {
    hex.push_back(kDigits[byte >> 4]);
    hex.push_back(kDigits[byte & 15]);
  }
  return hex;
}

namespace {

std::string Text(uint64_t n) { return std::to_string(n); }

Status CheckShape(std::span<const uint64_t> shape, uint64_t raw_bytes) {
  if (shape.size() > kDimsMax) {
    return Status(Code::kBadShape, Text(shape.size()) + " dimensions", "at most " + Text(kDimsMax));
  }
  bool empty = false;
  for (const uint64_t dim : shape) {
    if (dim > kSizeMax) return Status(Code::kBadShape, "a dimension of " + Text(dim), "< 2^63");
    empty = empty || dim == 0;
  }
  if (empty != (raw_bytes == 0)) {
    return Status(Code::kBadShape,
                  Text(raw_bytes) + " bytes for a shape that is " + (empty ? "" : "not ") + "empty",
                  "bytes exactly if no dimension is 0");
  }
  return Status::Ok();
}

Status CheckType(ElementType type, uint64_t raw_bytes) {
  const int width = type.width;
  if (width != 1 && width != 2 && width != 4 && width != 8) {
    return Status(Code::kBadInput, "elements of " + std::to_string(width) + " bytes",
                  "1, 2, 4 or 8");
  }
  if (type.kind > ValueKind::kFloat) {
    return Status(Code::kBadInput, "value kind " + Text(static_cast<uint8_t>(type.kind)), "0 to 2");
  }
  if (raw_bytes > kSizeMax || raw_bytes % static_cast<uint64_t>(width) != 0) {
    return Status(Code::kBadShape, Text(raw_bytes) + " bytes",
                  "a multiple of " + std::to_string(width) + " below 2^63");
  }
  return Status::Ok();
}

// The base of a mapped delta must lead to elements of the delta's type.
Status CheckMapped(const Head& head) {
  const BaseShape& base = head.mapped;
  MH_RETURN_IF_ERROR(CheckType(base.type, base.raw_bytes));
  MH_RETURN_IF_ERROR(CheckShape(base.shape, base.raw_bytes));
  const bool converts = base.conversion != Conversion::kNone;
  const bool fits =
      converts ? base.type.kind == ValueKind::kFloat && head.type.kind == ValueKind::kFloat &&
                     base.type.width == WidthBefore(base.conversion) &&
                     head.type.width == WidthAfter(base.conversion)
               : base.type.width == head.type.width && base.type.kind == head.type.kind &&
                     base.dtype_code == head.dtype_code;
  if (fits) return Status::Ok();
  return Status(Code::kBadInput,
                "a base of elements of " + std::to_string(base.type.width) + " bytes",
                "one whose conversion gives the entry's");
}

}  // namespace

Status CheckHead(const Head& head) {
  MH_RETURN_IF_ERROR(CheckType(head.type, head.raw_bytes));
  if (head.block_log2 < kBlockLog2Min || head.block_log2 > kBlockLog2Max) {
    return Status(Code::kBadInput, "blocks of 2^" + std::to_string(head.block_log2) + " elements",
                  "2^8 to 2^20");
  }
  MH_RETURN_IF_ERROR(CheckShape(head.shape, head.raw_bytes));
  if (head.is_mapped()) MH_RETURN_IF_ERROR(CheckMapped(head));
  if (head.is_fixed()) MH_RETURN_IF_ERROR(CheckFixedLayout(head.fixed, head.type));
  if (head.depth > kDepthMax || (head.depth > 0) != head.is_delta()) {
    return Status(Code::kBadInput, "depth " + Text(head.depth),
                  head.is_delta() ? "1 to 65535 in a delta" : "0 without a base");
  }
  if (head.is_delta() && head.base == head.id) {
    return Status(Code::kBadInput, "an entry that stands on itself", "another base");
  }
  return Status::Ok();
}

size_t HeadBytes(const Head& head) {
  size_t size = kHeadFixedBytes + 8 * (head.shape.size() + head.segments());
  if (head.is_delta()) size += sizeof(Id);
  if (head.is_mapped()) size += kBaseShapeFixedBytes + 8 * head.mapped.shape.size();
  if (head.is_fixed()) size += kLayoutFixedBytes + head.fixed.bits.size();
  return size;
}

std::string SerializeHead(const Head& head) {
  const size_t size = HeadBytes(head);
  std::string out;
  out.reserve(size);
  Append(&out, static_cast<uint32_t>(size));
  Append(&out, head.kind);
  Append(&out, head.dtype_code);
  Append(&out, static_cast<uint8_t>(head.type.width));
  Append(&out, static_cast<uint8_t>(head.type.kind));
  Append(&out, static_cast<uint8_t>(head.scheme));
  Append(&out, kSchemeVersion);
  Append(&out, static_cast<uint8_t>(head.block_log2));
  Append(&out, static_cast<uint8_t>(head.shape.size()));
  Append(&out, head.depth);
  Append(&out, head.raw_bytes);
  Append(&out, head.id);
  for (const uint64_t dim : head.shape) Append(&out, dim);
  if (head.is_delta()) Append(&out, head.base);
  if (head.is_mapped()) {
    const BaseShape& base = head.mapped;
    Append(&out, static_cast<uint8_t>(base.conversion));
    Append(&out, base.dtype_code);
    Append(&out, static_cast<uint8_t>(base.type.width));
    Append(&out, static_cast<uint8_t>(base.type.kind));
    Append(&out, static_cast<uint8_t>(base.shape.size()));
    out.append(3, '\0');
    Append(&out, base.raw_bytes);
    for (const uint64_t dim : base.shape) Append(&out, dim);
  }
  if (head.is_fixed()) {
    const FixedLayout& fixed = head.fixed;
    Append(&out, fixed.group_elements);
    Append(&out, static_cast<uint8_t>(fixed.mantissa));
    Append(&out, static_cast<uint8_t>(fixed.bits.size()));
    out.append(6, '\0');
    for (const uint8_t bits : fixed.bits) Append(&out, bits);
  }
  for (const uint64_t bytes : head.segment_bytes) Append(&out, bytes);
  return out;
}

namespace {

// Parses what a mapped delta's head says of its base, and moves *p past it.
Status ParseBaseShape(const uint8_t** p, BaseShape* base) {
  const uint8_t* from = *p;
  if (from[0] > kConversionMax || from[5] != 0 || from[6] != 0 || from[7] != 0) {
    return Corruption("conversion " + Text(from[0]) + " or a reserved byte that is not 0",
                      "conversion 0 to 4");
  }
  base->conversion = static_cast<Conversion>(from[0]);
  base->dtype_code = from[1];
  base->type.width = from[2];
  base->type.kind = static_cast<ValueKind>(from[3]);
  const size_t dims = from[4];
  base->raw_bytes = Load<uint64_t>(from + 8);
  from += kBaseShapeFixedBytes;
  for (size_t i = 0; i < dims; i++, from += 8) base->shape.push_back(Load<uint64_t>(from));
  *p = from;
  return Status::Ok();
}

// Parses what a fixed entry's head says of its segments, and moves *p past it.
Status ParseFixedLayout(const uint8_t** p, FixedLayout* layout) {
  const uint8_t* const from = *p;
  layout->group_elements = Load<uint64_t>(from);
  layout->mantissa = from[8];
  const size_t parts = from[9];
  for (size_t i = 10; i < kLayoutFixedBytes; i++) {
    if (from[i] != 0) return Corruption("a reserved byte that is not 0");
  }
  layout->bits.assign(from + kLayoutFixedBytes, from + kLayoutFixedBytes + parts);
  *p += kLayoutFixedBytes + parts;
  return Status::Ok();
}

}  // namespace

Result<Head> ParseHead(Bytes data, size_t* used) {
  if (data.size() < kHeadFixedBytes) {
    return Corruption("an entry's head cut short", Text(kHeadFixedBytes) + " bytes at least");
  }
  const uint8_t* p = data.data();
  Head head;
  const size_t size = Load<uint32_t>(p);
  head.kind = p[4];
  head.dtype_code = p[5];
  head.type.width = p[6];
  head.type.kind = static_cast<ValueKind>(p[7]);
  if (p[8] > static_cast<uint8_t>(Scheme::kFixed) || p[9] != kSchemeVersion) {
    return Status(Code::kUnsupportedVersion, "scheme " + Text(p[8]) + " version " + Text(p[9]),
                  "scheme 0 to 3, version 1");
  }
  head.scheme = static_cast<Scheme>(p[8]);
  head.block_log2 = p[10];
  const size_t dims = p[11];
  head.depth = Load<uint32_t>(p + 12);
  head.raw_bytes = Load<uint64_t>(p + 16);
  head.id = Load<Id>(p + kHeadPrefixBytes);
  size_t segments = p[6];
  const size_t fixed_at = kHeadFixedBytes + 8 * dims;
  if (head.is_fixed()) {
    if (data.size() < fixed_at + kLayoutFixedBytes) {
      return Corruption("an entry's head cut short", "what it says of its segments");
    }
    segments = size_t{data[fixed_at + 9]} + 1;
  }
  size_t expected = kHeadFixedBytes + 8 * (dims + segments) + (head.is_delta() ? sizeof(Id) : 0);
  if (head.is_fixed()) expected += kLayoutFixedBytes + segments - 1;
  const size_t mapped_at = kHeadFixedBytes + 8 * dims + sizeof(Id);
  if (head.is_mapped()) {
    if (data.size() < mapped_at + kBaseShapeFixedBytes) {
      return Corruption("an entry's head cut short", "what it says of its base");
    }
    expected += kBaseShapeFixedBytes + 8 * size_t{p[mapped_at + 4]};
  }
  if (size != expected || size > data.size()) {
    return Corruption("a head of " + Text(size) + " bytes",
                      Text(expected) + " within " + Text(data.size()));
  }
  p += kHeadFixedBytes;
  for (size_t i = 0; i < dims; i++, p += 8) head.shape.push_back(Load<uint64_t>(p));
  if (head.is_delta()) {
    head.base = Load<Id>(p);
    p += sizeof(Id);
  }
  if (head.is_mapped()) MH_RETURN_IF_ERROR(ParseBaseShape(&p, &head.mapped));
  if (head.is_fixed()) MH_RETURN_IF_ERROR(ParseFixedLayout(&p, &head.fixed));
  for (size_t i = 0; i < segments; i++, p += 8) head.segment_bytes.push_back(Load<uint64_t>(p));
  if (const Status status = CheckHead(head); !status.ok()) {
    return Corruption(status.found(), status.expected());
  }
  const uint64_t most = head.raw_bytes + (head.is_fixed() ? kFixedCellExtra * head.blocks() : 0);
  for (const uint64_t bytes : head.segment_bytes) {
    if (bytes > most) {
      return Corruption("a segment of " + Text(bytes) + " bytes",
                        "at most as many as the array has, " + Text(most));
    }
  }
  *used = size;
  return head;
}

bool RecordBytes(const Head& head, uint64_t* bytes) {
  const uint64_t fixed = HeadBytes(head) + kChecksumBytes;
  uint64_t cells = 0;
  return Multiply(head.blocks(), kCellBytes * uint64_t{head.segments()}, &cells) &&
         Add(fixed, cells, bytes);
}

void AppendCell(const Cell& cell, std::string* out) {
  Append(out, cell.stored_bytes);
  Append(out, static_cast<uint8_t>(cell.codec));
  Append(out, kCodecVersion);
  Append(out, cell.param);
  Append(out, static_cast<uint8_t>(cell.form));
  Append(out, cell.checksum);
}

Result<std::vector<Cell>> ParseCells(const Head& head, Bytes data) {
  const uint64_t blocks = head.blocks();
  const auto leading = static_cast<uint64_t>(LevelBytes(head.type.width));
  std::vector<Cell> cells(data.size() / kCellBytes);
  for (size_t i = 0; i < cells.size(); i++) {
    const uint8_t* p = data.data() + i * kCellBytes;
    const uint64_t segment = i / blocks, block = i % blocks;
    const std::string where = "segment " + Text(segment) + ", block " + Text(block);
    Cell& cell = cells[i];
    cell.stored_bytes = Load<uint32_t>(p);
    if (p[4] >= kCodecCount || p[5] != kCodecVersion) {
      return Status(Code::kUnsupportedVersion, "codec " + Text(p[4]) + " version " + Text(p[5]),
                    "codec 0 to 9, version 1", where);
    }
    cell.codec = static_cast<CodecId>(p[4]);
    cell.param = p[6];
    cell.checksum = Load<uint64_t>(p + 8);
    const bool has_param = cell.codec == CodecId::kConstant || cell.codec == CodecId::kBits;
    if (!has_param && cell.param != 0) {
      return Corruption("a parameter that is not 0").Within(where);
    }
    // A block says that it stands alone in its first cell, a level that it is an exclusive or.
    const bool level = head.is_delta() && segment % leading == 0;
    const bool excludes = p[7] == static_cast<uint8_t>(Form::kXor);
    if (p[7] > (level ? kFormMax : 0) || (p[7] == 1 && segment != 0) ||
        (excludes && cell.codec == CodecId::kClasses)) {
      return Corruption("form " + Text(p[7]), "one of that place").Within(where);
    }
    cell.form = static_cast<Form>(p[7]);
    const size_t n = head.ElementsOf(block);
    const Status status =
        head.is_fixed() ? CheckFixedCell(head.fixed, cell, n,
                                         head.fixed.GroupsOf(block * head.block_elements(), n),
                                         head.type.width, segment)
                        : CheckCell(cell, n, head.type.width, static_cast<int>(segment));
    if (!status.ok()) {
      return status.Within(where);
    }
  }
  for (size_t s = 0; s < head.segment_bytes.size(); s++) {
    uint64_t sum = 0;  // At most 2^32 times the number of cells, which fits.
    for (uint64_t b = 0; b < blocks; b++) sum += cells[s * blocks + b].stored_bytes;
    if (sum != head.segment_bytes[s]) {
      return Corruption("cells of " + Text(sum) + " bytes in segment " + Text(s),
                        Text(head.segment_bytes[s]));
    }
  }
  return cells;
}

}  // namespace mh
