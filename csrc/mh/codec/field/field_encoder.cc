#include <algorithm>
#include <cstring>
#include <functional>
#include <vector>

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

constexpr int kValuesMax = 1 << 12;
// As many values are counted where a sample will do: of fewer, what is missed costs more.
constexpr size_t kSampledValues = size_t{1} << 14;
// Four groups of lanes hide a row's latency. As their states carry other bytes they cost 24.
constexpr size_t kFourGroupsMin = size_t{1} << 15;
// A symbol of its own takes one slot of the scale from all others, log2(S / (S - 1)) bits a value;
// as an escape it costs about 16 bits instead of log2(S) each time. They meet near these shares.
constexpr uint64_t kKeepOneInLanes = 1400, kKeepOneInRans = 40000;

void CountValues(const uint8_t* elements, size_t stride, size_t n, FieldShape shape, bool sampled,
                 uint32_t* counts) {
  // Two tables, so that equal neighbours do not wait for each other.
  uint32_t other[kValuesMax];
  const int values = 1 << shape.bits();
  std::memset(counts, 0, static_cast<size_t>(values) * sizeof(uint32_t));
  std::memset(other, 0, static_cast<size_t>(values) * sizeof(uint32_t));
  const size_t step = sampled ? std::max<size_t>(1, n / kSampledValues) * kGroup : kGroup;
  const auto value = [&](size_t i) {
    const uint32_t x = Load<uint16_t>(elements + i * stride);
    const uint32_t v = (x & 0x7fff) >> shape.below;
    return shape.sign_in ? v << 1 | x >> 15 : v;
  };
  // The first look at the elements: what is skipped here is needed right after, and no prefetcher
  // of the machine's own follows such steps.
  const uint8_t* const last = elements + (n - 1) * stride;
  for (size_t begin = 0; begin < n; begin += step) {
    for (size_t ahead = begin + 4 * step; ahead < begin + 5 * step; ahead += 64 / stride) {
      __builtin_prefetch(std::min(elements + ahead * stride, last));
    }
    const size_t end = std::min(begin + 64, n);
    size_t i = begin;
    for (; i + 2 <= end; i += 2) {
      counts[value(i)]++;
      other[value(i + 1)]++;
    }
    if (i < end) counts[value(i)]++;
  }
  for (int v = 0; v < values; v++) counts[v] += other[v];
}

struct Alphabet {
  int first = 0, window = 0;
  int kept = 0;
  uint16_t value[256];
  uint32_t count[257];  // With the escapes' last.
};

// Chooses the window that covers most, and the values in it that get a symbol.
void ChooseAlphabet(const uint32_t* counts, int values, bool fine, bool sampled, Alphabet* chosen) {
  const int most = fine ? 254 : kLaneSymbolsMax - 1;
  const int width = std::min(255, values);
  uint64_t covered = 0, best = 0, total = 0;
  int at = 0;
  for (int v = 0; v < values; v++) {
    total += counts[v];
    covered += counts[v];
    if (v >= width) covered -= counts[v - width];
    if (covered > best) {
      best = covered;
      at = std::max(0, v - width + 1);
    }
  }
  // Only what is frequent enough, and no more than there are symbols.
  const uint64_t one_in = fine ? kKeepOneInRans : kKeepOneInLanes;
  std::vector<uint32_t> sorted;
  for (int v = at; v < std::min(at + width, values); v++) {
    if (counts[v] * one_in > total) sorted.push_back(counts[v]);
  }
  uint32_t least = 1;
  if (sorted.size() > static_cast<size_t>(most)) {
    std::nth_element(sorted.begin(), sorted.begin() + most, sorted.end(), std::greater<>());
    least = sorted[static_cast<size_t>(most)] + 1;
  }
  uint64_t escapes = total;
  int last = at;
  chosen->first = -1;
  for (int v = at; v < std::min(at + width, values); v++) {
    if (counts[v] * one_in <= total || counts[v] < least) continue;
    if (chosen->first < 0) chosen->first = v;
    last = v;
    chosen->value[chosen->kept] = static_cast<uint16_t>(v);
    chosen->count[chosen->kept++] = counts[v];
    escapes -= counts[v];
  }
  if (chosen->kept == 0) {  // Everything is rare: the first of the window stands for itself.
    chosen->first = last = at;
    chosen->value[0] = static_cast<uint16_t>(at);
    chosen->count[0] = std::max<uint32_t>(counts[at], 1);
    chosen->kept = 1;
    escapes -= counts[at];
  }
  chosen->window = last - chosen->first + 1;
  // A sample may have missed some.
  if (sampled) escapes = std::max<uint64_t>(escapes, 1);
  chosen->count[chosen->kept] = static_cast<uint32_t>(escapes);
}

