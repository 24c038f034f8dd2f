// The heuristics of the literature for problem 1 of Miao, Li, Davis and Deshpande (ICDE 2017):
// store least so that no group costs more to recreate than its budget.
#ifndef MH_ARCHIVAL_SOLVERS_H_
#define MH_ARCHIVAL_SOLVERS_H_

#include "mh/archival/graph.h"
#include "mh/archival/plan_tree.h"

namespace mh {

// All of them: REQUIRES: graph.Check().ok(), the scheme is not kReusable.
// A plan keeps the budgets if they are not less than what ShortestPathPlan costs each group; below
// that (which takes segments) it may not, so ask KeepsBudgets or EvaluatePlan.

// PAS-MT: from the plan of least storage, the swap that gains most for what it stores more, again
// and again.
ArchivalPlan SolvePasMt(const StorageGraph& graph);
// PAS-PT: grows the plan from the empty vertex, least storage first, never past a budget.
ArchivalPlan SolvePasPt(const StorageGraph& graph);
// LAST (Khuller, Raghavachari, Young, "Balancing minimum spanning trees and shortest-path trees",
// Algorithmica 1995) with epsilon = alpha - 1: each vertex costs at most alpha times what it costs
// in ShortestPathPlan. Looks at no group. REQUIRES: alpha >= 1
ArchivalPlan SolveLast(const StorageGraph& graph, double alpha);

// Whether each group costs no more than its budget, rounding aside.
bool KeepsBudgets(const StorageGraph& graph, std::span<const double> group_costs);

// The loop of PAS-MT: swaps edges until every budget is kept or no swap gains anything. No vertex
// that a group needs ever costs more after it.
void SwapTowardsBudgets(const Adjacency& by_source, const Adjacency& by_target, PlanTree* tree);
// What to do when heuristics have come to their end: in groups above their budgets the members'
// whole paths become those of `shortest`, until the budgets are kept. If even that is not enough,
// returns `shortest` as a whole. Else the tree's plan.
ArchivalPlan RepairBudgets(const ArchivalPlan& shortest, PlanTree* tree);

}  // namespace mh

#endif  // MH_ARCHIVAL_SOLVERS_H_
