// The two ends between which every plan lies: least storage, and least recreation.
#ifndef MH_ARCHIVAL_SPANNING_H_
#define MH_ARCHIVAL_SPANNING_H_

#include <vector>

#include "mh/archival/graph.h"

namespace mh {

// All of them: REQUIRES: graph.Check().ok()

// The plan that stores least: the minimum arborescence rooted in the empty vertex (Edmonds, in the
// form of Tarjan, "Finding optimum branchings", Networks 1977). Of two edges that save alike, the
// one that costs less to recreate is taken; that does not make the least recreation of all such
// plans. O(E log V) time, about 25 bytes an edge and 60 a vertex.
ArchivalPlan MinimumStoragePlan(const StorageGraph& graph);

// The plan that recreates each vertex for least (Dijkstra), and stores less where that costs
// nothing. With segments a vertex has one edge that serves its whole and its high segments, so both
// cannot always be least: the whole is then brought down as far as one vertex moved at a time can
// do it. O(E log V).
ArchivalPlan ShortestPathPlan(const StorageGraph& graph);

// What recreating each vertex costs at least, in any plan: the whole, and its high segments alone
// (empty without segments). Attained by ShortestPathPlan where there are no segments.
struct RecreationBounds {
  std::vector<double> whole, high;
};
RecreationBounds LeastCosts(const StorageGraph& graph);

}  // namespace mh

#endif  // MH_ARCHIVAL_SPANNING_H_
