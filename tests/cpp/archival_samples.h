// Storage graphs of the tests, and every plan of a small one.
#ifndef TESTS_CPP_ARCHIVAL_SAMPLES_H_
#define TESTS_CPP_ARCHIVAL_SAMPLES_H_

#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include "mh/archival/graph.h"

namespace mh_test {

constexpr double kNoBudget = std::numeric_limits<double>::infinity();

// Arrays that a StorageGraph looks at.
struct OwnedGraph {
  uint32_t vertices = 1;
  std::vector<uint32_t> source, target;
  std::vector<double> storage, recreation, high;
  std::vector<uint8_t> from_high;
  std::vector<uint64_t> group_begin = {0};
  std::vector<uint32_t> members;
  std::vector<double> budget;
  mh::RetrievalScheme scheme = mh::RetrievalScheme::kIndependent;

  void Edge(uint32_t from, uint32_t to, double stored, double recreated) {
    source.push_back(from);
    target.push_back(to);
    storage.push_back(stored);
    recreation.push_back(recreated);
  }
  void HighEdge(uint32_t from, uint32_t to, double stored, double recreated, double high_part,
                bool needs_high_only) {
    Edge(from, to, stored, recreated);
    high.push_back(high_part);
    from_high.push_back(needs_high_only ? 1 : 0);
  }
  void Group(const std::vector<uint32_t>& vertices_in, double limit = kNoBudget) {
    members.insert(members.end(), vertices_in.begin(), vertices_in.end());
    group_begin.push_back(members.size());
    budget.push_back(limit);
  }
  mh::StorageGraph view() const {
    mh::StorageGraph graph;
    graph.vertices = vertices;
    graph.source = source;
    graph.target = target;
    graph.storage = storage;
    graph.recreation = recreation;
    graph.high = high;
    graph.from_high = from_high;
    graph.group_begin = group_begin;
    graph.members = members;
    graph.budget = budget;
    graph.scheme = scheme;
    return graph;
  }
};

// Figure 5 of Miao, Li, Davis and Deshpande (ICDE 2017), whose edges have no direction.
inline OwnedGraph PaperGraph(double budget_1 = kNoBudget, double budget_2 = kNoBudget) {
  OwnedGraph graph;
  graph.vertices = 6;
  const auto both_ways = [&](uint32_t a, uint32_t b, double stored, double recreated) {
    graph.Edge(a, b, stored, recreated);
    if (a != 0) graph.Edge(b, a, stored, recreated);
  };
  both_ways(0, 1, 2, 1);
  both_ways(0, 2, 8, 2);
  both_ways(0, 3, 2, 1);
  both_ways(0, 4, 8, 2);
  both_ways(0, 5, 8, 2);
  both_ways(1, 3, 1, 0.5);
  both_ways(2, 4, 4, 1);
  both_ways(2, 5, 4, 1);
  both_ways(4, 5, 4, 1);
  graph.Group({1, 2}, budget_1);
  graph.Group({3, 4, 5}, budget_2);
  return graph;
}

struct GraphShape {
  uint32_t vertices = 6;
  int edges = 12;  // Beside one from the empty vertex to each.
  int groups = 2;
  int cost_max = 8;  // Costs are whole numbers from 0, so that many are equal.
  bool segmented = false;
};

inline OwnedGraph RandomGraph(uint32_t seed, const GraphShape& shape) {
  std::mt19937 random(seed);
  const auto below = [&](uint32_t limit) { return static_cast<uint32_t>(random() % limit); };
  const auto cost = [&] { return double(below(static_cast<uint32_t>(shape.cost_max) + 1)); };
  OwnedGraph graph;
  graph.vertices = shape.vertices;
  const auto add = [&](uint32_t from, uint32_t to, double stored) {
    const double recreated = cost();
    if (!shape.segmented) return graph.Edge(from, to, stored, recreated);
    const double high = double(below(static_cast<uint32_t>(recreated) + 1));
    graph.HighEdge(from, to, stored, recreated, high, from != 0 && below(3) == 0);
  };
  for (uint32_t v = 1; v < shape.vertices; v++) add(0, v, cost() + 2);
  for (int i = 0; i < shape.edges && shape.vertices > 2; i++) {
    const uint32_t from = below(shape.vertices), to = 1 + below(shape.vertices - 1);
    if (from != to) add(from, to, cost());
  }
  for (int g = 0; g < shape.groups; g++) {
    std::vector<uint32_t> group;
    for (uint32_t v = 1; v < shape.vertices; v++) {
      if (below(2) == 0) group.push_back(v);
    }
    graph.Group(group);
  }
  return graph;
}

// Calls visit(plan, costs) for every plan. For a handful of vertices.
template <typename Visit>
void ForEveryPlan(const mh::StorageGraph& graph, Visit visit) {
  const mh::Adjacency by_target = mh::EdgesByTarget(graph);
  std::vector<size_t> digit(graph.vertices, 0);
  mh::ArchivalPlan plan(graph.vertices, mh::kNoEdge);
  for (;;) {
    for (uint32_t v = 1; v < graph.vertices; v++) plan[v] = by_target.of(v)[digit[v]];
    const auto costs = mh::EvaluatePlan(graph, plan);
    if (costs.ok()) visit(plan, costs.value());
    uint32_t v = 1;
    while (v < graph.vertices && ++digit[v] == by_target.of(v).size()) digit[v++] = 0;
    if (v == graph.vertices) return;
  }
}

}  // namespace mh_test

#endif  // TESTS_CPP_ARCHIVAL_SAMPLES_H_
