#include <algorithm>
#include <cstring>

#include "mh/base/bits.h"
#include "mh/base/endian.h"
#include "mh/codec/classes/classes_tables.h"

namespace mh {
namespace {

using classes::Buckets;
using classes::ContextTables;
using classes::GroupsOf;

bool GetFlags(BitReader* reader, size_t groups, uint8_t* flags) {
  uint8_t current = 0;
  for (size_t i = 0; i < groups; current ^= 1) {
    const size_t run = reader->GetGamma() - 1;
    if (!reader->ok() || run > groups - i || (run == 0 && i > 0)) return false;
    std::memset(flags + i, current, run);
    i += run;
  }
  return true;
}

// What stands before the tables of a payload.
struct ClassHeader {
  bool fine = false, flagged = false;
  int groups = 1, top = 0;
  ClassSymbols symbols;
  ClassBounds bounds[2];
};

// Returns the bytes used, 0 if they are not a header.
size_t ParseHeader(Bytes payload, ClassHeader* header) {
  if (payload.size() < 2) return 0;
  const uint8_t mode = payload[0];
  header->fine = (mode & classes::kFine) != 0;
  header->flagged = (mode & classes::kFlagged) != 0;
  header->groups = (mode & classes::kFourGroups) != 0 ? 4 : 1;
  header->top = mode >> classes::kTopShift;
  const int popular = payload[1];
  if ((mode & 8) != 0 || header->top > 4 || (header->fine && header->groups == 4)) return 0;
  const int most = header->fine ? kClassSymbolsMax : kLaneSymbolsMax;
  if (popular + ClassCount(header->top) > most) return 0;
  size_t at = 2 + 2 * static_cast<size_t>(popular);
  if (payload.size() < at) return 0;
  uint16_t values[kClassSymbolsMax];
  std::memcpy(values, payload.data() + 2, 2 * static_cast<size_t>(popular));
  ListClassSymbols(values, popular, header->top, &header->symbols);
  int total = 0;
  for (int kind = 0; kind <= (header->flagged ? 1 : 0); kind++) {
    if (at >= payload.size()) return 0;
    ClassBounds& bounds = header->bounds[kind];
    bounds.count = payload[at++];
    total += bounds.count;
    const auto more = static_cast<size_t>(bounds.count) - 1;
    if (bounds.count == 0 || total > kClassContextsMax || payload.size() - at < more) return 0;
    std::memcpy(bounds.bound, payload.data() + at, more);
    at += more;
    for (size_t k = 1; k < more; k++) {
      if (bounds.bound[k] <= bounds.bound[k - 1]) return 0;
    }
  }
  return at;
}

// Reads the tables of the contexts that occur.
bool GetTables(const ClassHeader& header, const ClassLayout& layout, const uint32_t* totals,
               BitReader* reader, ContextTables* tables) {
  for (int c = 0; c < layout.plain + layout.flagged; c++) {
    if (totals[c] == 0) {
      tables->LeaveOut(c);
      continue;
    }
    uint16_t* const freq = tables->Frequencies(c);
    for (int k = 0; k < header.symbols.count; k++) {
      const uint32_t code = reader->GetGamma();
      if (!reader->ok() || code > tables->scale() + 1) return false;
      freq[k] = static_cast<uint16_t>(code - 1);
    }
    if (!tables->Complete(c)) return false;
  }
  return true;
}

// Decodes what follows the tables: the buckets, and the raw bits to scratch. Sets *raw_bytes.
bool GetBuckets(Cpu cpu, const ContextTables& tables, int groups, Bytes payload, size_t n,
                ClassScratch* scratch, size_t* raw_bytes) {
  if (payload.size() < 4) return false;
  *raw_bytes = Load<uint32_t>(payload.data());
  payload = payload.subspan(4);
  const size_t carried = tables.coded() ? std::min(*raw_bytes, tables.CarriedMax(groups)) : 0;
  const size_t inline_bytes = *raw_bytes - carried;
  if (*raw_bytes > 2 * n || payload.size() < inline_bytes) return false;
  uint8_t* const raw = scratch->raw.data();
  if (inline_bytes > 0) std::memcpy(raw, payload.data(), inline_bytes);
  std::memset(raw + *raw_bytes, 0, kRawSlack);
  const Bytes stream = payload.subspan(inline_bytes);
  if (!tables.coded()) return stream.empty();
  return tables.Decode(cpu, groups, stream, scratch->buckets.data(), {raw + inline_bytes, carried});
}

}  // namespace

bool DecodeClasses(Cpu cpu, ClassScratch* scratch, Bytes payload, const uint8_t* exponents,
                   size_t n, uint16_t* differences) {
  ClassHeader header;
  const size_t used = ParseHeader(payload, &header);
  if (used == 0) return false;
  payload = payload.subspan(used);
  uint8_t* const contexts = scratch->contexts.data();
  uint8_t* const flags = contexts + n + 64;
  std::memset(flags, 0, GroupsOf(n));
  BitReader reader(payload);
  if (header.flagged && !GetFlags(&reader, GroupsOf(n), flags)) return false;
  uint8_t map[2][256];
  classes::FillContextMap(header.bounds[0], 0, map[0]);
  classes::FillContextMap(header.bounds[1], header.bounds[0].count, map[1]);
  ClassLayout layout = {header.bounds[0].count, header.flagged ? header.bounds[1].count : 0, false,
                        0};
  MapContexts(cpu, exponents, flags, n, map, contexts);
  uint32_t totals[kClassContextsMax];
  CountContexts(cpu, contexts, flags, n, layout, totals);
  const int count = layout.plain + layout.flagged;
  const Buckets buckets(totals, count, header.fine ? kRansLanes : kLanes);
  ContextTables tables(header.fine, &scratch->tables, buckets, count);
  if (!GetTables(header, layout, totals, &reader, &tables)) return false;
  const int last = layout.plain;
  if (layout.flagged == 1 && totals[last] > 0 && tables.Symbols(last) == 1) {
    // Groups that hold one symbol need no bucket. It is the last one, so no other moves.
    layout.still = true;
    layout.still_symbol = tables.Only(last);
    tables.LeaveOut(last);
  }
  size_t raw_bytes = 0;
  if (!GetBuckets(cpu, tables, header.groups, payload.subspan(reader.used()), n, scratch,
                  &raw_bytes)) {
    return false;
  }
  uint8_t* const bucketed = scratch->buckets.data();
  for (int c = 0; !tables.coded() && c < count; c++) {
    if (totals[c] > 0) std::memset(bucketed + buckets.begin[c], tables.Only(c), totals[c]);
  }
  uint32_t cursor[kClassContextsMax];
  std::memcpy(cursor, buckets.begin, sizeof(cursor));
  uint8_t* const symbols = scratch->symbols.data();
  GatherSymbols(cpu, bucketed, contexts, flags, n, layout, cursor, symbols);
  const uint64_t raw_bits =
      ReadRawBits(cpu, scratch->raw.data(), 8 * raw_bytes, symbols, header.symbols, n, differences);
  return (raw_bits + 7) / 8 == raw_bytes;
}

}  // namespace mh
