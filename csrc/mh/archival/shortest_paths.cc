#include <algorithm>
#include <functional>
#include <limits>
#include <queue>
#include <utility>

#include "mh/archival/plan_tree.h"
#include "mh/archival/spanning.h"

namespace mh {
namespace {

constexpr double kFar = std::numeric_limits<double>::infinity();

using Entry = std::pair<double, uint32_t>;  // Cost so far, and vertex.
using Queue = std::priority_queue<Entry, std::vector<Entry>, std::greater<Entry>>;

// Least costs from the vertices that have a cost in `cost` already (0 for the empty one, infinity
// for the others), over the edges for which `length` is finite.
template <typename Length>
void Relax(const StorageGraph& graph, const Adjacency& by_source, Length length,
           std::vector<double>* cost) {
  Queue queue;
  for (uint32_t v = 0; v < graph.vertices; v++) {
    if ((*cost)[v] < kFar) queue.emplace((*cost)[v], v);
  }
  while (!queue.empty()) {
    const auto [distance, u] = queue.top();
    queue.pop();
    if (distance > (*cost)[u]) continue;
    for (const uint32_t e : by_source.of(u)) {
      const uint32_t v = graph.target[e];
      const double through = distance + length(e);
      if (through >= (*cost)[v]) continue;
      (*cost)[v] = through;
      queue.emplace(through, v);
    }
  }
}

// Vertices in the order of their costs; each by the best edge from those before it, of equal ones
// the one that stores least. Without segments that is exact.
ArchivalPlan ByCost(const StorageGraph& graph, const Adjacency& by_source) {
  ArchivalPlan plan(graph.vertices, kNoEdge);
  std::vector<double> whole(graph.vertices, kFar), high(graph.vertices, 0.0);
  std::vector<bool> is_settled(graph.vertices, false);
  Queue queue;
  whole[kEmptyVertex] = 0;
  queue.emplace(0.0, kEmptyVertex);
  while (!queue.empty()) {
    const uint32_t u = queue.top().second;
    queue.pop();
    if (is_settled[u]) continue;
    is_settled[u] = true;
    if (u != kEmptyVertex) high[u] = high[graph.source[plan[u]]] + graph.high_of(plan[u]);
    for (const uint32_t e : by_source.of(u)) {
      const uint32_t v = graph.target[e];
      if (is_settled[v]) continue;
      const double through = (graph.is_from_high(e) ? high[u] : whole[u]) + graph.recreation[e];
      const bool is_less = through < whole[v];
      if (is_less) queue.emplace(through, v);
      if (is_less || (through == whole[v] && graph.storage[e] < graph.storage[plan[v]])) {
        whole[v] = through;
        plan[v] = e;
      }
    }
  }
  return plan;
}

}  // namespace

ArchivalPlan ShortestPathPlan(const StorageGraph& graph) {
  ArchivalPlan plan = ByCost(graph, EdgesBySource(graph));
  if (!graph.segmented()) return plan;
  // A vertex may cost less through the high segments of one that costs more itself, and that comes
  // later in ByCost.
  PlanTree tree(graph, std::move(plan));
  LowerRecreation(EdgesByTarget(graph), /*keeps_storage=*/false, &tree);
  return tree.plan();
}

RecreationBounds LeastCosts(const StorageGraph& graph) {
  const Adjacency by_source = EdgesBySource(graph);
  RecreationBounds least;
  least.whole.assign(graph.vertices, kFar);
  least.whole[kEmptyVertex] = 0;
  if (graph.segmented()) {
    least.high.assign(graph.vertices, kFar);
    least.high[kEmptyVertex] = 0;
    Relax(
        graph, by_source, [&](uint32_t e) { return graph.high[e]; }, &least.high);
    for (size_t e = 0; e < graph.edges(); e++) {
      if (!graph.is_from_high(e)) continue;
      double& cost = least.whole[graph.target[e]];
      cost = std::min(cost, least.high[graph.source[e]] + graph.recreation[e]);
    }
  }
  const auto length = [&](uint32_t e) {
    return graph.is_from_high(e) ? kFar : graph.recreation[e];
  };
  Relax(graph, by_source, length, &least.whole);
  return least;
}

}  // namespace mh
