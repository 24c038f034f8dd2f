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

// Below, the states of four groups of lanes would weigh more than they save time.
constexpr size_t kFourGroupsMin = size_t{1} << 15;

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
      flags[g] = popular >= kClassFlagMin ? 1 : 0;
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

// Writes what stands before the flags; returns its end.
uint8_t* PutHeader(const ClassPlan& plan, int groups, uint8_t* at) {
  *at++ = static_cast<uint8_t>(
      (plan.fine ? classes::kFine : 0) | (plan.flagged ? classes::kFlagged : 0) |
      (groups == 4 ? classes::kFourGroups : 0) | plan.top << classes::kTopShift);
  *at++ = static_cast<uint8_t>(plan.popular_count);
  std::memcpy(at, plan.popular, 2 * static_cast<size_t>(plan.popular_count));
  at += 2 * plan.popular_count;
  for (int kind = 0; kind <= (plan.flagged ? 1 : 0); kind++) {
    const ClassBounds& bounds = plan.bounds[kind];
    *at++ = static_cast<uint8_t>(bounds.count);
    std::memcpy(at, bounds.bound, static_cast<size_t>(bounds.count - 1));
    at += bounds.count - 1;
  }
  return at;
}

// Makes the tables, writes them, and fills the buckets' last rows.
void PutTables(const ClassPlan& plan, const ClassLayout& layout, const uint32_t* totals,
               const Buckets& buckets, uint8_t* bucketed, ContextTables* tables,
               BitWriter* writer) {
  const int symbol_count = plan.popular_count + ClassCount(plan.top);
  for (int c = 0; c < layout.plain + layout.flagged; c++) {
    if (totals[c] == 0) {
      tables->LeaveOut(c);
      continue;
    }
    uint32_t counts[kClassSymbolsMax] = {};
    const bool still = layout.still && c == layout.plain;
    if (still) {
      counts[layout.still_symbol] = totals[c];
    } else {
      CountBucket(bucketed + buckets.begin[c], totals[c], symbol_count, counts);
    }
    uint16_t* const freq = tables->Frequencies(c);
    NormalizeCounts(counts, symbol_count, tables->scale(), freq);
    for (int k = 0; k < symbol_count; k++) writer->PutGamma(freq[k] + 1u);
    tables->Complete(c);
    if (still) {
      // Its bucket is not there, and need not be.
      tables->LeaveOut(c);
      continue;
    }
    const auto filler = static_cast<uint8_t>(std::max_element(freq, freq + symbol_count) - freq);
    std::memset(bucketed + buckets.begin[c] + totals[c], filler,
                buckets.rows[c] * buckets.lanes - totals[c]);
  }
}

}  // namespace

size_t EncodeClasses(Cpu cpu, const ClassPlan& plan, ClassScratch* scratch,
                     const uint16_t* differences, const uint8_t* exponents, size_t n,
                     std::span<uint8_t> out) {
  uint8_t* const symbols = scratch->symbols.data();
  uint8_t* const contexts = scratch->contexts.data();
  uint8_t* const flags = contexts + n + 64;
  std::memset(flags, 0, GroupsOf(n));
  FindSymbols(cpu, scratch->lookup, differences, n, symbols);
  if (plan.flagged) FlagGroups(plan, differences, symbols, n, flags);
  uint8_t map[2][256];
  classes::FillContextMap(plan.bounds[0], 0, map[0]);
  classes::FillContextMap(plan.bounds[1], plan.bounds[0].count, map[1]);
  const ClassLayout layout = {plan.bounds[0].count, plan.flagged ? plan.bounds[1].count : 0,
                              plan.flagged && plan.still, scratch->lookup.all[0]};
  MapContexts(cpu, exponents, flags, n, map, contexts);
  uint32_t totals[kClassContextsMax];
  CountContexts(cpu, contexts, flags, n, layout, totals);
  const int count = layout.plain + layout.flagged;
  const Buckets buckets(totals, count, plan.fine ? kRansLanes : kLanes);
  uint8_t* const bucketed = scratch->buckets.data();
  uint32_t cursor[kClassContextsMax];
  std::memcpy(cursor, buckets.begin, sizeof(cursor));
  ScatterSymbols(cpu, symbols, contexts, flags, n, layout, cursor, bucketed);

  // Header and tables into scratch: their length is known only then.
  uint8_t* const header = scratch->stream.data();
  const int groups = !plan.fine && buckets.total_rows * kLanes >= kFourGroupsMin ? 4 : 1;
  uint8_t* const bits = PutHeader(plan, groups, header);
  BitWriter writer(bits);
  if (plan.flagged) PutFlags(flags, GroupsOf(n), &writer);
  ContextTables tables(plan.fine, &scratch->tables, buckets, count);
  PutTables(plan, layout, totals, buckets, bucketed, &tables, &writer);
  size_t header_bytes = static_cast<size_t>(bits - header) + writer.Finish();

  ClassSymbols table;
  ListClassSymbols(plan.popular, plan.popular_count, plan.top, &table);
  uint8_t* const raw = scratch->raw.data();
  const size_t raw_bytes = WriteRawBits(cpu, differences, symbols, table, n, raw);
  Store(header + header_bytes, static_cast<uint32_t>(raw_bytes));
  header_bytes += 4;
  const size_t carried = tables.coded() ? std::min(raw_bytes, tables.CarriedMax(groups)) : 0;
  const size_t inline_bytes = raw_bytes - carried;
  uint8_t* const end = scratch->stream.data() + scratch->stream.capacity();
  uint8_t* begin = end;
  if (tables.coded()) {
    begin = tables.Encode(cpu, groups, bucketed, {raw + inline_bytes, carried}, end);
  }
  const auto stream = static_cast<size_t>(end - begin);
  if (header_bytes + inline_bytes + stream > out.size()) return 0;
  std::memcpy(out.data(), header, header_bytes);
  if (inline_bytes > 0) std::memcpy(out.data() + header_bytes, raw, inline_bytes);
  if (stream > 0) std::memcpy(out.data() + header_bytes + inline_bytes, begin, stream);
  return header_bytes + inline_bytes + stream;
}

}  // namespace mh
