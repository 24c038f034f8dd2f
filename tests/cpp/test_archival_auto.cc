#include <doctest/doctest.h>

#include <algorithm>
#include <random>

#include "mh/archival/auto_solver.h"
#include "mh/archival/knapsack.h"
#include "mh/archival/plan_search.h"
#include "mh/archival/relaxation.h"
#include "mh/archival/solvers.h"
#include "tests/cpp/archival_samples.h"

using mh::ArchivalPlan;
using mh::KnapsackOption;
using mh::PlanCosts;
using mh::StorageGraph;
using mh_test::OwnedGraph;

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

double Storage(const StorageGraph& graph, const ArchivalPlan& plan) {
  const auto costs = mh::EvaluatePlan(graph, plan);
  REQUIRE(costs.ok());
  return costs.value().storage;
}

bool Keeps(const StorageGraph& graph, const ArchivalPlan& plan) {
  const auto costs = mh::EvaluatePlan(graph, plan);
  REQUIRE(costs.ok());
  return mh::KeepsBudgets(graph, costs.value().groups);
}

double LeastStorage(const StorageGraph& graph) {
  double least = kInfinity;
  mh_test::ForEveryPlan(graph, [&](const ArchivalPlan&, const PlanCosts& costs) {
    if (mh::KeepsBudgets(graph, costs.groups)) least = std::min(least, costs.storage);
  });
  return least;
}

OwnedGraph Sample(uint32_t seed, const mh_test::GraphShape& shape) {
  OwnedGraph owned = mh_test::RandomGraph(seed, shape);
  if (seed % 2 == 1) owned.scheme = mh::RetrievalScheme::kParallel;
  const StorageGraph graph = owned.view();
  const auto costs = mh::EvaluatePlan(graph, mh::ShortestPathPlan(graph));
  REQUIRE(costs.ok());
  constexpr double kAlphas[] = {1.0, 1.1, 1.5, 2, 4};
  for (size_t g = 0; g < owned.budget.size(); g++) {
    owned.budget[g] = kAlphas[seed % 5] * costs.value().groups[g];
  }
  return owned;
}

// Tensors of some networks: in each group one of each of four sizes, with deltas to near groups.
OwnedGraph Layered(uint32_t groups, double alpha) {
  constexpr uint32_t kLayers = 4;
  constexpr double kSizes[] = {1, 5, 20, 100};
  OwnedGraph owned;
  std::mt19937 random(7);
  std::uniform_real_distribution<double> share(0.5, 0.75);
  owned.vertices = 1 + groups * kLayers;
  for (uint32_t g = 0; g < groups; g++) {
    std::vector<uint32_t> members;
    double alone = 0;
    for (uint32_t layer = 0; layer < kLayers; layer++) {
      const uint32_t v = 1 + g * kLayers + layer;
      members.push_back(v);
      alone += kSizes[layer];
      owned.Edge(0, v, kSizes[layer], kSizes[layer]);
      for (uint32_t other = g >= 3 ? g - 3 : 0; other < g; other++) {
        const uint32_t u = 1 + other * kLayers + layer;
        const double cost = share(random) * kSizes[layer];
        owned.Edge(u, v, cost, cost);
        owned.Edge(v, u, cost, cost);
      }
    }
    owned.Group(members, alpha * alone);
  }
  return owned;
}

}  // namespace

