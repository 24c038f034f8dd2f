#include "mh/archival/plan_tree.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace mh {

PlanTree::PlanTree(const StorageGraph& graph, std::vector<double> assumed)
    : graph_(graph),
      is_sum_(graph.scheme != RetrievalScheme::kParallel),
      plan_(graph.vertices, kNoEdge),
      groups_by_vertex_(GroupsByVertex(graph)),
      child_(graph.vertices, kNone),
      next_(graph.vertices, kNone),
      previous_(graph.vertices, kNone),
      depth_(graph.vertices, 0),
      whole_(std::move(assumed)),
      groups_(GroupCosts(graph, whole_)) {
  whole_[kEmptyVertex] = 0;
  if (graph.segmented()) high_.assign(graph.vertices, 0.0);
}

PlanTree::PlanTree(const StorageGraph& graph, ArchivalPlan plan)
    : PlanTree(graph, std::vector<double>(graph.vertices, 0.0)) {
  plan_ = std::move(plan);
  for (uint32_t v = graph.vertices - 1; v > kEmptyVertex; v--) Link(v);
  ForSubtree(kEmptyVertex, [&](uint32_t v) {
    if (v == kEmptyVertex) return;
    const uint32_t u = parent(v);
    whole_[v] = RecreationBy(plan_[v]);
    if (!high_.empty()) high_[v] = HighRecreationBy(plan_[v]);
    depth_[v] = depth_[u] + 1;
  });
  Refresh();
}

void PlanTree::Refresh() {
  storage_ = 0;
  for (uint32_t v = 1; v < graph_.vertices; v++) {
    if (plan_[v] != kNoEdge) storage_ += graph_.storage[plan_[v]];
  }
  groups_ = GroupCosts(graph_, whole_);
}

bool PlanTree::InSubtree(uint32_t v, uint32_t u) const {
  while (depth_[u] > depth_[v]) u = parent(u);
  return u == v;
}

void PlanTree::Attach(uint32_t e) {
  const uint32_t v = graph_.target[e];
  assert(contains(graph_.source[e]) && !contains(v));
  plan_[v] = e;
  storage_ += graph_.storage[e];
  Link(v);
  SetCosts(v);
  SettleGroups();
}

size_t PlanTree::Reparent(uint32_t e) {
  const uint32_t v = graph_.target[e];
  assert(contains(v) && !InSubtree(v, graph_.source[e]));
  Unlink(v);
  storage_ += graph_.storage[e] - graph_.storage[plan_[v]];
  plan_[v] = e;
  Link(v);
  size_t concerned = 0;
  ForSubtree(v, [&](uint32_t u) {
    SetCosts(u);
    concerned++;
  });
  SettleGroups();
  return concerned;
}

void PlanTree::Link(uint32_t v) {
  const uint32_t u = parent(v);
  next_[v] = child_[u];
  previous_[v] = kNone;
  if (child_[u] != kNone) previous_[child_[u]] = v;
  child_[u] = v;
}

void PlanTree::Unlink(uint32_t v) {
  if (previous_[v] == kNone) {
    child_[parent(v)] = next_[v];
  } else {
    next_[previous_[v]] = next_[v];
  }
  if (next_[v] != kNone) previous_[next_[v]] = previous_[v];
}

void PlanTree::SetCosts(uint32_t v) {
  const double old_cost = whole_[v], cost = RecreationBy(plan_[v]);
  depth_[v] = depth_[parent(v)] + 1;
  whole_[v] = cost;
  if (!high_.empty()) high_[v] = HighRecreationBy(plan_[v]);
  if (cost == old_cost) return;
  for (const uint32_t g : groups_of(v)) {
    if (is_sum_) {
      groups_[g] += cost - old_cost;
    } else if (cost > groups_[g]) {
      groups_[g] = cost;
    } else if (old_cost >= groups_[g]) {
      lowered_.push_back(g);
    }
  }
}

void PlanTree::SettleGroups() {
  if (lowered_.empty()) return;
  std::sort(lowered_.begin(), lowered_.end());
  lowered_.erase(std::unique(lowered_.begin(), lowered_.end()), lowered_.end());
  for (const uint32_t g : lowered_) {
    groups_[g] = 0;
    for (const uint32_t v : graph_.group(g)) groups_[g] = std::max(groups_[g], whole_[v]);
  }
  lowered_.clear();
}

namespace {

// The edge that lowers its target most and makes nothing dearer; kNoEdge if there is none.
uint32_t BestLowering(const PlanTree& tree, std::span<const uint32_t> edges, bool keeps_storage) {
  const StorageGraph& graph = tree.graph();
  uint32_t best = kNoEdge;
  for (const uint32_t e : edges) {
    const uint32_t v = graph.target[e];
    const double cost = tree.RecreationBy(e);
    if (cost >= (best == kNoEdge ? tree.recreation(v) : tree.RecreationBy(best))) continue;
    if (keeps_storage && graph.storage[e] > graph.storage[tree.edge(v)]) continue;
    // The high segments of a leaf serve nobody else.
    if (!tree.IsLeaf(v) && tree.HighRecreationBy(e) > tree.high_recreation(v)) continue;
    if (!tree.InSubtree(v, graph.source[e])) best = e;
  }
  return best;
}

}  // namespace

void LowerRecreation(const Adjacency& by_target, bool keeps_storage, PlanTree* tree) {
  constexpr size_t kStepsPerVertex = 64;  // A chain could take its length of them.
  size_t steps_left = kStepsPerVertex * tree->graph().vertices;
  std::vector<uint32_t> order;
  order.reserve(tree->graph().vertices);
  bool has_moved = true;
  while (has_moved) {
    has_moved = false;
    order.clear();
    tree->ForSubtree(kEmptyVertex, [&](uint32_t v) { order.push_back(v); });
    // From the leaves up, so that what moves is small.
    for (; order.size() > 1; order.pop_back()) {
      const uint32_t e = BestLowering(*tree, by_target.of(order.back()), keeps_storage);
      if (e == kNoEdge) continue;
      const size_t concerned = tree->Reparent(e);
      if (concerned >= steps_left) return;
      steps_left -= concerned;
      has_moved = true;
    }
  }
}

}  // namespace mh
