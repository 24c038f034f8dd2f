// The matrix storage graph of Miao, Li, Davis and Deshpande (ICDE 2017, section IV-C): what can be
// stored against what, at which costs, and which vertices a budget holds together.
//
// Only numbers: nothing here knows of tensors or packs.
#ifndef MH_ARCHIVAL_GRAPH_H_
#define MH_ARCHIVAL_GRAPH_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "mh/base/status.h"

namespace mh {

// Vertex 0 is the empty matrix: an edge from it stores its target alone.
constexpr uint32_t kEmptyVertex = 0;
constexpr uint32_t kNoEdge = UINT32_MAX;

// What recreating a group costs: the sum over its members of the costs of their paths from the
// empty vertex, the largest of them, or the sum over the edges of all paths, each edge once.
enum class RetrievalScheme { kIndependent, kParallel, kReusable };

// A view of arrays that the caller holds. Several edges between two vertices are options (a codec,
// a tier). A vertex may be in several groups.
//
// Recreating the target of an edge costs what its source costs plus `recreation`. With segments
// (`high` not empty) the high segments of the target can be had alone for those of the source plus
// `high`; an edge with `from_high` needs no more than the high segments of its source: a bfloat16
// copy of float32 weights is one.
struct StorageGraph {
  uint32_t vertices = 1;
  std::span<const uint32_t> source, target;
  std::span<const double> storage, recreation;
  std::span<const double> high;           // Empty, or one for each edge.
  std::span<const uint8_t> from_high;     // Empty, or one for each edge: 0 or 1.
  std::span<const uint64_t> group_begin;  // One more than there are groups, ascending, from 0.
  std::span<const uint32_t> members;
  std::span<const double> budget;  // One for each group; infinity where there is none.
  RetrievalScheme scheme = RetrievalScheme::kIndependent;

  size_t edges() const { return source.size(); }
  size_t groups() const { return group_begin.empty() ? 0 : group_begin.size() - 1; }
  bool segmented() const { return !high.empty(); }
  double high_of(size_t edge) const { return high.empty() ? 0.0 : high[edge]; }
  bool is_from_high(size_t edge) const { return !from_high.empty() && from_high[edge] != 0; }
  std::span<const uint32_t> group(size_t g) const {
    return members.subspan(group_begin[g], group_begin[g + 1] - group_begin[g]);
  }

  // kUsage: lengths that do not fit, a number out of range, a cost that is negative or not finite,
  // an edge into the empty vertex or from a vertex to itself, a vertex without an edge from the
  // empty one.
  Status Check() const;
};

// A plan: for each vertex the edge that it is stored by, kNoEdge for the empty one. It is a
// spanning tree rooted in the empty vertex.
using ArchivalPlan = std::vector<uint32_t>;

// Edges sorted by an end: edges of vertex v are order[begin[v]] to order[begin[v + 1]].
struct Adjacency {
  std::vector<uint64_t> begin;
  std::vector<uint32_t> order;
  std::span<const uint32_t> of(uint32_t v) const {
    return std::span<const uint32_t>(order).subspan(begin[v], begin[v + 1] - begin[v]);
  }
};
Adjacency EdgesByTarget(const StorageGraph& graph);
Adjacency EdgesBySource(const StorageGraph& graph);
// Groups of each vertex, in the same form.
Adjacency GroupsByVertex(const StorageGraph& graph);

struct PlanCosts {
  double storage = 0;
  std::vector<double> recreation;       // Of each vertex, whole.
  std::vector<double> high_recreation;  // Of its high segments; empty without segments.
  std::vector<double> groups;           // Of each group, by the scheme.
};
// kUsage: not a spanning tree.
Result<PlanCosts> EvaluatePlan(const StorageGraph& graph, const ArchivalPlan& plan);

// Sum over the plan's edges of what they store. REQUIRES: `plan` is a spanning tree.
double PlanStorage(const StorageGraph& graph, const ArchivalPlan& plan);
// Costs of the groups if recreating vertex v alone costs recreation[v]. REQUIRES: the scheme is not
// kReusable, which depends on the paths.
std::vector<double> GroupCosts(const StorageGraph& graph, std::span<const double> recreation);
// A budget is kept if the cost is not more than this above it: costs are sums of rounded numbers.
inline double Allowed(double budget) { return budget + 1e-9 * budget; }

}  // namespace mh

#endif  // MH_ARCHIVAL_GRAPH_H_
