#include <algorithm>
#include <cstring>

#include "mh/base/endian.h"
#include "mh/codec/bits/bits_kernel.h"
#include "mh/codec/field/field_format.h"

namespace mh {
namespace {

using field::CarriedMax;
using field::GroupsOf;
using field::kFine;
using field::kFixedBytes;
using field::kFourGroups;
using field::kGroup;
using field::kGrouped;
using field::kSignIn;
using field::RowsOf;

// The 16 bits, without the rest, of a value.
uint16_t BitsOf(uint32_t value, FieldShape shape) {
  if (!shape.sign_in) return static_cast<uint16_t>(value << shape.below);
  return static_cast<uint16_t>(value >> 1 << shape.below | (value & 1) << 15);
}

bool DecodeSymbols(Cpu cpu, const uint16_t* freq, int count, bool fine, int groups, Bytes stream,
                   size_t n, uint8_t* symbols, std::span<uint8_t> carried) {
  if (fine) {
    RansTable table;
    std::memset(table.freq, 0, sizeof(table.freq));
    std::memcpy(table.freq, freq, static_cast<size_t>(count) * sizeof(uint16_t));
    if (!CompleteRansTable(&table)) return false;
    const RansRun run = {&table, RowsOf(n, kRansLanes)};
    if (count > 1) return DecodeRans(cpu, {&run, 1}, stream, symbols, carried);
  } else {
    if (count > kLaneSymbolsMax) return false;
    LaneTable table;
    std::memcpy(table.freq, freq, static_cast<size_t>(count) * sizeof(uint16_t));
    if (!CompleteLaneTable(&table)) return false;
    const LaneRun run = {&table, RowsOf(n, kLanes)};
    if (count > 1) return DecodeLanes(cpu, {&run, 1}, groups, stream, symbols, carried);
  }
  std::memset(symbols, 0, n);
  return stream.empty();
}

// Decodes the groups' marks and sets *n to the number of elements that are coded.
bool DecodeGroups(Cpu cpu, FieldScratch* scratch, Bytes payload, size_t* n, size_t* used) {
  if (payload.size() < 4) return false;
  const size_t size = Load<uint32_t>(payload.data()), groups = GroupsOf(*n);
  if (size > groups || payload.size() - 4 < size) return false;
  uint8_t* const marks = scratch->groups.data();
  if (size == groups) {
    std::memcpy(marks, payload.data() + 4, groups);
  } else if (!DecodeRansBytes(cpu, &scratch->rans, payload.subspan(4, size), {marks, groups})) {
    return false;
  }
  size_t coded = 0;
  for (size_t g = 0; g < groups; g++) {
    if (marks[g] != 0) coded += std::min(kGroup, *n - g * kGroup);
  }
  *n = coded;
  *used = 4 + size;
  return coded > 0;
}

// Reads the symbols' frequencies and what they stand for. Returns how many there are, 0 if that is
// no table, and the bytes used.
int GetTable(Bytes payload, int window, uint32_t first, bool fine, FieldShape shape, uint16_t* freq,
             FieldTables* tables, size_t* used) {
  BitReader reader(payload);
  const uint32_t scale = fine ? kRansScale : kLaneScale;
  int count = 0;
  for (int place = 0; place <= window; place++) {
    const uint32_t code = reader.GetGamma();
    if (!reader.ok() || code > scale + 1) return 0;
    if (place == window) tables->escape = count;  // What no symbol reaches if there are none.
    if (code == 1) continue;
    if (count == 255) return 0;
    const uint32_t bits =
        place < window ? BitsOf(first + static_cast<uint32_t>(place), shape) : uint32_t{0};
    tables->low[count] = static_cast<uint8_t>(bits);
    tables->high[count] = static_cast<uint8_t>(bits >> 8);
    freq[count++] = static_cast<uint16_t>(code - 1);
  }
  *used = reader.used();
  return tables->escape == 0 ? 0 : count;
}

// Turns the values of the escapes to the halves of their 16 bits.
bool GetEscapes(Cpu cpu, const uint8_t* values, size_t count, FieldShape shape, uint8_t* low,
                uint8_t* high) {
  std::memset(high, 0, count);
  const int more = std::max(0, shape.bits() - 8);
  if (more > 0) UnpackBits(cpu, values + count, count, more, 0, high);
  for (size_t i = 0; i < count; i++) {
    const uint32_t value = static_cast<uint32_t>(high[i]) << 8 | values[i];
    if (value >> shape.bits() != 0) return false;
    const uint32_t bits = BitsOf(value, shape);
    low[i] = static_cast<uint8_t>(bits);
    high[i] = static_cast<uint8_t>(bits >> 8);
  }
  return true;
}

}  // namespace

bool DecodeField(Cpu cpu, FieldScratch* scratch, Bytes payload, size_t n, FieldBlock* block) {
  if (payload.size() < kFixedBytes) return false;
  const uint8_t mode = payload[0];
  FieldShape shape;
  shape.below = mode & 15;
  shape.sign_in = (mode & kSignIn) != 0;
  const bool fine = (mode & kFine) != 0;
  const int groups = (mode & kFourGroups) != 0 ? 4 : 1;
  if (shape.below < 4 || shape.below > 8 || (fine && groups == 4)) return false;
  const int window = payload[1];
  const uint32_t first = Load<uint16_t>(payload.data() + 2);
  if (window == 0 || first + static_cast<uint32_t>(window) > (1u << shape.bits())) return false;
  payload = payload.subspan(kFixedBytes);
  block->groups = nullptr;
  if ((mode & kGrouped) != 0) {
    size_t used = 0;
    if (shape.below > kFieldExponentShift || !DecodeGroups(cpu, scratch, payload, &n, &used)) {
      return false;
    }
    block->groups = scratch->groups.data();
    payload = payload.subspan(used);
  }
  block->coded = n;
  block->rest_room = scratch->rest.data();
  block->leading_room = reinterpret_cast<uint16_t*>(scratch->compact.data());
  uint16_t freq[257];
  size_t table_bytes = 0;
  const int count =
      GetTable(payload, window, first, fine, shape, freq, &block->tables, &table_bytes);
  if (count == 0) return false;
  payload = payload.subspan(table_bytes);
  if (payload.size() < 4) return false;
  const size_t escaped = Load<uint32_t>(payload.data());
  payload = payload.subspan(4);
  const int high = std::max(0, shape.bits() - 8);
  const size_t high_bytes = high > 0 ? PackedBytes(escaped, high) : 0;
  const size_t sign_bytes = shape.sign_in ? 0 : (n + 7) / 8;
  if (escaped > n) return false;
  const size_t apart_bytes = escaped + high_bytes + sign_bytes;
  const size_t carried = count > 1 ? std::min(CarriedMax(fine, groups), apart_bytes) : 0;
  const size_t inline_bytes = apart_bytes - carried;
  if (payload.size() < inline_bytes) return false;
  uint8_t* const apart = scratch->apart.data();
  if (inline_bytes > 0) std::memcpy(apart, payload.data(), inline_bytes);
  uint8_t* const symbols = scratch->symbols.data();
  if (!DecodeSymbols(cpu, freq, count, fine, groups, payload.subspan(inline_bytes), n, symbols,
                     {apart + inline_bytes, carried})) {
    return false;
  }
  // The halves of the escapes' 16 bits, each with 64 bytes of room.
  uint8_t* const escape_low = scratch->escapes.data();
  uint8_t* const escape_high = scratch->stream.data();
  if (!GetEscapes(cpu, apart, escaped, shape, escape_low, escape_high)) return false;
  block->tables.shape = shape;
  block->escapes = escaped;
  block->source = {symbols, apart + escaped + high_bytes, escape_low, escape_high, nullptr,
                   nullptr};
  return true;
}

bool MergeFieldBlock(Cpu cpu, const FieldBlock& block, const uint8_t* rest, const uint8_t* packed,
                     size_t n, uint16_t* leading) {
  FieldSource source = block.source;
  source.rest = rest;
  source.packed = packed;
  uint16_t* to = leading;
  if (block.groups != nullptr) {
    field::CompactGroups(block.groups, rest, n, block.rest_room);
    source.rest = block.rest_room;
    to = block.leading_room;
  }
  const size_t escapes = MergeField(cpu, block.tables, source, block.coded, to);
  if (block.groups != nullptr) field::LowerGroups(block.groups, to, n, leading);
  return escapes == block.escapes;
}

}  // namespace mh
