#include "mh/archival/solvers.h"
#include "mh/archival/spanning.h"

namespace mh {

ArchivalPlan SolvePasMt(const StorageGraph& graph) {
  PlanTree tree(graph, MinimumStoragePlan(graph));
  if (KeepsBudgets(graph, tree.group_costs())) return tree.plan();
  SwapTowardsBudgets(EdgesBySource(graph), EdgesByTarget(graph), &tree);
  tree.Refresh();
  if (KeepsBudgets(graph, tree.group_costs())) return tree.plan();
  return RepairBudgets(ShortestPathPlan(graph), &tree);
}

}  // namespace mh
