#include <limits>
#include <utility>

#include "mh/archival/solvers.h"
#include "mh/archival/spanning.h"

namespace mh {
namespace {

constexpr double kFar = std::numeric_limits<double>::infinity();

// What each vertex costs by the path found so far; an upper bound of what it will cost.
class PathsFound {
 public:
  PathsFound(const StorageGraph& graph, const ArchivalPlan& shortest, double alpha)
      : graph_(graph),
        shortest_(shortest),
        alpha_(alpha),
        plan_(graph.vertices, kNoEdge),
        whole_(graph.vertices, kFar),
        high_(graph.vertices, kFar),
        least_(std::move(EvaluatePlan(graph, shortest).value())) {
    whole_[kEmptyVertex] = high_[kEmptyVertex] = 0;
  }

  // Takes the edge if its target costs less by it.
  void Relax(uint32_t e) {
    if (Through(e) < whole_[graph_.target[e]]) Take(e);
  }

  // Takes the whole shortest path if the one found is too long.
  void Check(uint32_t v) {
    if (!IsTooLong(v, whole_[v])) return;
    for (uint32_t u = v; u != kEmptyVertex && !IsShortest(u); u = graph_.source[shortest_[u]]) {
      path_.push_back(u);
    }
    for (; !path_.empty(); path_.pop_back()) Take(shortest_[path_.back()]);
  }

  bool IsTooLong(uint32_t v, double cost) const {
    return cost > Allowed(alpha_ * least_.recreation[v]);
  }

  ArchivalPlan& plan() { return plan_; }

 private:
  double Through(uint32_t e) const {
    const uint32_t u = graph_.source[e];
    return (graph_.is_from_high(e) ? high_[u] : whole_[u]) + graph_.recreation[e];
  }
  void Take(uint32_t e) {
    const uint32_t v = graph_.target[e];
    whole_[v] = Through(e);
    high_[v] = high_[graph_.source[e]] + graph_.high_of(e);
    plan_[v] = e;
  }
  bool IsShortest(uint32_t v) const {
    return whole_[v] <= least_.recreation[v] &&
           (!graph_.segmented() || high_[v] <= least_.high_recreation[v]);
  }

  const StorageGraph& graph_;
  const ArchivalPlan& shortest_;
  const double alpha_;
  ArchivalPlan plan_;
  std::vector<double> whole_, high_;
  const PlanCosts least_;
  std::vector<uint32_t> path_;
};

// The edge from v to the source of v's own edge that is the same one the other way round, where
// deltas have no direction: one that stores no more.
uint32_t EdgeBack(const PlanTree& tree, const Adjacency& by_source, uint32_t v) {
  const StorageGraph& graph = tree.graph();
  uint32_t back = kNoEdge;
  for (const uint32_t e : by_source.of(v)) {
    if (graph.target[e] != tree.parent(v)) continue;
    if (graph.storage[e] > graph.storage[tree.edge(v)]) continue;
    if (back == kNoEdge || graph.recreation[e] < graph.recreation[back]) back = e;
  }
  return back;
}

}  // namespace

ArchivalPlan SolveLast(const StorageGraph& graph, double alpha) {
  const Adjacency by_source = EdgesBySource(graph);
  const ArchivalPlan shortest = ShortestPathPlan(graph);
  const PlanTree tree(graph, MinimumStoragePlan(graph));
  PathsFound paths(graph, shortest, alpha);
  tree.ForSubtree(
      kEmptyVertex,
      [&](uint32_t v) {
        if (v == kEmptyVertex) return;
        paths.Relax(tree.edge(v));
        paths.Check(v);
      },
      [&](uint32_t v) {
        if (v == kEmptyVertex) return;
        const uint32_t back = EdgeBack(tree, by_source, v);
        if (back != kNoEdge) paths.Relax(back);
      });
  if (!graph.segmented()) return std::move(paths.plan());
  // With segments the path of one vertex may have taken high segments from another whose own path
  // was then made dearer for them.
  const auto costs = EvaluatePlan(graph, paths.plan());
  if (!costs.ok()) return shortest;
  for (uint32_t v = 1; v < graph.vertices; v++) {
    if (paths.IsTooLong(v, costs.value().recreation[v])) return shortest;
  }
  return std::move(paths.plan());
}

}  // namespace mh
