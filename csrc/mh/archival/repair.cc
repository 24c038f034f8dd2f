#include <algorithm>

#include "mh/archival/solvers.h"

namespace mh {
namespace {

void SplicePath(const ArchivalPlan& shortest, uint32_t v, PlanTree* tree) {
  std::vector<uint32_t> path;
  for (; v != kEmptyVertex; v = tree->graph().source[shortest[v]]) path.push_back(v);
  // From the empty vertex down: what is above is on the path already, so there are no circles.
  for (; !path.empty(); path.pop_back()) {
    const uint32_t e = shortest[path.back()];
    if (tree->edge(path.back()) != e) tree->Reparent(e);
  }
}

}  // namespace

bool KeepsBudgets(const StorageGraph& graph, std::span<const double> group_costs) {
  for (size_t g = 0; g < graph.groups(); g++) {
    if (group_costs[g] > Allowed(graph.budget[g])) return false;
  }
  return true;
}

ArchivalPlan RepairBudgets(const ArchivalPlan& shortest, PlanTree* tree) {
  const StorageGraph& graph = tree->graph();
  tree->Refresh();
  for (size_t g = 0; g < graph.groups(); g++) {
    if (tree->group_cost(g) <= Allowed(graph.budget[g])) continue;
    std::vector<uint32_t> members(graph.group(g).begin(), graph.group(g).end());
    std::sort(members.begin(), members.end(), [&](uint32_t a, uint32_t b) {
      const double cost_a = tree->recreation(a), cost_b = tree->recreation(b);
      return cost_a != cost_b ? cost_a > cost_b : a < b;
    });
    for (const uint32_t v : members) {
      if (tree->group_cost(g) <= Allowed(graph.budget[g])) break;
      SplicePath(shortest, v, tree);
    }
  }
  tree->Refresh();
  return KeepsBudgets(graph, tree->group_costs()) ? tree->plan() : shortest;
}

}  // namespace mh
