// Chooses, from a sample, how the blocks of a tensor are coded. No reader depends on it.
#ifndef MH_CODEC_BLOCK_PLANNER_H_
#define MH_CODEC_BLOCK_PLANNER_H_

#include "mh/codec/block_coder.h"

namespace mh {

// The most elements of a sample.
inline constexpr size_t kSampleElements = size_t{1} << 16;

// Fills *plan for a tensor, as a delta if `base` is not null and that is smaller. `base_cost` is
// what naming a base costs, in bytes. REQUIRES: scratch has been reserved for kSampleElements or
// the tensor's length, whichever is less
Status PlanBlocks(BlockScratch* scratch, ElementType type, const PresetRules& rules, Bytes elements,
                  const uint8_t* base, size_t base_cost, BlockPlan* plan);

}  // namespace mh

#endif  // MH_CODEC_BLOCK_PLANNER_H_
