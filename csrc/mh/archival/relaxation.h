// Lower bounds on the storage of any plan that keeps its budgets, by Lagrangian relaxation.
//
// The program relaxed: every vertex takes one edge; the path of a vertex is followed for two edges,
// from where on it costs at least the least recreation cost of the vertex that it comes from; the
// edges are a spanning tree. Relaxed, at a price each, are the budgets, that the second edge of a
// path is the one that its target takes, and that the tree's edges are those that the paths begin
// with. What is left falls apart: a minimum arborescence, and, with the budgets kept once more on
// these two edges, a multiple-choice knapsack for each group, which closes the gap that large
// vertices leave in a linear program. The prices climb by the volume algorithm (Barahona and Anbil,
// "The volume algorithm: producing primal solutions with a subgradient method", 2000).
//
// Any prices give a bound, so the search can end at any time.
#ifndef MH_ARCHIVAL_RELAXATION_H_
#define MH_ARCHIVAL_RELAXATION_H_

#include <cmath>
#include <vector>

#include "mh/archival/graph.h"
#include "mh/archival/knapsack.h"
#include "mh/archival/limits.h"
#include "mh/archival/spanning.h"

namespace mh {

class Relaxation {
 public:
  // REQUIRES: graph.Check().ok(), not kReusable. `least` are the graph's least costs.
  Relaxation(const StorageGraph& graph, const Adjacency& in, const RecreationBounds& least);

  // Climbs for `rounds` at most, towards `target`, the storage of a plan that is known.
  void Climb(double target, int rounds);

  // The best bound found so far.
  double bound() const { return best_bound_ - kRounding * std::abs(best_bound_); }
  // How much a round goes through.
  double size() const { return static_cast<double>(seconds_.size() + 20 * options_.size()); }

 private:
  static constexpr uint32_t kNone = UINT32_MAX;
  // Bounds are sums of millions of rounded doubles.
  static constexpr double kRounding = 1e-9;
  // An edge that a vertex may take, and the first of the two steps of its paths.
  struct Option {
    uint32_t edge;
    uint32_t hop;   // kNone from the empty vertex.
    double weight;  // What recreation costs at least by this edge.
  };
  // A vertex that paths come through: all second edges into it, each with a price.
  struct Hop {
    uint64_t begin;  // Into seconds_.
    uint32_t count;
  };
  struct Second {
    uint32_t slot;  // The option of the hop's vertex that this edge is.
    float cost;     // What recreation costs at least at the hop's vertex, by this edge.
  };

  void BuildOptions(const Adjacency& in, const RecreationBounds& least);
  void BuildHops(const RecreationBounds& least);
  void AddHops(uint32_t v, const RecreationBounds& least);
  double Evaluate();
  double TakeTree();
  double TakeEach();
  double TakeByGroup(size_t g);
  void Turn(double share);
  double Step(double length, bool apply);

  const StorageGraph& graph_;
  std::vector<double> limit_;           // Of each vertex's recreation cost in any plan that fits.
  std::vector<uint64_t> option_begin_;  // By vertex.
  std::vector<Option> options_;
  std::vector<Hop> hops_;
  std::vector<uint32_t> hop_target_;  // The vertex whose path it is.
  std::vector<Second> seconds_;
  // Rows: budgets that have a price. One for each group, or in kParallel for each vertex.
  std::vector<double> row_limit_, row_scale_;
  // Multipliers, or slopes by them.
  struct Prices {
    std::vector<double> row;    // Of budgets.
    std::vector<float> second;  // Of second edges.
    std::vector<double> share;  // By option: what of its cost the tree sees.
  };
  Prices now_, best_, direction_;
  Adjacency rows_of_;
  bool by_group_ = false;         // Every vertex is in one group at most: knapsacks are possible.
  std::vector<uint8_t> grouped_;  // By vertex: whether a knapsack takes its edge.

  // Of one evaluation.
  std::vector<double> price_;              // By vertex: of its recreation cost.
  std::vector<double> cost_;               // By option.
  std::vector<double> scale_;              // By vertex: of the prices of what leads into it.
  std::vector<uint32_t> cheapest_second_;  // By hop.
  std::vector<uint32_t> taken_, tree_;     // By vertex: an option.
  std::vector<uint32_t> taken_second_;     // By vertex, of seconds_; kNone from the empty one.
  struct Walk {
    uint32_t option, second;
  };
  std::vector<Walk> walks_;
  std::vector<uint32_t> slot_of_;  // By edge: an option.
  std::vector<double> path_;       // By hop: what its cheapest second edge costs.
  std::vector<double> row_use_;
  Knapsack knapsack_;
  std::vector<KnapsackOption> knapsack_options_;
  std::vector<uint32_t> knapsack_begin_, knapsack_taken_;
  double best_bound_ = 0;
};

}  // namespace mh

#endif  // MH_ARCHIVAL_RELAXATION_H_
