// What swapping the edge of a vertex gains in the groups that are above their budgets: equations 1
// and 2 of Miao, Li, Davis and Deshpande (ICDE 2017), without their denominators.
#ifndef MH_ARCHIVAL_SWAP_GAIN_H_
#define MH_ARCHIVAL_SWAP_GAIN_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "mh/archival/plan_tree.h"

namespace mh {

// How many memberships in groups hang on what a vertex costs: on its whole, or on its high segments
// alone. Its own memberships hang on its whole.
struct Demand {
  int64_t whole = 0, high = 0;

  void Add(const Demand& other, int sign) {
    whole += sign * other.whole;
    high += sign * other.high;
  }
  // What it is to the vertex that this one is stored against.
  Demand Through(bool is_from_high) const { return is_from_high ? Demand{0, whole + high} : *this; }
};

// REQUIRES: the tree outlives it, and changes by the calls below alone.
class SwapGain {
 public:
  explicit SwapGain(PlanTree* tree);

  bool any_above() const { return above_count_ > 0; }

  // Looks at what depends on v; false if no group above its budget would gain from a lower v.
  bool Prepare(uint32_t v);
  // What all groups above their budgets save together if the vertex prepared is stored by edge e: 0
  // if the swap makes anything dearer that a group needs.
  double Of(uint32_t e) const;

  // Stores the target of e by it. `changed` gets the vertices from which swaps may gain another
  // amount now because of what depends on them, some of them more than once; those whose own costs
  // have changed are the ones in the subtree of the target.
  void Swap(uint32_t e, std::vector<uint32_t>* changed);

 private:
  // A group above its budget, all of whose dearest members may hang on the vertex prepared: what it
  // costs, and the most that a member costs that hangs on nothing of it, on its whole, on its high
  // segments.
  struct Peak {
    double cost, outside, whole, high;
  };

  // Adds to the demand of v, and what follows to all that it is stored against.
  void AddDemand(std::vector<Demand>* demand, uint32_t v, Demand amount, int sign,
                 std::vector<uint32_t>* changed);
  void Note(uint32_t v, std::vector<uint32_t>* changed);
  void NoteDearest(uint32_t g, std::vector<uint32_t>* changed);
  void Leave(uint32_t g, std::vector<uint32_t>* changed);
  void MarkSubtree(uint32_t v);
  Peak PeakOf(uint32_t g) const;

  PlanTree* const tree_;
  const StorageGraph& graph_;
  const bool is_sum_;
  std::vector<bool> is_above_;  // Of each group.
  size_t above_count_ = 0;
  std::vector<Demand> above_;  // Of each vertex, by memberships in groups above their budgets.
  std::vector<Demand> all_;    // By all memberships.

  uint32_t prepared_ = kEmptyVertex;
  std::vector<Peak> peaks_;
  std::vector<uint32_t> found_;  // Groups.
  // What was marked last, by the number of the marking: vertices that hang on the whole of the one
  // prepared, or on its high segments; groups found; vertices noted with all that they hang on.
  std::vector<uint64_t> whole_mark_, high_mark_, group_mark_, noted_mark_;
  uint64_t mark_ = 0;
};

}  // namespace mh

#endif  // MH_ARCHIVAL_SWAP_GAIN_H_
