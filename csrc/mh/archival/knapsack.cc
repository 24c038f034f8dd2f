#include "mh/archival/knapsack.h"

#include <algorithm>
#include <limits>
#include <numeric>

namespace mh {

namespace {
constexpr double kInfinity = std::numeric_limits<double>::infinity();
// Weights are sums of a few doubles; what differs by less is the same.
constexpr double kSlack = 1e-12;
}  // namespace

void Knapsack::Prepare(std::span<const KnapsackOption> options, std::span<const uint32_t> begin) {
  const size_t items = begin.size() - 1;
  kept_.clear();
  kept_begin_.assign(1, 0);
  order_.resize(items);
  std::iota(order_.begin(), order_.end(), 0U);
  std::vector<double> span(items);
  for (size_t i = 0; i < items; i++) {
    const auto own = options.subspan(begin[i], begin[i + 1] - begin[i]);
    double low = kInfinity, high = 0;
    for (const KnapsackOption& option : own) {
      low = std::min(low, option.weight);
      high = std::max(high, option.weight);
    }
    span[i] = high - low;
  }
  std::stable_sort(order_.begin(), order_.end(),
                   [&](uint32_t a, uint32_t b) { return span[a] > span[b]; });
  steps_.clear();
  for (size_t place = 0; place < items; place++) {
    const uint32_t i = order_[place];
    const size_t first = kept_.size();
    kept_.insert(kept_.end(), options.begin() + begin[i], options.begin() + begin[i + 1]);
    const auto own = kept_.begin() + static_cast<ptrdiff_t>(first);
    std::sort(own, kept_.end(), [](const KnapsackOption& a, const KnapsackOption& b) {
      return a.weight != b.weight ? a.weight < b.weight : a.cost < b.cost;
    });
    size_t end = first + 1;
    for (size_t k = first + 1; k < kept_.size(); k++) {
      if (kept_[k].cost < kept_[end - 1].cost) kept_[end++] = kept_[k];
    }
    kept_.resize(end);
    kept_begin_.push_back(static_cast<uint32_t>(end));
    // The lower convex hull of what is left, as steps.
    std::vector<size_t> hull;
    for (size_t k = first; k < end; k++) {
      while (hull.size() >= 2) {
        const KnapsackOption &a = kept_[hull[hull.size() - 2]], &b = kept_[hull.back()];
        if ((a.cost - b.cost) * (kept_[k].weight - a.weight) >
            (a.cost - kept_[k].cost) * (b.weight - a.weight)) {
          break;
        }
        hull.pop_back();
      }
      hull.push_back(k);
    }
    for (size_t k = 1; k < hull.size(); k++) {
      const KnapsackOption &a = kept_[hull[k - 1]], &b = kept_[hull[k]];
      steps_.push_back({a.cost - b.cost, b.weight - a.weight, static_cast<uint32_t>(place),
                        static_cast<uint32_t>(hull[k])});
    }
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
