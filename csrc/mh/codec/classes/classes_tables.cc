#include "mh/codec/classes/classes_tables.h"

#include <algorithm>
#include <cstring>

namespace mh {
namespace classes {

void FillContextMap(const ClassBounds& bounds, int first, uint8_t* map) {
  int k = 0;
  for (int e = 0; e < 256; e++) {
    while (k + 1 < bounds.count && e >= bounds.bound[k]) k++;
    map[e] = static_cast<uint8_t>(first + k);
  }
}

Buckets::Buckets(const uint32_t* totals, int count, size_t lanes_of_row) : lanes(lanes_of_row) {
  for (int c = 0; c < count; c++) {
    begin[c] = static_cast<uint32_t>(total_rows * lanes);
    rows[c] = (totals[c] + lanes - 1) / lanes;
    total_rows += rows[c];
  }
}

ContextTables::ContextTables(bool fine, Buffer* memory, const Buckets& buckets, int count)
    : fine_(fine),
      count_(static_cast<size_t>(count)),
      lanes_(reinterpret_cast<LaneTable*>(memory->data())),
      rans_(reinterpret_cast<RansTable*>(memory->data())) {
  for (int c = 0; c < count; c++) {
    lane_runs_[c] = {&lanes_[c], buckets.rows[c]};
    rans_runs_[c] = {&rans_[c], buckets.rows[c]};
  }
}

uint16_t* ContextTables::Frequencies(int c) {
  uint16_t* const freq = fine_ ? rans_[c].freq : lanes_[c].freq;
  std::memset(freq, 0, fine_ ? sizeof(rans_[c].freq) : sizeof(lanes_[c].freq));
  return freq;
}

bool ContextTables::Complete(int c) {
  if (fine_ ? !CompleteRansTable(&rans_[c]) : !CompleteLaneTable(&lanes_[c])) return false;
  coded_ = coded_ || Symbols(c) > 1;
  return true;
}

void ContextTables::LeaveOut(int c) {
  // A table of one symbol is not coded.
  (fine_ ? rans_[c].count : lanes_[c].count) = 1;
  lane_runs_[c].rows = rans_runs_[c].rows = 0;
}

uint8_t* ContextTables::Encode(Cpu cpu, int groups, const uint8_t* buckets, Bytes carried,
                               uint8_t* end) const {
  if (fine_) return EncodeRans({rans_runs_, count_}, buckets, carried, end);
  return EncodeLanes(cpu, {lane_runs_, count_}, groups, buckets, carried, end);
}

bool ContextTables::Decode(Cpu cpu, int groups, Bytes stream, uint8_t* buckets,
                           std::span<uint8_t> carried) const {
  if (fine_) return DecodeRans(cpu, {rans_runs_, count_}, stream, buckets, carried);
  return DecodeLanes(cpu, {lane_runs_, count_}, groups, stream, buckets, carried);
}

}  // namespace classes

bool ClassScratch::Reserve(size_t elements) {
  // Room for what stands before the raw bits: popular values, bounds, flags, tables.
  constexpr size_t kHeaderRoom = 65536;
  const size_t padded = elements + (kClassContextsMax + 2) * kLanes;
  return contexts.Reserve(2 * elements + 2 * classes::GroupsOf(elements) + 128) &&
         symbols.Reserve(elements + 64) && buckets.Reserve(padded + 64) &&
         differences.Reserve(4 * elements + 128) && raw.Reserve(2 * elements + kRawSlack) &&
         stream.Reserve(2 * padded + kHeaderRoom) &&
         tables.Reserve(kClassContextsMax * std::max(sizeof(RansTable), sizeof(LaneTable))) &&
         symbol_of.Reserve(65536);
}

}  // namespace mh
