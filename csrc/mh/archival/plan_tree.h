// A plan that changes: what a swap of one vertex's edge does to it, without doing all over again.
#ifndef MH_ARCHIVAL_PLAN_TREE_H_
#define MH_ARCHIVAL_PLAN_TREE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "mh/archival/graph.h"

namespace mh {

// The tree of a plan, with what each vertex costs to recreate and each group by the scheme. About
// 40 bytes a vertex. Nothing is recursive, so chains may be as long as they like.
//
// The costs of vertices are those that EvaluatePlan would give, bit for bit; sums over groups are
// kept up to date by differences, so they drift by some 1e-16 of themselves with each change.
//
// REQUIRES: the graph outlives the tree; its scheme is not kReusable.
class PlanTree {
 public:
  // REQUIRES: graph.Check().ok() and `plan` is a spanning tree.
  PlanTree(const StorageGraph& graph, ArchivalPlan plan);
  // A tree of the empty vertex alone, that Attach grows. A vertex outside it counts as if it cost
  // assumed[v] to recreate. REQUIRES: graph.Check().ok(), one number for each vertex
  PlanTree(const StorageGraph& graph, std::vector<double> assumed);

  const StorageGraph& graph() const { return graph_; }
  const ArchivalPlan& plan() const { return plan_; }
  uint32_t edge(uint32_t v) const { return plan_[v]; }
  bool contains(uint32_t v) const { return v == kEmptyVertex || plan_[v] != kNoEdge; }
  // REQUIRES: contains(v), v != kEmptyVertex
  uint32_t parent(uint32_t v) const { return graph_.source[plan_[v]]; }
  double recreation(uint32_t v) const { return whole_[v]; }
  double high_recreation(uint32_t v) const { return high_.empty() ? 0.0 : high_[v]; }
  std::span<const double> recreation() const { return whole_; }
  double storage() const { return storage_; }
  double group_cost(size_t g) const { return groups_[g]; }
  std::span<const double> group_costs() const { return groups_; }
  // Groups of vertex v, once for each time that it is a member.
  std::span<const uint32_t> groups_of(uint32_t v) const { return groups_by_vertex_.of(v); }

  // What the target of an edge costs if it is stored by it. REQUIRES: contains(source of e)
  double RecreationBy(uint32_t e) const {
    const uint32_t u = graph_.source[e];
    return (graph_.is_from_high(e) ? high_[u] : whole_[u]) + graph_.recreation[e];
  }
  double HighRecreationBy(uint32_t e) const {
    return high_.empty() ? 0.0 : high_[graph_.source[e]] + graph_.high[e];
  }

  // Whether nothing is stored against v.
  bool IsLeaf(uint32_t v) const { return child_[v] == kNone; }
  // Whether u is v or stored against it, directly or not. As many steps as u is deeper than v.
  // REQUIRES: both are in the tree
  bool InSubtree(uint32_t v, uint32_t u) const;

  // Adds the target of an edge to the tree. REQUIRES: contains(source), !contains(target)
  void Attach(uint32_t e);
  // Stores the target of an edge by it; returns how many vertices that concerned, the target and
  // what is stored against it. REQUIRES: contains(target), !InSubtree(target, source)
  size_t Reparent(uint32_t e);
  // Computes storage and the costs of groups anew, without drift.
  void Refresh();

  // Calls enter(u) for v and all that is stored against it, each before what is stored against it,
  // and leave(u) after that.
  template <typename Enter, typename Leave>
  void ForSubtree(uint32_t v, Enter enter, Leave leave) const {
    uint32_t u = v;
    for (;;) {
      enter(u);
      if (child_[u] != kNone) {
        u = child_[u];
        continue;
      }
      for (;;) {
        leave(u);
        if (u == v) return;
        if (next_[u] != kNone) break;
        u = parent(u);
      }
      u = next_[u];
    }
  }
  template <typename Enter>
  void ForSubtree(uint32_t v, Enter enter) const {
    ForSubtree(v, enter, [](uint32_t) {});
  }
  // Calls visit(c) for each vertex that is stored against v.
  template <typename Visit>
  void ForChildren(uint32_t v, Visit visit) const {
    for (uint32_t c = child_[v]; c != kNone; c = next_[c]) visit(c);
  }

 private:
  static constexpr uint32_t kNone = UINT32_MAX;

  void Link(uint32_t v);
  void Unlink(uint32_t v);
  // Sets depth and costs of v by its edge, and what follows for its groups.
  void SetCosts(uint32_t v);
  void SettleGroups();

  const StorageGraph& graph_;
  const bool is_sum_;
  ArchivalPlan plan_;
  Adjacency groups_by_vertex_;
  std::vector<uint32_t> child_, next_, previous_;  // kNone where there is none.
  std::vector<uint32_t> depth_;
  std::vector<double> whole_, high_;
  std::vector<double> groups_;
  std::vector<uint32_t> lowered_;  // Groups whose largest member may have become less.
  double storage_ = 0;
};

// Moves vertices to edges by which they, and so all that is stored against them, cost less to
// recreate; with `keeps_storage` only to edges that store no more. Ends when no move is left, or
// after some steps for each vertex, so the result is not always the least.
void LowerRecreation(const Adjacency& by_target, bool keeps_storage, PlanTree* tree);

}  // namespace mh

#endif  // MH_ARCHIVAL_PLAN_TREE_H_