// Codes the symbols, padded to whole rows, so that they end at `end`; returns where they begin.
uint8_t* EncodeSymbols(Cpu cpu, const uint16_t* freq, int count, bool fine, int groups,
                       uint8_t* symbols, size_t n, Bytes carried, uint8_t* end) {
  const uint16_t* largest = std::max_element(freq, freq + count);
  const auto filler = static_cast<uint8_t>(largest - freq);
  if (fine) {
    RansTable table;
    std::memset(table.freq, 0, sizeof(table.freq));
    std::memcpy(table.freq, freq, static_cast<size_t>(count) * sizeof(uint16_t));
    CompleteRansTable(&table);
    const size_t rows = RowsOf(n, kRansLanes);
    std::memset(symbols + n, filler, rows * kRansLanes - n);
    const RansRun run = {&table, rows};
    return EncodeRans({&run, 1}, symbols, carried, end);
  }
  LaneTable table;
  std::memcpy(table.freq, freq, static_cast<size_t>(count) * sizeof(uint16_t));
  CompleteLaneTable(&table);
  const size_t rows = RowsOf(n, kLanes);
  std::memset(symbols + n, filler, rows * kLanes - n);
  const LaneRun run = {&table, rows};
  return EncodeLanes(cpu, {&run, 1}, groups, symbols, carried, end);
}

