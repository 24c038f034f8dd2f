// What a vertex may cost in a plan that keeps its budgets.
#ifndef MH_ARCHIVAL_LIMITS_H_
#define MH_ARCHIVAL_LIMITS_H_

#include <vector>

#include "mh/archival/spanning.h"

namespace mh {

// The recreation cost of each vertex that leaves the others of its groups what they need at least;
// infinity without a budget. `slack` is a share of a budget that counts as none, for sums of
// doubles differ by their order.
std::vector<double> VertexLimits(const StorageGraph& graph, const RecreationBounds& least,
                                 double slack);

}  // namespace mh

#endif  // MH_ARCHIVAL_LIMITS_H_
