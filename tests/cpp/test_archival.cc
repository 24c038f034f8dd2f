#include <doctest/doctest.h>

#include <algorithm>

#include "mh/archival/graph.h"
#include "mh/archival/plan_tree.h"
#include "mh/archival/spanning.h"
#include "tests/cpp/archival_samples.h"

using mh::ArchivalPlan;
using mh::EvaluatePlan;
using mh::PlanCosts;
using mh::PlanTree;
using mh::RetrievalScheme;
using mh::StorageGraph;
using mh_test::ForEveryPlan;
using mh_test::GraphShape;
using mh_test::OwnedGraph;
using mh_test::PaperGraph;
using mh_test::RandomGraph;

namespace {

PlanCosts CostsOf(const StorageGraph& graph, const ArchivalPlan& plan) {
  const auto costs = EvaluatePlan(graph, plan);
  REQUIRE_MESSAGE(costs.ok(), (costs.ok() ? "" : costs.status().found()));
  return costs.value();
}

// A chain 0 -> 1 -> 2 ... of edges with costs (1, 1), beside edges (2, 1) from vertex 0.
OwnedGraph Chain(uint32_t vertices) {
  OwnedGraph graph;
  graph.vertices = vertices;
  for (uint32_t v = 1; v < vertices; v++) graph.Edge(0, v, 2, 1);
  for (uint32_t v = 2; v < vertices; v++) graph.Edge(v - 1, v, 1, 1);
  graph.Group({vertices - 1});
  return graph;
}

void CheckSame(const PlanTree& tree, const PlanCosts& costs) {
  for (uint32_t v = 1; v < tree.graph().vertices; v++) {
    REQUIRE(tree.recreation(v) == costs.recreation[v]);
    if (tree.graph().segmented()) REQUIRE(tree.high_recreation(v) == costs.high_recreation[v]);
  }
  REQUIRE(tree.storage() == doctest::Approx(costs.storage));
  for (size_t g = 0; g < tree.graph().groups(); g++) {
    REQUIRE(tree.group_cost(g) == doctest::Approx(costs.groups[g]));
  }
}

}  // namespace

TEST_CASE("archival: the paper's plans cost what it says") {
  OwnedGraph owned = PaperGraph();
  const StorageGraph graph = owned.view();
  REQUIRE(graph.Check().ok());
  // Edges by number: 0-1 0, 0-2 1, 0-3 2, 0-4 3, 0-5 4, 1-3 5, 3-1 6, 2-4 7, 4-2 8, 2-5 9, ...
  const PlanCosts least = CostsOf(graph, {mh::kNoEdge, 0, 1, 5, 7, 9});
  CHECK(least.storage == 19);
  CHECK(least.groups == std::vector<double>{3, 7.5});
  const PlanCosts within = CostsOf(graph, {mh::kNoEdge, 0, 1, 2, 3, 11});
  CHECK(within.storage == 24);
  CHECK(within.groups == std::vector<double>{3, 6});
  owned.scheme = RetrievalScheme::kParallel;
  CHECK(CostsOf(owned.view(), {mh::kNoEdge, 0, 1, 5, 7, 9}).groups == std::vector<double>{2, 3});
  owned.scheme = RetrievalScheme::kReusable;
  CHECK(CostsOf(owned.view(), {mh::kNoEdge, 0, 1, 5, 7, 9}).groups ==
        std::vector<double>{3, 1 + 0.5 + 2 + 1 + 1});
}

TEST_CASE("archival: the paper's graph has 48 plans without direction, 19 is least") {
  const OwnedGraph owned = PaperGraph();
  const StorageGraph graph = owned.view();
  int plans = 0, least = 0;
  ForEveryPlan(graph, [&](const ArchivalPlan&, const PlanCosts& costs) {
    plans++;
    if (costs.storage == 19) least++;
    CHECK(costs.storage >= 19);
  });
  CHECK(plans == 48);
  CHECK(least == 18);
  CHECK(CostsOf(graph, mh::MinimumStoragePlan(graph)).storage == 19);
}

TEST_CASE("archival: what is no plan is refused") {
  const OwnedGraph owned = PaperGraph();
  const StorageGraph graph = owned.view();
  CHECK(EvaluatePlan(graph, {mh::kNoEdge, 0, 1}).status().code() == mh::Code::kUsage);
  CHECK(!EvaluatePlan(graph, {mh::kNoEdge, 0, 0, 2, 3, 4}).ok());
  CHECK(!EvaluatePlan(graph, {0, 0, 1, 2, 3, 4}).ok());
  CHECK(!EvaluatePlan(graph, {mh::kNoEdge, 0, 1, 2, 3, 99}).ok());
  CHECK(!EvaluatePlan(graph, {mh::kNoEdge, 6, 1, 5, 3, 4}).ok());  // 1 and 3 in a circle.
}

TEST_CASE("archival: graphs that are none are refused") {
  const auto broken = [](auto change) {
    OwnedGraph graph = PaperGraph();
    change(graph);
    return !graph.view().Check().ok();
  };
  CHECK(!broken([](OwnedGraph&) {}));
  CHECK(broken([](OwnedGraph& g) { g.storage.pop_back(); }));
  CHECK(broken([](OwnedGraph& g) { g.storage[3] = -1; }));
  CHECK(broken([](OwnedGraph& g) { g.recreation[3] = mh_test::kNoBudget; }));
  CHECK(broken([](OwnedGraph& g) { g.target[3] = 0; }));
  CHECK(broken([](OwnedGraph& g) { g.target[6] = 6; }));
  CHECK(broken([](OwnedGraph& g) { g.source[6] = g.target[6]; }));
  CHECK(broken([](OwnedGraph& g) { g.vertices = 7; }));
  CHECK(broken([](OwnedGraph& g) { g.vertices = 0; }));
  CHECK(broken([](OwnedGraph& g) { g.members[0] = 6; }));
  CHECK(broken([](OwnedGraph& g) { g.members[0] = 0; }));
  CHECK(broken([](OwnedGraph& g) { g.group_begin[1] = 9; }));
  CHECK(broken([](OwnedGraph& g) { g.budget[1] = -1; }));
  CHECK(broken([](OwnedGraph& g) { g.budget[1] = std::numeric_limits<double>::quiet_NaN(); }));
  CHECK(broken([](OwnedGraph& g) { g.budget.pop_back(); }));
  CHECK(broken([](OwnedGraph& g) { g.from_high.assign(g.source.size(), 0); }));
}