// As EncodeField, for elements that are all coded; `groups` is the groups' part of the payload.
size_t EncodeElements(Cpu cpu, const FieldOptions& options, FieldScratch* scratch,
                      const uint8_t* elements, size_t stride, size_t n, Bytes groups_part,
                      std::span<uint8_t> out, uint8_t* rest) {
  const FieldShape shape = options.shape;
  const int values = 1 << shape.bits();
  const bool sampled = options.sampled && n >= kFourGroupsMin;
  uint32_t counts[kValuesMax];
  CountValues(elements, stride, n, shape, sampled, counts);
  Alphabet alphabet;
  ChooseAlphabet(counts, values, options.fine, sampled, &alphabet);
  FieldMap map;
  map.shape = shape;
  map.first = alphabet.first;
  std::memset(map.symbol, kFieldEscape, sizeof(map.symbol));
  for (int k = 0; k < alphabet.kept; k++) {
    map.symbol[alphabet.value[k] - alphabet.first] = static_cast<uint8_t>(k);
  }
  map.escape = static_cast<uint8_t>(alphabet.kept);
  uint8_t* const symbols = scratch->symbols.data();
  // The parts before the symbols' stream: 4 bytes, up to 256 gamma codes of at most 25 bits, the
  // number of escapes, and what follows from it.
  uint8_t table[kFixedBytes + 256 * 25 / 8 + 8];
  const size_t sign_bytes = shape.sign_in ? 0 : (n + 7) / 8;
  Buffer& buffer = scratch->stream;
  uint8_t* const signs = buffer.data();
  auto* const escapes = reinterpret_cast<uint16_t*>(scratch->escapes.data());
  const size_t escaped = SplitField(cpu, elements, stride, n, map, {symbols, signs, rest, escapes});
  const bool has_escapes = escaped > 0 || alphabet.count[alphabet.kept] > 0;
  const int count = alphabet.kept + (has_escapes ? 1 : 0);
  if (has_escapes) {
    alphabet.count[alphabet.kept] = std::max<uint32_t>(alphabet.count[alphabet.kept], 1);
  }
  uint16_t freq[256];
  NormalizeCounts(alphabet.count, count, options.fine ? kRansScale : kLaneScale, freq);
  const int groups = !options.fine && n >= kFourGroupsMin ? 4 : 1;
  table[0] = static_cast<uint8_t>(shape.below | (shape.sign_in ? kSignIn : 0) |
                                  (options.fine ? kFine : 0) | (groups == 4 ? kFourGroups : 0) |
                                  (groups_part.empty() ? 0 : kGrouped));
  table[1] = static_cast<uint8_t>(alphabet.window);
  Store(table + 2, static_cast<uint16_t>(alphabet.first));
  BitWriter writer(table + kFixedBytes);
  for (int place = 0, k = 0; place < alphabet.window; place++) {
    const bool present = map.symbol[place] != kFieldEscape;
    writer.PutGamma(present ? freq[k++] + 1u : 1u);
  }
  writer.PutGamma(has_escapes ? freq[count - 1] + 1u : 1u);
  const size_t table_bytes = kFixedBytes + writer.Finish();
  const int high = std::max(0, shape.bits() - 8);
  const size_t escape_bytes = escaped + (high > 0 ? PackedBytes(escaped, high) : 0);
  // Escapes and signs in one run of bytes, whose end the symbols' states carry.
  uint8_t* const apart = scratch->apart.data();
  for (size_t i = 0; i < escaped; i++) apart[i] = static_cast<uint8_t>(escapes[i]);
  if (high > 0) {
    uint8_t* const halves = apart + escape_bytes;
    for (size_t i = 0; i < escaped; i++) halves[i] = static_cast<uint8_t>(escapes[i] >> 8);
    PackBits(cpu, halves, escaped, high, 0, apart + escaped);
  }
  if (sign_bytes > 0) std::memcpy(apart + escape_bytes, signs, sign_bytes);
  const size_t carried =
      count > 1 ? std::min(CarriedMax(options.fine, groups), escape_bytes + sign_bytes) : 0;
  const size_t inline_bytes = escape_bytes + sign_bytes - carried;
  uint8_t* const end = buffer.data() + buffer.capacity();
  uint8_t* begin = end;
  if (count > 1) {
    begin = EncodeSymbols(cpu, freq, count, options.fine, groups, symbols, n,
                          {apart + inline_bytes, carried}, end);
  }
  const auto stream = static_cast<size_t>(end - begin);
  const size_t size = table_bytes + groups_part.size() + 4 + inline_bytes + stream;
  if (size > out.size()) return 0;
  uint8_t* to = out.data();
  std::memcpy(to, table, kFixedBytes);
  to += kFixedBytes;
  if (!groups_part.empty()) std::memcpy(to, groups_part.data(), groups_part.size());
  to += groups_part.size();
  std::memcpy(to, table + kFixedBytes, table_bytes - kFixedBytes);
  to += table_bytes - kFixedBytes;
  Store(to, static_cast<uint32_t>(escaped));
  to += 4;
  if (inline_bytes > 0) std::memcpy(to, apart, inline_bytes);
  if (stream > 0) std::memcpy(to + inline_bytes, begin, stream);
  return size;
}

}  // namespace

size_t EncodeField(Cpu cpu, const FieldOptions& options, FieldScratch* scratch,
                   const uint8_t* elements, size_t stride, size_t n, std::span<uint8_t> out,
                   uint8_t* rest) {
  if (!options.grouped || options.shape.below > kFieldExponentShift) {
    return EncodeElements(cpu, options, scratch, elements, stride, n, {}, out, rest);
  }
  const size_t groups = GroupsOf(n);
  uint8_t* const marks = scratch->groups.data();
  auto* const compact = reinterpret_cast<uint16_t*>(scratch->compact.data());
  const size_t coded = field::RaiseGroups(elements, stride, n, marks, compact);
  if (coded == 0) return 0;
  // Length of the coded marks, which are raw if that is their number.
  std::vector<uint8_t> part(4 + groups);
  size_t size =
      groups == 1 ? 0
                  : EncodeRansBytes(&scratch->rans, {marks, groups}, {part.data() + 4, groups - 1});
  if (size == 0) {
    size = groups;
    std::memcpy(part.data() + 4, marks, groups);
  }
  Store(part.data(), static_cast<uint32_t>(size));
  uint8_t* const rests = scratch->rest.data();
  const size_t written =
      EncodeElements(cpu, options, scratch, reinterpret_cast<const uint8_t*>(compact), 2, coded,
                     {part.data(), 4 + size}, out, rests);
  if (written > 0) field::SpreadGroups(marks, rests, n, rest);
  return written;
}

}  // namespace mh
