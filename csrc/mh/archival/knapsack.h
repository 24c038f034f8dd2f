// The multiple-choice knapsack: of each item one option, as cheap as fits a capacity.
#ifndef MH_ARCHIVAL_KNAPSACK_H_
#define MH_ARCHIVAL_KNAPSACK_H_

#include <cstdint>
#include <span>
#include <vector>

namespace mh {

struct KnapsackOption {
  double cost = 0;
  double weight = 0;
  uint32_t name = 0;  // The caller's.
};

// Branch and bound over the linear relaxation (Sinha and Zoltners, 1979). Keeps its memory.
class Knapsack {
 public:
  // Items are runs of options: item i has options [begin[i], begin[i + 1]). Writes the name of the
  // option taken of each item to *taken and returns a lower bound on the least cost: the least cost
  // itself unless `nodes_max` was reached. If nothing fits, takes what weighs least; the bound is
  // then infinite.
  double Solve(std::span<const KnapsackOption> options, std::span<const uint32_t> begin,
               double capacity, int nodes_max, std::vector<uint32_t>* taken);

 private:
  struct Step {  // From one option of an item's lower hull to the next: heavier and cheaper.
    double gain = 0;
    double weight = 0;
    uint32_t item = 0;    // In the order of branching.
    uint32_t option = 0;  // What it leads to.
  };
  void Prepare(std::span<const KnapsackOption> options, std::span<const uint32_t> begin);
  void AddSteps(uint32_t place);
  void Begin(double room);  // With what the steps give, taken while they fit.
  double Relaxed(size_t from, double room) const;
  void Branch(size_t item, double cost, double room);

  std::vector<KnapsackOption> kept_;  // Options worth taking: heavier ones are cheaper.
  std::vector<uint32_t> kept_begin_;
  std::vector<uint32_t> order_;       // Items with the greatest span of weights first.
  std::vector<double> least_weight_;  // Of the items from here on in that order.
  std::vector<double> base_cost_;     // Of their lightest options.
  std::vector<uint32_t> hull_;
  std::vector<Step> steps_;  // By gain for weight.
  std::vector<uint32_t> chosen_, best_;
  double best_cost_ = 0;
  int nodes_left_ = 0;
  double unexplored_ = 0;  // Least bound of what was left out for want of nodes.
};

}  // namespace mh

#endif  // MH_ARCHIVAL_KNAPSACK_H_
