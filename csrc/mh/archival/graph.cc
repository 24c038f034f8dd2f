#include "mh/archival/graph.h"

#include <algorithm>
#include <cmath>
#include <string>

namespace mh {
namespace {

Status Usage(std::string found, std::string expected) {
  return Status(Code::kUsage, std::move(found), std::move(expected));
}

Status CheckLengths(const StorageGraph& graph) {
  const size_t edges = graph.edges();
  if (graph.vertices == 0) return Usage("a graph without vertices", "the empty one at least");
  constexpr uint32_t kVerticesMax = UINT32_MAX / 2;  // Solvers number sets of vertices beside them.
  if (graph.vertices > kVerticesMax) {
    return Usage(std::to_string(graph.vertices) + " vertices",
                 std::to_string(kVerticesMax) + " at most");
  }
  if (edges >= kNoEdge) {
    return Usage(std::to_string(edges) + " edges", "less than " + std::to_string(kNoEdge));
  }
  const auto fits = [&](size_t size, bool may_be_empty) {
    return size == edges || (may_be_empty && size == 0);
  };
  if (!fits(graph.target.size(), false) || !fits(graph.storage.size(), false) ||
      !fits(graph.recreation.size(), false) || !fits(graph.high.size(), true) ||
      !fits(graph.from_high.size(), true)) {
    return Usage("arrays of edges of different lengths", std::to_string(edges) + " in each");
  }
  if (!graph.from_high.empty() && graph.high.empty()) {
    return Usage("edges from high segments without costs of high segments", "both or neither");
  }
  if (graph.budget.size() != graph.groups()) {
    return Usage(std::to_string(graph.budget.size()) + " budgets",
                 "one for each of " + std::to_string(graph.groups()) + " groups");
  }
  return Status::Ok();
}

Status CheckCost(double cost, const char* what, size_t edge) {
  if (std::isfinite(cost) && cost >= 0) return Status::Ok();
  return Usage("a " + std::string(what) + " cost of " + std::to_string(cost) + " on edge " +
                   std::to_string(edge),
               "a finite number, 0 or more");
}

Status CheckEdges(const StorageGraph& graph) {
  std::vector<bool> stands_alone(graph.vertices, false);
  for (size_t e = 0; e < graph.edges(); e++) {
    const uint32_t from = graph.source[e], to = graph.target[e];
    if (from >= graph.vertices || to >= graph.vertices || to == kEmptyVertex || from == to) {
      return Usage("edge " + std::to_string(e) + " from vertex " + std::to_string(from) + " to " +
                       std::to_string(to),
                   "two vertices of " + std::to_string(graph.vertices) +
                       ", and none that leads into vertex 0");
    }
    MH_RETURN_IF_ERROR(CheckCost(graph.storage[e], "storage", e));
    MH_RETURN_IF_ERROR(CheckCost(graph.recreation[e], "recreation", e));
    if (graph.segmented()) MH_RETURN_IF_ERROR(CheckCost(graph.high[e], "high recreation", e));
    if (from == kEmptyVertex) stands_alone[to] = true;
  }
  for (uint32_t v = 1; v < graph.vertices; v++) {
    if (!stands_alone[v]) {
      return Usage("vertex " + std::to_string(v) + " has no edge from vertex 0",
                   "a way to store each vertex alone");
    }
  }
  return Status::Ok();
}

Status CheckGroups(const StorageGraph& graph) {
  const std::span<const uint64_t> begin = graph.group_begin;
  const bool ends_fit = begin.empty() ? graph.members.empty()
                                      : begin.front() == 0 && begin.back() == graph.members.size();
  if (!ends_fit || !std::is_sorted(begin.begin(), begin.end())) {
    return Usage("group_begin that does not divide the members",
                 "ascending numbers from 0 to " + std::to_string(graph.members.size()));
  }
  for (const uint32_t member : graph.members) {
    if (member == kEmptyVertex || member >= graph.vertices) {
      return Usage("vertex " + std::to_string(member) + " in a group",
                   "1 to " + std::to_string(graph.vertices - 1));
    }
  }
  for (size_t g = 0; g < graph.groups(); g++) {
    if (!(graph.budget[g] >= 0)) {
      return Usage(
          "a budget of " + std::to_string(graph.budget[g]) + " for group " + std::to_string(g),
          "0 or more");
    }
  }
  return Status::Ok();
}

Adjacency SortByEnd(uint32_t vertices, std::span<const uint32_t> end) {
  Adjacency sorted;
  sorted.begin.assign(size_t{vertices} + 1, 0);
  for (const uint32_t v : end) sorted.begin[v + 1]++;
  for (uint32_t v = 0; v < vertices; v++) sorted.begin[v + 1] += sorted.begin[v];
  sorted.order.resize(end.size());
  std::vector<uint64_t> next(sorted.begin.begin(), sorted.begin.end() - 1);
  for (size_t e = 0; e < end.size(); e++) sorted.order[next[end[e]]++] = static_cast<uint32_t>(e);
  return sorted;
}

// Fills costs->recreation and high_recreation from the root on, without recursion: from each vertex
// up to the first one that is known, and down again.
Status FillRecreation(const StorageGraph& graph, const ArchivalPlan& plan, PlanCosts* costs) {
  constexpr uint8_t kUnknown = 0, kOnPath = 1, kKnown = 2;
  std::vector<uint8_t> state(graph.vertices, kUnknown);
  std::vector<uint32_t> path;
  costs->recreation.assign(graph.vertices, 0.0);
  if (graph.segmented()) costs->high_recreation.assign(graph.vertices, 0.0);
  state[kEmptyVertex] = kKnown;
  for (uint32_t start = 1; start < graph.vertices; start++) {
    for (uint32_t v = start; state[v] != kKnown; v = graph.source[plan[v]]) {
      if (state[v] == kOnPath) {
        return Usage("a plan that stores vertex " + std::to_string(v) + " against itself",
                     "a tree from vertex 0");
      }
      state[v] = kOnPath;
      path.push_back(v);
    }
    for (; !path.empty(); path.pop_back()) {
      const uint32_t v = path.back(), e = plan[v], u = graph.source[e];
      const std::vector<double>& from =
          graph.is_from_high(e) ? costs->high_recreation : costs->recreation;
      costs->recreation[v] = from[u] + graph.recreation[e];
      if (graph.segmented()) {
        costs->high_recreation[v] = costs->high_recreation[u] + graph.high[e];
      }
      state[v] = kKnown;
    }
  }
  return Status::Ok();
}

// The sum over the edges of all paths of a group, each edge once: in a tree the union of the paths
// is the least Steiner tree. A vertex of which the whole is read has its high segments read too.
class ReusedPaths {
 public:
  ReusedPaths(const StorageGraph& graph, const ArchivalPlan& plan)
      : graph_(graph), plan_(plan), whole_(graph.vertices, 0), high_(graph.vertices, 0) {}

