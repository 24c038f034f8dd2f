#include <numeric>
#include <utility>

#include "mh/archival/plan_tree.h"
#include "mh/archival/spanning.h"

namespace mh {
namespace {

constexpr uint32_t kNone = UINT32_MAX;

// Heaps of edges, least storage on top, that can be merged and lowered as a whole: skew heaps,
// whose nodes are the edges themselves. What is subtracted from a heap waits in its top node
// (`lazy`) and goes down when that node's children are touched.
class EdgeHeaps {
 public:
  explicit EdgeHeaps(const StorageGraph& graph)
      : recreation_(graph.recreation), nodes_(graph.edges()) {
    for (size_t e = 0; e < graph.edges(); e++) nodes_[e].key = graph.storage[e];
  }

  double key(uint32_t top) const { return nodes_[top].key; }

  void Subtract(uint32_t top, double amount) {
    if (top == kNone) return;
    nodes_[top].key -= amount;
    nodes_[top].lazy -= amount;
  }

  uint32_t Merge(uint32_t a, uint32_t b) {
    uint32_t top = kNone;
    uint32_t* place = &top;
    while (a != kNone && b != kNone) {
      if (Less(b, a)) std::swap(a, b);
      PushDown(a);
      *place = a;
      Node& node = nodes_[a];
      a = node.right;
      node.right = node.left;
      place = &node.left;
    }
    *place = a != kNone ? a : b;
    return top;
  }

  uint32_t Pop(uint32_t top) {
    PushDown(top);
    return Merge(nodes_[top].left, nodes_[top].right);
  }

 private:
  struct Node {
    double key = 0, lazy = 0;
    uint32_t left = kNone, right = kNone;
  };

  void PushDown(uint32_t a) {
    Node& node = nodes_[a];
    if (node.lazy == 0) return;
    Subtract(node.left, -node.lazy);
    Subtract(node.right, -node.lazy);
    node.lazy = 0;
  }
  bool Less(uint32_t a, uint32_t b) const {
    if (nodes_[a].key != nodes_[b].key) return nodes_[a].key < nodes_[b].key;
    if (recreation_[a] != recreation_[b]) return recreation_[a] < recreation_[b];
    return a < b;
  }

  std::span<const double> recreation_;
  std::vector<Node> nodes_;
};

// Each vertex takes its least edge, from an arbitrary one backwards, until the path meets what is
// connected to the root already. Where it meets itself the cycle becomes one node, whose edges cost
// what they cost more than the edge of the cycle that they would replace.
class Contraction {
 public:
  explicit Contraction(const StorageGraph& graph)
      : graph_(graph),
        heaps_(graph),
        node_count_(graph.vertices),
        top_(NodesMax(), kNone),
        joined_(NodesMax()),
        outer_(NodesMax(), kNone),
        in_(NodesMax(), kNoEdge),
        state_(NodesMax(), kNew) {
    std::iota(joined_.begin(), joined_.end(), 0);
    for (size_t i = 0; i < graph.edges(); i++) {
      const uint32_t e = static_cast<uint32_t>(i), v = graph.target[e];
      top_[v] = heaps_.Merge(top_[v], e);
    }
  }

  ArchivalPlan Plan() {
    state_[kEmptyVertex] = kDone;
    for (uint32_t v = 1; v < graph_.vertices; v++) {
      if (state_[Find(v)] == kNew) Grow(Find(v));
    }
    Expand();
    in_.resize(graph_.vertices);
    return std::move(in_);
  }

 private:
  enum State : uint8_t { kNew, kOnPath, kDone };

  size_t NodesMax() const { return 2 * size_t{graph_.vertices}; }

  // The outermost node that a node has become a part of.
  uint32_t Find(uint32_t node) {
    while (joined_[node] != node) {
      joined_[node] = joined_[joined_[node]];
      node = joined_[node];
    }
    return node;
  }

  void Grow(uint32_t start) {
    path_.assign(1, start);
    state_[start] = kOnPath;
    for (;;) {
      const uint32_t node = path_.back();
      // Edges within the node lead nowhere. One from the root is always left.
      while (Find(graph_.source[top_[node]]) == node) top_[node] = heaps_.Pop(top_[node]);
      in_[node] = top_[node];
      const uint32_t from = Find(graph_.source[in_[node]]);
      if (state_[from] == kDone) break;
      if (state_[from] == kNew) {
        state_[from] = kOnPath;
        path_.push_back(from);
      } else {
        Contract(from);
      }
    }
    for (const uint32_t node : path_) state_[node] = kDone;
  }

  // Makes one node of the end of the path, from `first` on.
  void Contract(uint32_t first) {
    const uint32_t outer = node_count_++;
    uint32_t heap = kNone, node = kNone;
    do {
      node = path_.back();
      path_.pop_back();
      const double cost = heaps_.key(top_[node]);
      const uint32_t rest = heaps_.Pop(top_[node]);
      heaps_.Subtract(rest, cost);
      heap = heaps_.Merge(heap, rest);
      outer_[node] = joined_[node] = outer;
    } while (node != first);
    top_[outer] = heap;
    state_[outer] = kOnPath;
    path_.push_back(outer);
  }

  // From the outermost nodes in: the edge into a node enters it at one vertex, and replaces there
  // the edge of the cycle. Every node is passed once.
  void Expand() {
    std::vector<bool> is_open(node_count_, false);
    for (uint32_t outer = node_count_ - 1; outer >= graph_.vertices; outer--) {
      if (is_open[outer]) continue;
      const uint32_t e = in_[outer];
      for (uint32_t node = graph_.target[e]; node != outer; node = outer_[node]) {
        in_[node] = e;
        is_open[node] = true;
      }
    }
  }

  const StorageGraph& graph_;
  EdgeHeaps heaps_;
  uint32_t node_count_;
  // Of each vertex, and of each node that a cycle became:
  std::vector<uint32_t> top_;     // Its heap of edges that lead into it.
  std::vector<uint32_t> joined_;  // A node that it became a part of, for Find.
  std::vector<uint32_t> outer_;   // The node that it became a part of.
  std::vector<uint32_t> in_;      // The edge taken.
  std::vector<State> state_;
  std::vector<uint32_t> path_;
};

}  // namespace

ArchivalPlan MinimumStoragePlan(const StorageGraph& graph) {
  PlanTree tree(graph, Contraction(graph).Plan());
  LowerRecreation(EdgesByTarget(graph), /*keeps_storage=*/true, &tree);
  return tree.plan();
}

}  // namespace mh
