#include "mh/archival/knapsack.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>

namespace mh {

namespace {
constexpr double kInfinity = std::numeric_limits<double>::infinity();
// Weights are sums of a few doubles; what differs by less is the same.
constexpr double kSlack = 1e-12;

bool IsLess(double a, double a_next, double b, double b_next) {
  return a != b ? a < b : a_next < b_next;
}
}  // namespace

// Adds the lower convex hull of what is kept of the item that came last.
void Knapsack::AddSteps(uint32_t place) {
  hull_.clear();
  for (uint32_t k = kept_begin_[place]; k < kept_begin_[place + 1]; k++) {
    while (hull_.size() >= 2) {
      const KnapsackOption &a = kept_[hull_[hull_.size() - 2]], &b = kept_[hull_.back()];
      if ((a.cost - b.cost) * (kept_[k].weight - a.weight) >
          (a.cost - kept_[k].cost) * (b.weight - a.weight)) {
        break;
      }
      hull_.pop_back();
    }
    hull_.push_back(k);
  }
  for (size_t k = 1; k < hull_.size(); k++) {
    const KnapsackOption &a = kept_[hull_[k - 1]], &b = kept_[hull_[k]];
    steps_.push_back({a.cost - b.cost, b.weight - a.weight, place, hull_[k]});
  }
}

void Knapsack::Prepare(std::span<const KnapsackOption> options, std::span<const uint32_t> begin) {
  const size_t items = begin.size() - 1;
  kept_.clear();
  kept_begin_.assign(1, 0);
  order_.resize(items);
  std::iota(order_.begin(), order_.end(), 0U);
  std::vector<double> span(items);
  std::vector<std::pair<const KnapsackOption*, const KnapsackOption*>> ends(items);
  for (size_t i = 0; i < items; i++) {
    const KnapsackOption *lightest = &options[begin[i]], *cheapest = lightest;
    for (const KnapsackOption& option : options.subspan(begin[i], begin[i + 1] - begin[i])) {
      if (IsLess(option.weight, option.cost, lightest->weight, lightest->cost)) lightest = &option;
      if (IsLess(option.cost, option.weight, cheapest->cost, cheapest->weight)) cheapest = &option;
    }
    ends[i] = {lightest, cheapest};
    span[i] = cheapest->weight - lightest->weight;
  }
  std::stable_sort(order_.begin(), order_.end(),
                   [&](uint32_t a, uint32_t b) { return span[a] > span[b]; });
  steps_.clear();
  for (size_t place = 0; place < items; place++) {
    const uint32_t i = order_[place];
    const size_t first = kept_.size();
    const auto [lightest, cheapest] = ends[i];
    // Most are dearer than the lightest or heavier than the cheapest: not worth sorting.
    kept_.push_back(*lightest);
    for (const KnapsackOption& option : options.subspan(begin[i], begin[i + 1] - begin[i])) {
      if (option.cost < lightest->cost && option.weight < cheapest->weight) {
        kept_.push_back(option);
      }
    }
    if (cheapest->cost < lightest->cost) kept_.push_back(*cheapest);
    std::sort(kept_.begin() + static_cast<ptrdiff_t>(first), kept_.end(),
              [](const KnapsackOption& a, const KnapsackOption& b) {
                return IsLess(a.weight, a.cost, b.weight, b.cost);
              });
    size_t end = first + 1;
    for (size_t k = first + 1; k < kept_.size(); k++) {
      if (kept_[k].cost < kept_[end - 1].cost) kept_[end++] = kept_[k];
    }
    kept_.resize(end);
    kept_begin_.push_back(static_cast<uint32_t>(end));
    AddSteps(static_cast<uint32_t>(place));
  }
  std::sort(steps_.begin(), steps_.end(),
            [](const Step& a, const Step& b) { return a.gain * b.weight > b.gain * a.weight; });
  least_weight_.assign(items + 1, 0);
  base_cost_.assign(items + 1, 0);
  for (size_t place = items; place-- > 0;) {
    const KnapsackOption& lightest = kept_[kept_begin_[place]];
    least_weight_[place] = least_weight_[place + 1] + lightest.weight;
    base_cost_[place] = base_cost_[place + 1] + lightest.cost;
  }
}

double Knapsack::Relaxed(size_t from, double room) const {
  double left = room - least_weight_[from];
  double cost = base_cost_[from];
  for (const Step& step : steps_) {
    if (step.item < from) continue;
    if (step.weight > left) return cost - step.gain * std::max(left, 0.0) / step.weight;
    left -= step.weight;
    cost -= step.gain;
  }
  return cost;
}

void Knapsack::Branch(size_t item, double cost, double room) {
  if (item + 1 == kept_begin_.size()) {
    if (cost < best_cost_) {
      best_cost_ = cost;
      best_ = chosen_;
    }
    return;
  }
  const double bound = cost + Relaxed(item, room);
  if (bound >= best_cost_) return;
  if (nodes_left_-- <= 0) {
    unexplored_ = std::min(unexplored_, bound);
    return;
  }
  // The cheapest first: what fits of it is often the best.
  for (uint32_t k = kept_begin_[item + 1]; k-- > kept_begin_[item];) {
    const double left = room - kept_[k].weight;
    if (left < least_weight_[item + 1] * (1 - kSlack) - kSlack) continue;
    chosen_[item] = k;
    Branch(item + 1, cost + kept_[k].cost, left);
  }
}

void Knapsack::Begin(double room) {
  const size_t items = kept_begin_.size() - 1;
  best_.resize(items);
  chosen_.resize(items);
  for (size_t place = 0; place < items; place++) best_[place] = kept_begin_[place];
  best_cost_ = base_cost_[0];
  double left = room - least_weight_[0];
  // An item's steps come in the order of its hull; after one that does not fit, none of it.
  std::vector<bool> closed(items, false);
  for (const Step& step : steps_) {
    if (closed[step.item]) continue;
    if (step.weight > left) {
      closed[step.item] = true;
      continue;
    }
    left -= step.weight;
    best_cost_ -= step.gain;
    best_[step.item] = step.option;
  }
}

double Knapsack::Solve(std::span<const KnapsackOption> options, std::span<const uint32_t> begin,
                       double capacity, int nodes_max, std::vector<uint32_t>* taken) {
  const size_t items = begin.size() - 1;
  taken->resize(items);
  // Most often the cheapest options fit together.
  double cost = 0, weight = 0;
  for (size_t i = 0; i < items; i++) {
    const KnapsackOption* best = &options[begin[i]];
    for (uint32_t k = begin[i] + 1; k < begin[i + 1]; k++) {
      if (options[k].cost < best->cost) best = &options[k];
    }
    (*taken)[i] = best->name;
    cost += best->cost;
    weight += best->weight;
  }
  if (weight <= capacity) return cost;
  Prepare(options, begin);
  const double room = capacity * (1 + kSlack);
  Begin(room);
  nodes_left_ = nodes_max;
  unexplored_ = kInfinity;
  const bool fits = least_weight_[0] <= room;
  if (fits) Branch(0, 0, room);
  for (size_t place = 0; place < items; place++) {
    (*taken)[order_[place]] = kept_[best_[place]].name;
  }
  return fits ? std::min(best_cost_, unexplored_) : kInfinity;
}

}  // namespace mh