  double Cost(size_t g) {
    const uint64_t mark = ++mark_;
    touched_.clear();
    for (uint32_t v : graph_.group(g)) Walk(v, mark);
    double cost = 0;
    for (const uint32_t v : touched_) {
      cost += whole_[v] == mark ? graph_.recreation[plan_[v]] : graph_.high[plan_[v]];
    }
    return cost;
  }

 private:
  void Walk(uint32_t v, uint64_t mark) {
    bool is_whole = true;
    while (v != kEmptyVertex && whole_[v] != mark && (is_whole || high_[v] != mark)) {
      if (high_[v] != mark) touched_.push_back(v);
      high_[v] = mark;
      if (is_whole) whole_[v] = mark;
      is_whole = is_whole && !graph_.is_from_high(plan_[v]);
      v = graph_.source[plan_[v]];
    }
  }

  const StorageGraph& graph_;
  const ArchivalPlan& plan_;
  std::vector<uint64_t> whole_, high_;  // The last mark each vertex was read at, so far or less.
  std::vector<uint32_t> touched_;
  uint64_t mark_ = 0;
};

}  // namespace

Status StorageGraph::Check() const {
  MH_RETURN_IF_ERROR(CheckLengths(*this));
  MH_RETURN_IF_ERROR(CheckGroups(*this));
  return CheckEdges(*this);
}

Adjacency EdgesByTarget(const StorageGraph& graph) {
  return SortByEnd(graph.vertices, graph.target);
}

Adjacency EdgesBySource(const StorageGraph& graph) {
  return SortByEnd(graph.vertices, graph.source);
}

Adjacency GroupsByVertex(const StorageGraph& graph) {
  Adjacency places = SortByEnd(graph.vertices, graph.members);
  std::vector<uint32_t> group_of(graph.members.size());
  for (size_t g = 0; g < graph.groups(); g++) {
    std::fill(group_of.begin() + static_cast<ptrdiff_t>(graph.group_begin[g]),
              group_of.begin() + static_cast<ptrdiff_t>(graph.group_begin[g + 1]),
              static_cast<uint32_t>(g));
  }
  for (uint32_t& place : places.order) place = group_of[place];
  return places;
}

double PlanStorage(const StorageGraph& graph, const ArchivalPlan& plan) {
  double storage = 0;
  for (uint32_t v = 1; v < graph.vertices; v++) storage += graph.storage[plan[v]];
  return storage;
}

std::vector<double> GroupCosts(const StorageGraph& graph, std::span<const double> recreation) {
  const bool is_sum = graph.scheme != RetrievalScheme::kParallel;
  std::vector<double> costs(graph.groups(), 0.0);
  for (size_t g = 0; g < graph.groups(); g++) {
    for (const uint32_t v : graph.group(g)) {
      costs[g] = is_sum ? costs[g] + recreation[v] : std::max(costs[g], recreation[v]);
    }
  }
  return costs;
}

Result<PlanCosts> EvaluatePlan(const StorageGraph& graph, const ArchivalPlan& plan) {
  if (plan.size() != graph.vertices || plan[kEmptyVertex] != kNoEdge) {
    return Usage("a plan of " + std::to_string(plan.size()) + " vertices",
                 std::to_string(graph.vertices) + ", the first of them with no edge");
  }
  for (uint32_t v = 1; v < graph.vertices; v++) {
    if (plan[v] >= graph.edges() || graph.target[plan[v]] != v) {
      return Usage("edge " + std::to_string(plan[v]) + " in a plan for vertex " + std::to_string(v),
                   "one that leads to it");
    }
  }
  PlanCosts costs;
  MH_RETURN_IF_ERROR(FillRecreation(graph, plan, &costs));
  costs.storage = PlanStorage(graph, plan);
  if (graph.scheme != RetrievalScheme::kReusable) {
    costs.groups = GroupCosts(graph, costs.recreation);
    return costs;
  }
  ReusedPaths paths(graph, plan);
  for (size_t g = 0; g < graph.groups(); g++) costs.groups.push_back(paths.Cost(g));
  return costs;
}

}  // namespace mh
