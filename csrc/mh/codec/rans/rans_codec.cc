#include "mh/codec/rans/rans_codec.h"

#include <algorithm>
#include <cstring>

#include "mh/base/bits.h"
#include "mh/codec/lanes/lanes_table.h"

namespace mh {
namespace {

// A table is at most 256 gamma codes of up to 25 bits and two bytes.
constexpr size_t kTableBytesMax = 2 + 256 * 25 / 8 + 1;

size_t PadToRows(size_t n) { return (n + kRansLanes - 1) / kRansLanes; }

}  // namespace

bool RansScratch::Reserve(size_t bytes) {
  return symbols.Reserve(bytes + kRansLanes) && stream.Reserve(2 * bytes + 256 + kRansStateBytes);
}

size_t EncodeRansBytes(RansScratch* scratch, Bytes data, std::span<uint8_t> out) {
  // The last bytes ride in the states.
  const size_t carried = std::min(data.size(), kRansCarriedMax);
  const size_t n = data.size() - carried;
  if (n == 0) return 0;
  uint32_t counts[4][256] = {};  // Four, so that equal neighbours do not wait for each other.
  size_t i = 0;
  for (; i + 4 <= n; i += 4) {
    for (size_t j = 0; j < 4; j++) counts[j][data[i + j]]++;
  }
  for (; i < n; i++) counts[0][data[i]]++;
  for (int s = 0; s < 256; s++) counts[0][s] += counts[1][s] + counts[2][s] + counts[3][s];
  RansTable table;
  NormalizeCounts(counts[0], 256, kRansScale, table.freq);
  CompleteRansTable(&table);
  if (table.count == 1) return 0;
  const uint16_t* const freq = table.freq;
  const auto present = [](uint16_t f) { return f != 0; };
  const auto first = std::find_if(freq, freq + 256, present) - freq;
  auto last = ptrdiff_t{255};
  while (freq[last] == 0) last--;
  uint8_t head[kTableBytesMax];
  head[0] = static_cast<uint8_t>(first);
  head[1] = static_cast<uint8_t>(last);
  BitWriter writer(head + 2);
  for (auto s = first; s <= last; s++) writer.PutGamma(freq[s] + 1u);
  const size_t head_bytes = 2 + writer.Finish();
  const size_t rows = PadToRows(n);
  uint8_t* const symbols = scratch->symbols.data();
  std::memcpy(symbols, data.data(), n);
  std::memset(symbols + n, static_cast<int>(std::max_element(freq, freq + 256) - freq),
              rows * kRansLanes - n);
  const RansRun run = {&table, rows};
  uint8_t* const end = scratch->stream.data() + scratch->stream.capacity();
  uint8_t* const begin = EncodeRans({&run, 1}, symbols, data.subspan(n), end);
  const auto stream = static_cast<size_t>(end - begin);
  if (head_bytes + stream > out.size()) return 0;
  std::memcpy(out.data(), head, head_bytes);
  std::memcpy(out.data() + head_bytes, begin, stream);
  return head_bytes + stream;
}

bool DecodeRansBytes(Cpu cpu, RansScratch* scratch, Bytes payload, std::span<uint8_t> out) {
  if (payload.size() < 2) return false;
  const size_t carried = std::min(out.size(), kRansCarriedMax);
  const size_t n = out.size() - carried;
  const int first = payload[0], last = payload[1];
  if (n == 0 || first > last) return false;
  BitReader reader(payload.subspan(2));
  RansTable table;
  std::memset(table.freq, 0, sizeof(table.freq));
  for (int s = first; s <= last; s++) {
    const uint32_t code = reader.GetGamma();
    if (!reader.ok() || code > kRansScale + 1) return false;
    table.freq[s] = static_cast<uint16_t>(code - 1);
  }
  if (!CompleteRansTable(&table) || table.count == 1) return false;
  const RansRun run = {&table, PadToRows(n)};
  uint8_t* const symbols = scratch->symbols.data();
  if (!DecodeRans(cpu, {&run, 1}, payload.subspan(2 + reader.used()), symbols, out.subspan(n))) {
    return false;
  }
  std::memcpy(out.data(), symbols, n);
  return true;
}

}  // namespace mh
