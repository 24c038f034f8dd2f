#include "mh/archival/auto_solver.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "mh/archival/plan_search.h"
#include "mh/archival/relaxation.h"
#include "mh/archival/solvers.h"

namespace mh {

namespace {

// The heuristics of the literature take more than linear time.
constexpr uint32_t kHeuristicsMax = 20'000;
// Random moves: for each vertex at most, and in all. A move takes a fraction of a microsecond while
// the graph is in the cache, and a microsecond where it is not.
constexpr uint64_t kMovesPerVertex = 1000;
constexpr uint64_t kMovesMax = 10'000'000;
// Regions are tried again while there is much to gain; with fewer moves for each vertex there is
// not.
constexpr size_t kRegion = 150;
constexpr uint64_t kRegionMovesMin = 100;
constexpr int kRegionRounds = 40, kFailuresMax = 8;
// Temperatures, as shares of what the largest vertex of a group takes alone: from where nearly all
// moves are taken to where none is that costs as much as a small vertex.
constexpr double kHottest = 0.1, kColdest = 1e-4;
// A plan so near to its bound is as good as the best; a climb that adds less is the last.
constexpr double kNear = 1e-4, kHardly = 2e-4;
// While the gap is wider, the bound climbs on from where it was, towards the better plan.
constexpr double kClose = 5e-3;
constexpr int kClimbs = 4, kRoundsToGoOn = 50;
// Rounds of polishing for each plan to begin with.
constexpr int kPolishFirst = 3;

bool IsFeasible(const StorageGraph& graph, const ArchivalPlan& plan) {
  const auto costs = EvaluatePlan(graph, plan);
  return costs.ok() && KeepsBudgets(graph, costs.value().groups);
}

// LAST looks at vertices alone: the alpha that no group's budget exceeds.
double LeastAlpha(const StorageGraph& graph, const ArchivalPlan& shortest) {
  const auto costs = EvaluatePlan(graph, shortest);
  double alpha = std::numeric_limits<double>::infinity();
  for (size_t g = 0; costs.ok() && g < graph.groups(); g++) {
    const double least = costs.value().groups[g];
    if (least > 0) alpha = std::min(alpha, graph.budget[g] / least);
  }
  return std::clamp(alpha, 1.0, 1e6);
}

std::vector<ArchivalPlan> Beginnings(const StorageGraph& graph) {
  std::vector<ArchivalPlan> plans{ShortestPathPlan(graph)};
  if (graph.vertices <= kHeuristicsMax) {
    const double alpha = LeastAlpha(graph, plans.front());
    plans.push_back(SolvePasMt(graph));
    plans.push_back(SolvePasPt(graph));
    plans.push_back(SolveLast(graph, alpha));
  }
  std::erase_if(plans, [&](const ArchivalPlan& plan) { return !IsFeasible(graph, plan); });
  return plans;
}

// Rounds of the relaxation, by what one of them goes through.
int BoundRounds(const Relaxation& relaxation) {
  constexpr double kWork = 8e8;
  return static_cast<int>(std::clamp(kWork / relaxation.size(), 16.0, 600.0));
}

void Improve(const StorageGraph& graph, double bound, PlanSearch* search) {
  const uint64_t per_vertex = std::min(kMovesPerVertex, kMovesMax / graph.vertices + 1);
  search->Anneal(search->Everything(), per_vertex * graph.vertices, kHottest, kColdest, 1);
  if (per_vertex < kRegionMovesMin) return;
  const auto regions = search->Regions(kRegion);
  // How often in a row annealing has not helped a region.
  std::vector<int> failures(regions.size(), 0);
  uint64_t seed = 2;
  for (int round = 0; round < kRegionRounds; round++) {
    bool tried = false;
    for (size_t r = 0; r < regions.size(); r++) {
      if (search->storage() <= bound * (1 + kNear)) return;
      if (failures[r] >= kFailuresMax) continue;
      tried = true;
      const uint64_t moves = per_vertex * regions[r].vertices.size();
      const bool better = search->Anneal(regions[r], moves, kHottest, kColdest, seed++);
      failures[r] = better ? 0 : failures[r] + 1;
    }
    if (!tried) break;
  }
}

}  // namespace

AutoSolution SolveAuto(const StorageGraph& graph) {
  ArchivalPlan least = MinimumStoragePlan(graph);
  const double least_storage = PlanStorage(graph, least);
  if (IsFeasible(graph, least)) return {std::move(least), least_storage};
  const std::vector<ArchivalPlan> beginnings = Beginnings(graph);
  if (beginnings.empty()) return {ShortestPathPlan(graph), least_storage};
  const Adjacency in = EdgesByTarget(graph);
  const RecreationBounds costs = LeastCosts(graph);
  PlanSearch search(graph, in, costs);
  ArchivalPlan best;
  double best_storage = std::numeric_limits<double>::infinity();
  for (const ArchivalPlan& plan : beginnings) {
    search.Start(plan);
    const auto everything = search.Everything();
    search.Descend(everything, kPolishFirst);
    search.Polish(everything, kPolishFirst);
    if (search.storage() < best_storage) {
      best_storage = search.storage();
      best = search.plan();
    }
  }
  search.Start(best);
  Relaxation relaxation(graph, in, costs);
  const int rounds = BoundRounds(relaxation);
  relaxation.Climb(best_storage, rounds);
  Improve(graph, relaxation.bound(), &search);
  const int climbs = rounds >= kRoundsToGoOn ? kClimbs : 0;
  for (int again = 0; again < climbs && relaxation.bound() * (1 + kClose) < search.storage();
       again++) {
    const double before = relaxation.bound();
    relaxation.Climb(search.storage(), rounds);
    if (relaxation.bound() < before * (1 + kHardly)) break;
  }
  const double bound = std::max(relaxation.bound(), least_storage);
  // Sums in another order: what is stored is no less than its bound.
  return {search.plan(), std::min(bound, PlanStorage(graph, search.plan()))};
}

}  // namespace mh
