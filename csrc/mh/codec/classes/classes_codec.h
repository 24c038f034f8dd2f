// The classes codec: one 16-bit level of a block, as differences against a base.
#ifndef MH_CODEC_CLASSES_CLASSES_CODEC_H_
#define MH_CODEC_CLASSES_CLASSES_CODEC_H_

#include "mh/base/buffer.h"
#include "mh/base/file.h"
#include "mh/codec/classes/classes_kernel.h"
#include "mh/codec/lanes/lanes_kernel.h"
#include "mh/codec/rans/rans_kernel.h"

namespace mh {

// How the bases' exponents become contexts: context k holds those from bound[k - 1] up.
struct ClassBounds {
  int count = 1;  // Contexts, 1 to kClassContextsMax.
  uint8_t bound[kClassContextsMax];
};

// A group is flagged by popular values if at least so many of its 64 are.
inline constexpr int kClassFlagMin = 48;

// What is chosen once per level of a tensor, from a sample of blocks.
struct ClassPlan {
  bool fine = false;  // rANS with 12-bit frequencies instead of lanes with 8-bit ones.
  int top = 1;        // Bits below the leading one that belong to the symbol.
  int popular_count = 0;
  uint16_t popular[kClassSymbolsMax];
  // Some groups of 64 elements have contexts of their own: those of which most are popular values
  // or, if `still`, those of which all are zero.
  bool flagged = false, still = false;
  ClassBounds bounds[2];  // Of plain and of flagged groups.
};

struct ClassScratch {
  Buffer contexts, symbols, buckets, differences, raw, stream;
  Buffer tables;       // One RansTable or LaneTable for each context.
  Buffer symbol_of;    // Of each difference, for the plan that it was filled for.
  ClassLookup lookup;  // The same, for vector code.
  bool Reserve(size_t elements);
};

// Collects samples of one level and chooses its plan.
class ClassPlanner {
 public:
  void Add(const uint16_t* differences, const uint8_t* contexts, size_t n);
  // `fine` allows up to 256 symbols.
  void Choose(bool fine, int top, ClassPlan* plan) const;

 private:
  void ChoosePopular(ClassPlan* plan) const;
  std::vector<uint16_t> differences_;
  std::vector<uint8_t> contexts_;
};

// Fills scratch->symbol_of. Call before EncodeClasses when the plan changes.
void PrepareClasses(const ClassPlan& plan, ClassScratch* scratch);

// Writes the payload for n differences with their contexts (of the base); 0 if it does not fit.
size_t EncodeClasses(Cpu cpu, const ClassPlan& plan, ClassScratch* scratch,
                     const uint16_t* differences, const uint8_t* contexts, size_t n,
                     std::span<uint8_t> out);

// The inverse. False if the payload is not what EncodeClasses can have written.
bool DecodeClasses(Cpu cpu, ClassScratch* scratch, Bytes payload, const uint8_t* contexts, size_t n,
                   uint16_t* differences);

}  // namespace mh

#endif  // MH_CODEC_CLASSES_CLASSES_CODEC_H_
