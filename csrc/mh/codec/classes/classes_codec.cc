#include "mh/codec/classes/classes_codec.h"

#include <algorithm>
#include <cstring>

#include "mh/base/bits.h"
#include "mh/base/endian.h"

namespace mh {
namespace {

constexpr uint8_t kFine = 1, kFlagged = 2, kFourGroups = 4;
constexpr int kTopShift = 4;
constexpr int kFlagMin = 48;
constexpr size_t kFourGroupsMin = size_t{1} << 15;
// Room for what stands before the raw bits: popular values, bounds, flags, tables.
constexpr size_t kHeaderRoom = 65536;

size_t GroupsOf(size_t n) { return (n + kClassGroup - 1) / kClassGroup; }

// Runs of groups without and with the flag, in turn, as gamma codes of their length + 1.
void PutFlags(const uint8_t* flags, size_t groups, BitWriter* writer) {
  uint8_t current = 0;
  for (size_t i = 0; i < groups;) {
    size_t end = i;
    while (end < groups && flags[end] == current) end++;
    writer->PutGamma(static_cast<uint32_t>(end - i) + 1);
    current ^= 1;
    i = end;
  }
}

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

void FillContextMap(const ClassBounds& bounds, int first, uint8_t* map) {
  int k = 0;
  for (int e = 0; e < 256; e++) {
    while (k + 1 < bounds.count && e >= bounds.bound[k]) k++;
    map[e] = static_cast<uint8_t>(first + k);
  }
}

// The buckets of the contexts, each a whole number of rows.
struct Buckets {
  size_t lanes;
  uint32_t begin[kClassContextsMax];
  size_t rows[kClassContextsMax];
  size_t total_rows = 0;
  Buckets(const uint32_t* totals, int count, size_t lanes_of_row) : lanes(lanes_of_row) {
    for (int c = 0; c < count; c++) {
      begin[c] = static_cast<uint32_t>(total_rows * lanes);
      rows[c] = (totals[c] + lanes - 1) / lanes;
      total_rows += rows[c];
    }
  }
};

}  // namespace

bool ClassScratch::Reserve(size_t elements) {
  const size_t padded = elements + (kClassContextsMax + 2) * kLanes;
  return contexts.Reserve(2 * elements + 2 * GroupsOf(elements) + 128) &&
         symbols.Reserve(elements + 64) && buckets.Reserve(padded + 64) &&
         differences.Reserve(4 * elements + 128) && raw.Reserve(2 * elements + kRawSlack) &&
         stream.Reserve(2 * padded + kHeaderRoom) &&
         tables.Reserve(kClassContextsMax * std::max(sizeof(RansTable), sizeof(LaneTable))) &&
         symbol_of.Reserve(65536);
}

namespace {

void FlagGroups(const ClassPlan& plan, const uint16_t* differences, const uint8_t* symbols,
                size_t n, uint8_t* flags) {
  for (size_t g = 0; g < GroupsOf(n); g++) {
    const size_t begin = g * kClassGroup, end = std::min(begin + kClassGroup, n);
    if (plan.still) {
      uint16_t any = 0;
      for (size_t i = begin; i < end; i++) any = static_cast<uint16_t>(any | differences[i]);
      flags[g] = any == 0 ? 1 : 0;
    } else {
      int popular = 0;
      for (size_t i = begin; i < end; i++) popular += symbols[i] < plan.popular_count ? 1 : 0;
      flags[g] = popular >= kFlagMin ? 1 : 0;
    }
  }
}

// Symbols of a bucket. Two tables, so that equal neighbours do not wait for each other.
void CountBucket(const uint8_t* symbols, size_t n, int symbol_count, uint32_t* counts) {
  uint32_t other[kClassSymbolsMax];
  const size_t bytes = static_cast<size_t>(symbol_count) * sizeof(uint32_t);
  std::memset(counts, 0, bytes);
  std::memset(other, 0, bytes);
  size_t i = 0;
  for (; i + 2 <= n; i += 2) {
    counts[symbols[i]]++;
    other[symbols[i + 1]]++;
  }
  if (i < n) counts[symbols[i]]++;
  for (int k = 0; k < symbol_count; k++) counts[k] += other[k];
}

}  // namespace

size_t EncodeClasses(Cpu cpu, const ClassPlan& plan, ClassScratch* scratch,
                     const uint16_t* differences, const uint8_t* exponents, size_t n,
                     std::span<uint8_t> out) {
  const uint8_t* symbol_of = scratch->symbol_of.data();
  uint8_t* const symbols = scratch->symbols.data();
  uint8_t* const contexts = scratch->contexts.data();
  uint8_t* const flags = contexts + n + 64;
  const size_t groups = GroupsOf(n);
  std::memset(flags, 0, groups);
  FindSymbols(cpu, scratch->lookup, differences, n, symbols);
  if (plan.flagged) FlagGroups(plan, differences, symbols, n, flags);
  uint8_t map[2][256];
  FillContextMap(plan.bounds[0], 0, map[0]);
  FillContextMap(plan.bounds[1], plan.bounds[0].count, map[1]);
  const int context_count = plan.bounds[0].count + (plan.flagged ? plan.bounds[1].count : 0);
  const ClassLayout layout = {plan.bounds[0].count, context_count - plan.bounds[0].count,
                              plan.flagged && plan.still, 0};
  MapContexts(cpu, exponents, flags, n, map, contexts);

  const int symbol_count = plan.popular_count + ClassCount(plan.top);
  uint32_t totals[kClassContextsMax];
  CountContexts(cpu, contexts, flags, n, layout, totals);
  const Buckets buckets(totals, context_count, plan.fine ? kRansLanes : kLanes);

  uint8_t* const bucketed = scratch->buckets.data();
  uint32_t cursor[kClassContextsMax];
  std::memcpy(cursor, buckets.begin, sizeof(cursor));
  ScatterSymbols(cpu, symbols, contexts, flags, n, layout, cursor, bucketed);

  // Header and tables into scratch: their length is known only then.
  uint8_t* const header = scratch->stream.data();
  const int lane_groups = !plan.fine && buckets.total_rows * kLanes >= kFourGroupsMin ? 4 : 1;
  uint8_t* at = header;
  *at++ = static_cast<uint8_t>((plan.fine ? kFine : 0) | (plan.flagged ? kFlagged : 0) |
                               (lane_groups == 4 ? kFourGroups : 0) | plan.top << kTopShift);
  *at++ = static_cast<uint8_t>(plan.popular_count);
  std::memcpy(at, plan.popular, 2 * static_cast<size_t>(plan.popular_count));
  at += 2 * plan.popular_count;
  for (int kind = 0; kind <= (plan.flagged ? 1 : 0); kind++) {
    const ClassBounds& bounds = plan.bounds[kind];
    *at++ = static_cast<uint8_t>(bounds.count);
    std::memcpy(at, bounds.bound, static_cast<size_t>(bounds.count - 1));
    at += bounds.count - 1;
  }
  BitWriter writer(at);
  if (plan.flagged) PutFlags(flags, groups, &writer);
  auto* const lane_tables = reinterpret_cast<LaneTable*>(scratch->tables.data());
  auto* const rans_tables = reinterpret_cast<RansTable*>(scratch->tables.data());
  LaneRun lane_runs[kClassContextsMax];
  RansRun rans_runs[kClassContextsMax];
  bool coded = false;
  for (int c = 0; c < context_count; c++) {
    lane_runs[c] = {&lane_tables[c], buckets.rows[c]};
    rans_runs[c] = {&rans_tables[c], buckets.rows[c]};
    if (totals[c] == 0) {
      // No rows, nothing coded. The two kinds of tables share their memory.
      (plan.fine ? rans_tables[c].count : lane_tables[c].count) = 1;
      continue;
    }
    uint32_t counts[kClassSymbolsMax] = {};
    const bool still = layout.still && c == layout.plain;
    if (still) {
      // One symbol, so nothing is coded, and its bucket need not be there.
      counts[symbol_of[0]] = totals[c];
      (plan.fine ? rans_runs[c].rows : lane_runs[c].rows) = 0;
    } else {
      CountBucket(bucketed + buckets.begin[c], totals[c], symbol_count, counts);
    }
    uint16_t freq[kClassSymbolsMax];
    NormalizeCounts(counts, symbol_count, plan.fine ? kRansScale : kLaneScale, freq);
    for (int k = 0; k < symbol_count; k++) writer.PutGamma(freq[k] + 1u);
    if (plan.fine) {
      std::memset(rans_tables[c].freq, 0, sizeof(rans_tables[c].freq));
      std::memcpy(rans_tables[c].freq, freq, sizeof(uint16_t) * static_cast<size_t>(symbol_count));
      CompleteRansTable(&rans_tables[c]);
    } else {
      std::memset(lane_tables[c].freq, 0, sizeof(lane_tables[c].freq));
      std::memcpy(lane_tables[c].freq, freq, sizeof(uint16_t) * static_cast<size_t>(symbol_count));
      CompleteLaneTable(&lane_tables[c]);
    }
    coded = coded || (plan.fine ? rans_tables[c].count : lane_tables[c].count) > 1;
    if (still) continue;
    const auto filler = static_cast<uint8_t>(std::max_element(freq, freq + symbol_count) - freq);
    std::memset(scratch->buckets.data() + buckets.begin[c] + totals[c], filler,
                buckets.rows[c] * buckets.lanes - totals[c]);
  }
  size_t header_bytes = static_cast<size_t>(at - header) + writer.Finish();
  ClassSymbols table;
  ListClassSymbols(plan.popular, plan.popular_count, plan.top, &table);
  uint8_t* const raw = scratch->raw.data();
  const size_t raw_bytes = WriteRawBits(cpu, differences, symbols, table, n, raw);
  Store(header + header_bytes, static_cast<uint32_t>(raw_bytes));
  header_bytes += 4;
  const size_t carried =
      !coded ? 0 : std::min(raw_bytes, plan.fine ? kRansCarriedMax : LaneCarriedMax(lane_groups));
  const size_t inline_bytes = raw_bytes - carried;
  uint8_t* const end = scratch->stream.data() + scratch->stream.capacity();
  uint8_t* begin = end;
  const auto contexts_used = static_cast<size_t>(context_count);
  if (coded && plan.fine) {
    begin = EncodeRans({rans_runs, contexts_used}, scratch->buckets.data(),
                       {raw + inline_bytes, carried}, end);
  } else if (coded) {
    begin = EncodeLanes(cpu, {lane_runs, contexts_used}, lane_groups, scratch->buckets.data(),
                        {raw + inline_bytes, carried}, end);
  }
  const auto stream = static_cast<size_t>(end - begin);
  if (header_bytes + inline_bytes + stream > out.size()) return 0;
  std::memcpy(out.data(), header, header_bytes);
  if (inline_bytes > 0) std::memcpy(out.data() + header_bytes, raw, inline_bytes);
  if (stream > 0) std::memcpy(out.data() + header_bytes + inline_bytes, begin, stream);
  return header_bytes + inline_bytes + stream;
}

namespace {

// What stands before the tables of a payload.
struct ClassHeader {
  bool fine = false, flagged = false;
  int lane_groups = 1, top = 0;
  ClassSymbols symbols;
  ClassBounds bounds[2];
};

// Returns the bytes used, 0 if they are not a header.
size_t ParseHeader(Bytes payload, ClassHeader* header) {
  if (payload.size() < 2) return 0;
  const uint8_t mode = payload[0];
  header->fine = (mode & kFine) != 0;
  header->flagged = (mode & kFlagged) != 0;
  header->lane_groups = (mode & kFourGroups) != 0 ? 4 : 1;
  header->top = mode >> kTopShift;
  const int popular = payload[1];
  if ((mode & 8) != 0 || header->top > 4 || (header->fine && header->lane_groups == 4)) return 0;
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

}  // namespace

bool DecodeClasses(Cpu cpu, ClassScratch* scratch, Bytes payload, const uint8_t* exponents,
                   size_t n, uint16_t* differences) {
  ClassHeader header;
  const size_t used = ParseHeader(payload, &header);
  if (used == 0) return false;
  payload = payload.subspan(used);
  const size_t groups = GroupsOf(n);
  uint8_t* const contexts = scratch->contexts.data();
  uint8_t* const flags = contexts + n + 64;
  std::memset(flags, 0, groups);
  BitReader reader(payload);
  if (header.flagged && !GetFlags(&reader, groups, flags)) return false;
  uint8_t map[2][256];
  FillContextMap(header.bounds[0], 0, map[0]);
  FillContextMap(header.bounds[1], header.bounds[0].count, map[1]);
  const int context_count = header.bounds[0].count + (header.flagged ? header.bounds[1].count : 0);
  ClassLayout layout = {header.bounds[0].count, context_count - header.bounds[0].count, false, 0};
  MapContexts(cpu, exponents, flags, n, map, contexts);
  uint32_t totals[kClassContextsMax];
  CountContexts(cpu, contexts, flags, n, layout, totals);
  const Buckets buckets(totals, context_count, header.fine ? kRansLanes : kLanes);

  auto* const lane_tables = reinterpret_cast<LaneTable*>(scratch->tables.data());
  auto* const rans_tables = reinterpret_cast<RansTable*>(scratch->tables.data());
  LaneRun lane_runs[kClassContextsMax];
  RansRun rans_runs[kClassContextsMax];
  const uint32_t scale = header.fine ? kRansScale : kLaneScale;
  bool coded = false;
  for (int c = 0; c < context_count; c++) {
    lane_runs[c] = {&lane_tables[c], buckets.rows[c]};
    rans_runs[c] = {&rans_tables[c], buckets.rows[c]};
    if (totals[c] == 0) {
      (header.fine ? rans_tables[c].count : lane_tables[c].count) = 1;  // No rows, nothing coded.
      continue;
    }
    uint16_t* const freq = header.fine ? rans_tables[c].freq : lane_tables[c].freq;
    std::memset(freq, 0, header.fine ? sizeof(rans_tables[c].freq) : sizeof(lane_tables[c].freq));
    for (int k = 0; k < header.symbols.count; k++) {
      const uint32_t code = reader.GetGamma();
      if (!reader.ok() || code > scale + 1) return false;
      freq[k] = static_cast<uint16_t>(code - 1);
    }
    if (header.fine ? !CompleteRansTable(&rans_tables[c]) : !CompleteLaneTable(&lane_tables[c])) {
      return false;
    }
    coded = coded || (header.fine ? rans_tables[c].count : lane_tables[c].count) > 1;
  }
  if (layout.flagged == 1 && totals[layout.plain] > 0) {
    const int c = layout.plain;
    layout.still = (header.fine ? rans_tables[c].count : lane_tables[c].count) == 1;
    layout.still_symbol = header.fine ? rans_tables[c].only : lane_tables[c].only;
    // The last bucket, of which nobody reads.
    if (layout.still) lane_runs[c].rows = rans_runs[c].rows = 0;
  }
  payload = payload.subspan(reader.used());
  if (payload.size() < 4) return false;
  const size_t raw_bytes = Load<uint32_t>(payload.data());
  payload = payload.subspan(4);
  const size_t carried_max = header.fine ? kRansCarriedMax : LaneCarriedMax(header.lane_groups);
  const size_t carried = coded ? std::min(raw_bytes, carried_max) : 0;
  const size_t inline_bytes = raw_bytes - carried;
  if (raw_bytes > 2 * n || payload.size() < inline_bytes) return false;
  uint8_t* const raw = scratch->raw.data();
  if (inline_bytes > 0) std::memcpy(raw, payload.data(), inline_bytes);
  std::memset(raw + raw_bytes, 0, kRawSlack);
  const Bytes stream = payload.subspan(inline_bytes);
  const std::span<uint8_t> rest(raw + inline_bytes, carried);
  const auto contexts_used = static_cast<size_t>(context_count);
  uint8_t* const bucketed = scratch->buckets.data();
  if (!coded) {
    if (!stream.empty()) return false;
    for (int c = 0; c < context_count; c++) {
      const uint8_t only = header.fine ? rans_tables[c].only : lane_tables[c].only;
      std::memset(bucketed + buckets.begin[c], only, totals[c]);
    }
  } else if (header.fine ? !DecodeRans(cpu, {rans_runs, contexts_used}, stream, bucketed, rest)
                         : !DecodeLanes(cpu, {lane_runs, contexts_used}, header.lane_groups, stream,
                                        bucketed, rest)) {
    return false;
  }
  uint32_t cursor[kClassContextsMax];
  std::memcpy(cursor, buckets.begin, sizeof(cursor));
  uint8_t* const symbols = scratch->symbols.data();
  GatherSymbols(cpu, bucketed, contexts, flags, n, layout, cursor, symbols);
  const uint64_t raw_bits =
      ReadRawBits(cpu, raw, 8 * raw_bytes, symbols, header.symbols, n, differences);
  return (raw_bits + 7) / 8 == raw_bytes;
}

}  // namespace mh
