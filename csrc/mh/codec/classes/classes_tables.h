// What the two halves of the classes codec share: numbers of its payload, buckets and tables.
#ifndef MH_CODEC_CLASSES_CLASSES_TABLES_H_
#define MH_CODEC_CLASSES_CLASSES_TABLES_H_

#include "mh/codec/classes/classes_codec.h"

namespace mh::classes {

// Bits of a payload's first byte; the high half of it is `top`.
inline constexpr uint8_t kFine = 1, kFlagged = 2, kFourGroups = 4;
inline constexpr int kTopShift = 4;

inline size_t GroupsOf(size_t n) { return (n + kClassGroup - 1) / kClassGroup; }

// Context of each exponent, those of `bounds` numbered from `first` on.
void FillContextMap(const ClassBounds& bounds, int first, uint8_t* map);

// The buckets of the contexts, each a whole number of rows.
struct Buckets {
  size_t lanes;  // Of a row.
  uint32_t begin[kClassContextsMax];
  size_t rows[kClassContextsMax];
  size_t total_rows = 0;
  Buckets(const uint32_t* totals, int count, size_t lanes_of_row);
};

// The tables of all contexts, for one of the two coders, and the rows they code.
class ContextTables {
 public:
  // `memory` is ClassScratch::tables.
  ContextTables(bool fine, Buffer* memory, const Buckets& buckets, int count);

  uint32_t scale() const { return fine_ ? kRansScale : kLaneScale; }
  // The frequencies of a context, all zero at first.
  uint16_t* Frequencies(int c);
  // Takes them as they are now; false if they do not add up to the scale.
  bool Complete(int c);
  // The context's rows are not coded: it has none, or they are known.
  void LeaveOut(int c);
  // Symbols of a context that is complete; if there is one, `Only` is it.
  int Symbols(int c) const { return fine_ ? rans_[c].count : lanes_[c].count; }
  uint8_t Only(int c) const { return fine_ ? rans_[c].only : lanes_[c].only; }
  // Whether some context has more than one symbol, and so there is a stream.
  bool coded() const { return coded_; }
  size_t CarriedMax(int groups) const { return fine_ ? kRansCarriedMax : LaneCarriedMax(groups); }

  // As EncodeLanes and DecodeLanes. REQUIRES: coded()
  uint8_t* Encode(Cpu cpu, int groups, const uint8_t* buckets, Bytes carried, uint8_t* end) const;
  bool Decode(Cpu cpu, int groups, Bytes stream, uint8_t* buckets,
              std::span<uint8_t> carried) const;

 private:
  const bool fine_;
  const size_t count_;
  LaneTable* const lanes_;  // Both lie in the same memory, of which one kind is used.
  RansTable* const rans_;
  LaneRun lane_runs_[kClassContextsMax];
  RansRun rans_runs_[kClassContextsMax];
  bool coded_ = false;
};

}  // namespace mh::classes

#endif  // MH_CODEC_CLASSES_CLASSES_TABLES_H_
