// Pack files, version 1: numbers and layouts shared by writer and reader. docs/formats/pack.md.
#ifndef MH_PACK_PACK_FORMAT_H_
#define MH_PACK_PACK_FORMAT_H_

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "mh/codec/block_coder.h"
#include "mh/codec/fixed/fixed_codec.h"
#include "mh/codec/mapping/mapping_kernel.h"

namespace mh {

inline constexpr uint32_t kPackVersion = 1;
inline constexpr uint8_t kPackMagic[8] = {0x8d, 'M', 'H', 'P', 'A', 'C', 'K', '\n'};
inline constexpr uint8_t kPackEndMagic[8] = {0x8d, 'M', 'H', 'P', 'E', 'N', 'D', '\n'};
inline constexpr size_t kPackHeaderBytes = 16;
inline constexpr size_t kPackTrailerBytes = 48;
inline constexpr size_t kHeadFixedBytes = 56;  // With the id, before the shape.
inline constexpr size_t kHeadPrefixBytes = 24;
inline constexpr size_t kCellBytes = 16;
inline constexpr size_t kChecksumBytes = 8;
inline constexpr size_t kIndexFixedBytes = 24;  // Before the head in an index entry.

// Limits. Readers refuse what is beyond them; each has a test on both sides.
inline constexpr size_t kDimsMax = 64;  // NumPy's own.
inline constexpr int kBlockLog2Min = 8;
inline constexpr int kBlockLog2Max = 20;  // So a block is 8 MiB at most.
inline constexpr uint32_t kDepthMax = 65535;
inline constexpr uint64_t kSizeMax = INT64_MAX;

// Numbers on disk.
enum class Scheme : uint8_t { kAlone = 0, kDelta = 1, kMapped = 2, kFixed = 3 };
inline constexpr uint8_t kSchemeVersion = 1;
inline constexpr uint8_t kKindTensor = 1;

using Id = std::array<uint8_t, 32>;

// What a mapped delta says of its base: how it becomes an array of the entry's shape and type.
struct BaseShape {
  Conversion conversion = Conversion::kNone;
  uint8_t dtype_code = 0;
  ElementType type;
  uint64_t raw_bytes = 0;
  std::vector<uint64_t> shape;
  uint64_t elements() const { return raw_bytes / static_cast<uint64_t>(type.width); }
};
inline constexpr size_t kBaseShapeFixedBytes = 16;  // Before its dimensions.
inline constexpr size_t kLayoutFixedBytes = 16;     // Before the bits of segments.

// What an entry says about itself, before its cells.
struct Head {
  uint8_t kind = 0;
  uint8_t dtype_code = 0;
  ElementType type;
  Scheme scheme = Scheme::kAlone;
  int block_log2 = 16;
  uint32_t depth = 0;
  uint64_t raw_bytes = 0;
  Id id{};
  std::vector<uint64_t> shape;
  Id base{};          // Deltas only.
  BaseShape mapped;   // Mapped deltas only.
  FixedLayout fixed;  // Fixed entries only.
  std::vector<uint64_t> segment_bytes;

  bool is_delta() const { return scheme == Scheme::kDelta || scheme == Scheme::kMapped; }
  bool is_mapped() const { return scheme == Scheme::kMapped; }
  bool is_fixed() const { return scheme == Scheme::kFixed; }
  size_t segments() const {
    return is_fixed() ? fixed.segments() : static_cast<size_t>(type.width);
  }
  uint64_t elements() const { return raw_bytes / static_cast<uint64_t>(type.width); }
  uint64_t block_elements() const { return uint64_t{1} << block_log2; }
  uint64_t blocks() const {
    return elements() / block_elements() + (elements() % block_elements() != 0);
  }
  // Elements of block `block`. REQUIRES: block < blocks()
  size_t ElementsOf(uint64_t block) const;
};

// Where an entry is: the row of the index.
struct IndexEntry {
  uint64_t offset = 0;
  uint64_t record_bytes = 0;
  uint64_t record_checksum = 0;
  uint64_t stored_bytes = 0;  // Sum of the segments; not on disk.
  Head head;
};

std::string HexOf(const Id& id);

// Checks what a head must hold, whoever made it, segment sizes excepted.
Status CheckHead(const Head& head);

// REQUIRES: CheckHead(head).ok() and one size per segment
std::string SerializeHead(const Head& head);

// Parses the head at the front of `data` and sets *used to its length. Allocates less than `data`
// holds.
Result<Head> ParseHead(Bytes data, size_t* used);

// Length of the head as it is stored.
size_t HeadBytes(const Head& head);

// Length of the record of `head`; false if that does not fit 64 bits.
bool RecordBytes(const Head& head, uint64_t* bytes);

void AppendCell(const Cell& cell, std::string* out);

// Parses the cells of a record (its bytes after the head, the checksum not included) and checks
// each, and their sums against the head.
// REQUIRES: data has the length that RecordBytes tells
Result<std::vector<Cell>> ParseCells(const Head& head, Bytes data);

}  // namespace mh

#endif  // MH_PACK_PACK_FORMAT_H_
