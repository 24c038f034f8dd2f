#include <algorithm>
#include <queue>
#include <tuple>
#include <utility>

#include "mh/archival/solvers.h"
#include "mh/archival/spanning.h"

namespace mh {
namespace {

class Growth {
 public:
  // Members of groups that are not in the tree yet count as what they cost at least.
  explicit Growth(const StorageGraph& graph)
      : graph_(graph),
        by_source_(EdgesBySource(graph)),
        by_target_(EdgesByTarget(graph)),
        tree_(graph, LeastCosts(graph).whole) {}

  ArchivalPlan Plan() {
    Offer(kEmptyVertex);
    while (!queue_.empty()) {
      const uint32_t e = std::get<2>(queue_.top());
      queue_.pop();
      if (!tree_.contains(graph_.target[e]) && FitsBudgets(e)) Add(e);
    }
    AddTheRest();
    tree_.Refresh();
    if (KeepsBudgets(graph_, tree_.group_costs())) return tree_.plan();
    SwapTowardsBudgets(by_source_, by_target_, &tree_);
    tree_.Refresh();
    if (KeepsBudgets(graph_, tree_.group_costs())) return tree_.plan();
    return RepairBudgets(ShortestPathPlan(graph_), &tree_);
  }

 private:
  // Storage, what the target then costs to recreate (of equal ones the less first), and the edge.
  using Offered = std::tuple<double, double, uint32_t>;

  void Offer(uint32_t v) {
    for (const uint32_t e : by_source_.of(v)) {
      if (tree_.contains(graph_.target[e])) continue;
      queue_.emplace(graph_.storage[e], tree_.RecreationBy(e), e);
    }
  }

  bool FitsBudgets(uint32_t e) const {
    const uint32_t v = graph_.target[e];
    const double cost = tree_.RecreationBy(e), more = cost - tree_.recreation(v);
    const bool is_sum = graph_.scheme != RetrievalScheme::kParallel;
    double times = 0;  // A group lists a vertex as often as it is its member.
    const std::span<const uint32_t> groups = tree_.groups_of(v);
    for (size_t i = 0; i < groups.size(); i++) {
      const uint32_t g = groups[i];
      times = i > 0 && groups[i - 1] == g ? times + 1 : 1;
      const double group_cost = is_sum ? tree_.group_cost(g) + times * more : cost;
      if (group_cost > Allowed(graph_.budget[g])) return false;
    }
    return true;
  }

  void Add(uint32_t e) {
    const uint32_t v = graph_.target[e];
    tree_.Attach(e);
    for (const uint32_t other : by_source_.of(v)) {
      const uint32_t u = graph_.target[other];
      if (!tree_.contains(u) || graph_.storage[other] >= graph_.storage[tree_.edge(u)]) continue;
      // Nothing that stands already may cost more.
      if (tree_.RecreationBy(other) > tree_.recreation(u)) continue;
      if (tree_.HighRecreationBy(other) > tree_.high_recreation(u)) continue;
      if (!tree_.InSubtree(u, v)) tree_.Reparent(other);
    }
    Offer(v);
  }

  // Vertices that fit nowhere: by the edge that makes them cost least, whatever the budgets say.
  void AddTheRest() {
    std::vector<uint32_t> rest;
    for (uint32_t v = 1; v < graph_.vertices; v++) {
      if (!tree_.contains(v)) rest.push_back(v);
    }
    std::stable_sort(rest.begin(), rest.end(), [&](uint32_t a, uint32_t b) {
      return tree_.recreation(a) < tree_.recreation(b);
    });
    for (const uint32_t v : rest) {
      uint32_t best = kNoEdge;
      for (const uint32_t e : by_target_.of(v)) {
        if (!tree_.contains(graph_.source[e])) continue;
        if (best == kNoEdge || std::pair(tree_.RecreationBy(e), graph_.storage[e]) <
                                   std::pair(tree_.RecreationBy(best), graph_.storage[best])) {
          best = e;
        }
      }
      tree_.Attach(best);
    }
  }

  const StorageGraph& graph_;
  const Adjacency by_source_, by_target_;
  PlanTree tree_;
  std::priority_queue<Offered, std::vector<Offered>, std::greater<Offered>> queue_;
};

}  // namespace

ArchivalPlan SolvePasPt(const StorageGraph& graph) { return Growth(graph).Plan(); }

}  // namespace mh
