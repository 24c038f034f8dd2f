// The solver of choice: a plan that keeps its budgets, and how far it can be from the best one.
#ifndef MH_ARCHIVAL_AUTO_SOLVER_H_
#define MH_ARCHIVAL_AUTO_SOLVER_H_

#include "mh/archival/graph.h"

namespace mh {

struct AutoSolution {
  ArchivalPlan plan;
  double lower_bound = 0;  // No plan that keeps the budgets stores less.
};

// Starts from the plans of least storage and least recreation and, in graphs that are not large, of
// PAS-MT, PAS-PT and LAST; improves the best by local search and annealing, first everywhere, then
// region by region; and bounds what is left by a relaxation. Effort follows the size of the graph,
// not the clock, so that the same graph gives the same plan.
//
// REQUIRES: graph.Check().ok(), the scheme is not kReusable. Where neither
// ShortestPathPlan nor a heuristic keeps the budgets, the plan does not either.
AutoSolution SolveAuto(const StorageGraph& graph);

}  // namespace mh

#endif  // MH_ARCHIVAL_AUTO_SOLVER_H_