TEST_CASE("archival: least storage and least recreation, against every plan") {
  for (uint32_t seed = 0; seed < 200; seed++) {
    GraphShape shape;
    shape.vertices = 2 + seed % 5;
    shape.segmented = seed % 4 == 3;
    shape.cost_max = seed % 3 == 0 ? 2 : 9;
    const OwnedGraph owned = RandomGraph(seed, shape);
    const StorageGraph graph = owned.view();
    REQUIRE(graph.Check().ok());
    double storage = mh_test::kNoBudget;
    std::vector<double> whole(graph.vertices, mh_test::kNoBudget), high = whole;
    ForEveryPlan(graph, [&](const ArchivalPlan&, const PlanCosts& costs) {
      storage = std::min(storage, costs.storage);
      for (uint32_t v = 0; v < graph.vertices; v++) {
        whole[v] = std::min(whole[v], costs.recreation[v]);
        if (graph.segmented()) high[v] = std::min(high[v], costs.high_recreation[v]);
      }
    });
    INFO("seed " << seed);
    CHECK(CostsOf(graph, mh::MinimumStoragePlan(graph)).storage == storage);
    const mh::RecreationBounds least = mh::LeastCosts(graph);
    const PlanCosts shortest = CostsOf(graph, mh::ShortestPathPlan(graph));
    if (!graph.segmented()) {
      CHECK(least.whole == whole);
      CHECK(shortest.recreation == whole);
    } else {
      CHECK(least.high == high);
      for (uint32_t v = 0; v < graph.vertices; v++) CHECK(least.whole[v] <= whole[v]);
    }
  }
}

TEST_CASE("archival: a long chain needs no stack") {
  constexpr uint32_t kVertices = 300'000;
  const OwnedGraph owned = Chain(kVertices);
  const StorageGraph graph = owned.view();
  const ArchivalPlan plan = mh::MinimumStoragePlan(graph);
  const PlanCosts costs = CostsOf(graph, plan);
  CHECK(costs.storage == kVertices);
  CHECK(costs.groups[0] == kVertices - 1);
  PlanTree tree(graph, plan);
  CHECK(tree.InSubtree(1, kVertices - 1));
  CHECK(tree.Reparent(kVertices / 2 - 1) == kVertices / 2);
  CheckSame(tree, CostsOf(graph, tree.plan()));
  CHECK(CostsOf(graph, mh::ShortestPathPlan(graph)).groups[0] == 1);
}

TEST_CASE("archival: a tree that changes costs what its plan costs") {
  std::mt19937 random(1);
  for (uint32_t seed = 0; seed < 60; seed++) {
    GraphShape shape{.vertices = 30, .edges = 120, .groups = 6, .segmented = seed % 3 == 0};
    OwnedGraph owned = RandomGraph(seed, shape);
    if (seed % 2 == 0) owned.scheme = RetrievalScheme::kParallel;
    const StorageGraph graph = owned.view();
    PlanTree tree(graph, mh::MinimumStoragePlan(graph));
    for (int change = 0; change < 200; change++) {
      const uint32_t e = static_cast<uint32_t>(random() % graph.edges());
      const uint32_t v = graph.target[e];
      if (tree.InSubtree(v, graph.source[e])) {
        ArchivalPlan circle = tree.plan();
        circle[v] = e;
        CHECK(!EvaluatePlan(graph, circle).ok());
        continue;
      }
      const double expected = tree.RecreationBy(e);
      tree.Reparent(e);
      REQUIRE(tree.recreation(v) == expected);
    }
    CheckSame(tree, CostsOf(graph, tree.plan()));
  }
}

TEST_CASE("archival: a twin costs the high segments alone") {
  OwnedGraph owned;
  owned.vertices = 3;
  owned.HighEdge(0, 1, 4, 4, 2, false);      // float32
  owned.HighEdge(0, 2, 2, 2.5, 2.5, false);  // its bfloat16 copy, alone
  owned.HighEdge(1, 2, 0.1, 0.1, 0.1, true);
  owned.Group({1});
  owned.Group({2});
  owned.Group({1, 2});
  const PlanCosts costs = CostsOf(owned.view(), {mh::kNoEdge, 0, 2});
  CHECK(costs.groups == std::vector<double>{4, 2.1, 6.1});
  CHECK(costs.high_recreation[2] == doctest::Approx(2.1));
  owned.scheme = RetrievalScheme::kReusable;
  const PlanCosts reusable = CostsOf(owned.view(), {mh::kNoEdge, 0, 2});
  CHECK(reusable.groups == std::vector<double>{4, 2.1, 4.1});
  CHECK(mh::LeastCosts(owned.view()).whole[2] == doctest::Approx(2.1));
  owned.scheme = RetrievalScheme::kIndependent;
  CHECK(mh::ShortestPathPlan(owned.view()) == ArchivalPlan{mh::kNoEdge, 0, 2});
}
