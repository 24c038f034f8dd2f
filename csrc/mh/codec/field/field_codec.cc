#include "mh/codec/field/field_codec.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <vector>

#include "mh/base/endian.h"
#include "mh/codec/bits/bits_kernel.h"
#include "mh/codec/lanes/lanes_kernel.h"
#include "mh/codec/rans/rans_kernel.h"

namespace mh {
namespace {

constexpr int kValuesMax = 1 << 12;
constexpr uint8_t kSignIn = 1 << 4, kFine = 1 << 5, kFourGroups = 1 << 6, kGrouped = 1 << 7;
constexpr size_t kGroup = 64;
// As many values are counted where a sample will do: of fewer, what is missed costs more.
constexpr size_t kSampledValues = size_t{1} << 14;
constexpr int kRaisedMax = 254;
constexpr size_t kFixedBytes = 4;
// Four groups of lanes hide a row's latency. As their states carry other bytes they cost 24.
constexpr size_t kFourGroupsMin = size_t{1} << 15;
// A symbol of its own takes one slot of the scale from all others, log2(S / (S - 1)) bits a value;
// as an escape it costs about 16 bits instead of log2(S) each time. They meet near these shares.
constexpr uint64_t kKeepOneInLanes = 1400, kKeepOneInRans = 40000;

size_t CarriedMax(bool fine, int groups) { return fine ? kRansCarriedMax : LaneCarriedMax(groups); }

size_t RowsOf(size_t n, size_t lanes) { return (n + lanes - 1) / lanes; }

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

}  // namespace

namespace {

size_t GroupsOf(size_t n) { return (n + kGroup - 1) / kGroup; }

// Copies the elements of groups that are not all zero, their exponents raised so that the largest
// of each group is that of the block, and fills `groups`. Returns how many there are.
size_t RaiseGroups(const uint8_t* elements, size_t stride, size_t n, uint8_t* groups,
                   uint16_t* compact) {
  int largest = 0;
  for (size_t g = 0; g < GroupsOf(n); g++) {
    const size_t end = std::min((g + 1) * kGroup, n);
    uint32_t any = 0, most = 0;
    for (size_t i = g * kGroup; i < end; i++) {
      const uint32_t x = Load<uint16_t>(elements + i * stride);
      any |= x;
      most = std::max(most, x & 0x7fff);
    }
    // The exponent for now, and whether there is anything.
    compact[g] = static_cast<uint16_t>(any == 0 ? 0 : (most >> kFieldExponentShift) + 1);
    largest = std::max<int>(largest, compact[g]);
  }
  for (size_t g = 0; g < GroupsOf(n); g++) {
    groups[g] =
        static_cast<uint8_t>(compact[g] == 0 ? 0 : std::min(largest - compact[g], kRaisedMax) + 1);
  }
  size_t count = 0;
  for (size_t g = 0; g < GroupsOf(n); g++) {
    if (groups[g] == 0) continue;
    const size_t end = std::min((g + 1) * kGroup, n);
    const uint32_t raise = static_cast<uint32_t>(groups[g] - 1) << kFieldExponentShift;
    for (size_t i = g * kGroup; i < end; i++) {
      const uint32_t x = Load<uint16_t>(elements + i * stride);
      compact[count++] = static_cast<uint16_t>((x & 0x8000) | ((x + raise) & 0x7fff));
    }
  }
  return count;
}

// Spreads the values of the groups that are coded over all n, with zeros between, or the inverse.
void SpreadGroups(const uint8_t* groups, const uint8_t* compact, size_t n, uint8_t* all) {
  for (size_t g = 0; g < GroupsOf(n); g++) {
    const size_t begin = g * kGroup, count = std::min(kGroup, n - begin);
    if (groups[g] == 0) {
      std::memset(all + begin, 0, count);
    } else {
      std::memcpy(all + begin, compact, count);
      compact += count;
    }
  }
}

void CompactGroups(const uint8_t* groups, const uint8_t* all, size_t n, uint8_t* compact) {
  for (size_t g = 0; g < GroupsOf(n); g++) {
    const size_t begin = g * kGroup, count = std::min(kGroup, n - begin);
    if (groups[g] == 0) continue;
    std::memcpy(compact, all + begin, count);
    compact += count;
  }
}

void LowerGroups(const uint8_t* groups, const uint16_t* compact, size_t n, uint16_t* leading) {
  for (size_t g = 0; g < GroupsOf(n); g++) {
    const size_t begin = g * kGroup, count = std::min(kGroup, n - begin);
    if (groups[g] == 0) {
      std::memset(leading + begin, 0, 2 * count);
      continue;
    }
    const uint32_t raise = static_cast<uint32_t>(groups[g] - 1) << kFieldExponentShift;
    for (size_t i = 0; i < count; i++) {
      const uint32_t x = compact[i];
      leading[begin + i] = static_cast<uint16_t>((x & 0x8000) | ((x - raise) & 0x7fff));
    }
    compact += count;
  }
}

}  // namespace

bool FieldScratch::Reserve(size_t elements) {
  return symbols.Reserve(elements + 128) && escapes.Reserve(2 * (elements + 64)) &&
         stream.Reserve(2 * elements + 1024) && apart.Reserve(3 * elements + 64) &&
         compact.Reserve(2 * elements + 128) && rest.Reserve(elements + 64) &&
         groups.Reserve(2 * GroupsOf(elements) + 64) && rans.Reserve(GroupsOf(elements));
}

namespace {

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
  const size_t coded = RaiseGroups(elements, stride, n, marks, compact);
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
  if (written > 0) SpreadGroups(marks, rests, n, rest);
  return written;
}

namespace {

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
  BitReader reader(payload);
  uint16_t freq[257];
  int count = 0;
  const uint32_t scale = fine ? kRansScale : kLaneScale;
  for (int place = 0; place <= window; place++) {
    const uint32_t code = reader.GetGamma();
    if (!reader.ok() || code > scale + 1) return false;
    if (place == window) block->tables.escape = count;  // What no table reaches if there are none.
    if (code == 1) continue;
    if (count == 255) return false;
    const uint32_t bits =
        place < window ? BitsOf(first + static_cast<uint32_t>(place), shape) : uint32_t{0};
    block->tables.low[count] = static_cast<uint8_t>(bits);
    block->tables.high[count] = static_cast<uint8_t>(bits >> 8);
    freq[count++] = static_cast<uint16_t>(code - 1);
  }
  if (block->tables.escape == 0) return false;
  payload = payload.subspan(reader.used());
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
  std::memset(escape_high, 0, escaped);
  if (high > 0) UnpackBits(cpu, apart + escaped, escaped, high, 0, escape_high);
  for (size_t i = 0; i < escaped; i++) {
    const uint32_t value = static_cast<uint32_t>(escape_high[i]) << 8 | apart[i];
    if (value >> shape.bits() != 0) return false;
    const uint32_t bits = BitsOf(value, shape);
    escape_low[i] = static_cast<uint8_t>(bits);
    escape_high[i] = static_cast<uint8_t>(bits >> 8);
  }
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
    CompactGroups(block.groups, rest, n, block.rest_room);
    source.rest = block.rest_room;
    to = block.leading_room;
  }
  const size_t escapes = MergeField(cpu, block.tables, source, block.coded, to);
  if (block.groups != nullptr) LowerGroups(block.groups, to, n, leading);
  return escapes == block.escapes;
}

}  // namespace mh