TEST_CASE("knapsack: the least cost of all that fits, and bounds when it may not search") {
  std::mt19937 random(3);
  for (int round = 0; round < 300; round++) {
    CAPTURE(round);
    std::vector<KnapsackOption> options;
    std::vector<uint32_t> begin{0};
    const uint32_t items = 1 + random() % 4;
    for (uint32_t i = 0; i < items; i++) {
      for (uint32_t k = 1 + random() % 5; k-- > 0;) {
        // Small numbers, so that many are equal.
        options.push_back({static_cast<double>(random() % 9) - 2, static_cast<double>(random() % 6),
                           static_cast<uint32_t>(options.size())});
      }
      begin.push_back(static_cast<uint32_t>(options.size()));
    }
    const double capacity = static_cast<double>(random() % 14);
    double least = kInfinity;
    std::vector<uint32_t> at(begin.begin(), begin.end() - 1);
    for (bool more = true; more;) {
      double cost = 0, weight = 0;
      for (const uint32_t k : at) {
        cost += options[k].cost;
        weight += options[k].weight;
      }
      if (weight <= capacity) least = std::min(least, cost);
      more = false;
      for (uint32_t i = 0; i < items && !more; i++) {
        more = ++at[i] < begin[i + 1];
        if (!more) at[i] = begin[i];
      }
    }
    mh::Knapsack knapsack;
    std::vector<uint32_t> taken;
    const double found = knapsack.Solve(options, begin, capacity, 100'000, &taken);
    CHECK((found == kInfinity) == (least == kInfinity));
    if (least < kInfinity) {
      CHECK(found == doctest::Approx(least));
      double cost = 0, weight = 0;
      for (uint32_t i = 0; i < items; i++) {
        REQUIRE((taken[i] >= begin[i] && taken[i] < begin[i + 1]));
        cost += options[taken[i]].cost;
        weight += options[taken[i]].weight;
      }
      CHECK(cost == doctest::Approx(least));
      CHECK(weight <= capacity);
    }
    CHECK(knapsack.Solve(options, begin, capacity, 0, &taken) <= least + 1e-9);
  }
}

TEST_CASE("auto: the paper's example") {
  const OwnedGraph owned = mh_test::PaperGraph(3, 6);
  const mh::AutoSolution solution = mh::SolveAuto(owned.view());
  CHECK(Storage(owned.view(), solution.plan) == 24);
  CHECK(Keeps(owned.view(), solution.plan));
  CHECK(solution.lower_bound <= 24);
  CHECK(solution.lower_bound >= 19);
}

TEST_CASE("auto: against every plan of small graphs, and no bound above the best") {
  for (uint32_t seed = 0; seed < 120; seed++) {
    CAPTURE(seed);
    mh_test::GraphShape shape;
    shape.segmented = seed % 3 == 0;
    const OwnedGraph owned = Sample(seed, shape);
    const StorageGraph graph = owned.view();
    const double least = LeastStorage(graph);
    const mh::AutoSolution solution = mh::SolveAuto(graph);
    CHECK(Keeps(graph, solution.plan));
    CHECK(Storage(graph, solution.plan) <= least * (1 + 1e-9));
    CHECK(solution.lower_bound <= least * (1 + 1e-9));
  }
}

TEST_CASE("relaxation: a bound at any time, which climbs") {
  for (const double alpha : {1.2, 1.6, 2.2}) {
    CAPTURE(alpha);
    const OwnedGraph owned = Layered(40, alpha);
    const StorageGraph graph = owned.view();
    const mh::Adjacency in = mh::EdgesByTarget(graph);
    mh::Relaxation relaxation(graph, in, mh::LeastCosts(graph));
    const double known = Storage(graph, mh::SolvePasMt(graph));
    relaxation.Climb(known, 1);
    const double first = relaxation.bound();
    relaxation.Climb(known, 200);
    CHECK(relaxation.bound() >= first);
    if (alpha == 1.6) CHECK(relaxation.bound() > first * 1.01);
    CHECK(relaxation.bound() <= known);
    CHECK(relaxation.bound() >= 0.95 * Storage(graph, mh::MinimumStoragePlan(graph)));
  }
}

TEST_CASE("auto: no worse than the literature, near its bound, the same again") {
  for (const double alpha : {1.0, 1.2, 1.6, 2.2, 5.0}) {
    CAPTURE(alpha);
    const OwnedGraph owned = Layered(40, alpha);
    const StorageGraph graph = owned.view();
    const mh::AutoSolution solution = mh::SolveAuto(graph);
    const double storage = Storage(graph, solution.plan);
    CHECK(Keeps(graph, solution.plan));
    CHECK(storage <= Storage(graph, mh::SolvePasMt(graph)));
    CHECK(storage <= Storage(graph, mh::SolvePasPt(graph)));
    CHECK(storage <= 1.08 * solution.lower_bound);
    CHECK(mh::SolveAuto(graph).plan == solution.plan);
  }
}

TEST_CASE("search: every step keeps the budgets") {
  const OwnedGraph owned = Layered(40, 1.6);
  const StorageGraph graph = owned.view();
  const mh::Adjacency in = mh::EdgesByTarget(graph);
  mh::PlanSearch search(graph, in, mh::LeastCosts(graph));
  search.Start(mh::ShortestPathPlan(graph));
  double before = search.storage();
  const auto check = [&] {
    CHECK(Keeps(graph, search.plan()));
    CHECK(search.storage() == doctest::Approx(Storage(graph, search.plan())));
    CHECK(search.storage() <= before * (1 + 1e-12));
    before = search.storage();
  };
  search.Descend(search.Everything(), 3);
  check();
  search.Polish(search.Everything(), 3);
  check();
  size_t vertices = 0;
  for (const auto& region : search.Regions(20)) {
    vertices += region.vertices.size();
    search.Anneal(region, 2000, 0.1, 1e-4, 5);
    check();
  }
  CHECK(vertices == graph.vertices - 1);
}
