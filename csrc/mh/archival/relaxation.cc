#include "mh/archival/relaxation.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace mh {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
// Costs are sums of doubles in other orders than a plan's: an edge is left out only if it is surely
// too dear.
constexpr double kSlack = 1e-9;
// Nodes of one group's branch and bound: enough for exact answers of some tens of vertices.
constexpr int kNodesMax = 400;
constexpr size_t kExactItemsMax = 64;
// Dearer than any plan, and small enough for sums of millions of them.
constexpr double kLeftOut = 1e280;
// The volume algorithm's numbers (Barahona and Anbil): how far a step goes of what Polyak's would,
// by how much that changes with what comes of it, and how much of a direction is new.
constexpr double kPaceFirst = 0.5, kPaceMax = 2, kFaster = 1.1, kSlower = 0.66;
constexpr double kMixFirst = 0.1, kMixLast = 0.01;
constexpr int kPatience = 20;  // Rounds without a better bound before the steps become smaller.

}  // namespace

Relaxation::Relaxation(const StorageGraph& graph, const Adjacency& in,
                       const RecreationBounds& least)
    : graph_(graph) {
  const uint32_t n = graph.vertices;
  limit_ = VertexLimits(graph, least, kSlack);
  const bool parallel = graph.scheme == RetrievalScheme::kParallel;
  const Adjacency groups_of = GroupsByVertex(graph);
  by_group_ = !parallel;
  for (uint32_t v = 1; v < n; v++) by_group_ = by_group_ && groups_of.of(v).size() <= 1;
  BuildOptions(in, least);
  if (parallel) {
    row_limit_ = limit_;
    rows_of_.begin.resize(n + 1);
    rows_of_.order.resize(n);
    for (uint32_t v = 0; v < n; v++) rows_of_.begin[v] = rows_of_.order[v] = v;
    rows_of_.begin[n] = n;
  } else {
    row_limit_.assign(graph.budget.begin(), graph.budget.end());
    rows_of_ = groups_of;
  }
  scale_.assign(n, 0);
  for (uint32_t v = 1; v < n; v++) {
    for (uint64_t k = option_begin_[v]; k < option_begin_[v + 1]; k++) {
      scale_[v] = std::max(scale_[v], graph.storage[options_[k].edge]);
    }
  }
  row_scale_.assign(row_limit_.size(), 0);
  for (uint32_t v = 1; v < n; v++) {
    for (const uint32_t row : rows_of_.of(v)) row_scale_[row] += scale_[v];
  }
  now_.row.assign(row_limit_.size(), 0);
  BuildHops(least);
  now_.second.assign(seconds_.size(), 0);
  price_.assign(n, 0);
  cost_.resize(options_.size());
  taken_.assign(n, kNone);
  taken_second_ = taken_;
  grouped_.assign(n, 0);
  for (size_t g = 0; by_group_ && g < graph.groups(); g++) {
    if (!(graph.budget[g] < kInfinity)) continue;
    for (const uint32_t v : graph.group(g)) grouped_[v] = 1;
  }
  // At first the tree sees all that is stored: the first bound is the least storage.
  now_.share.resize(options_.size());
  for (size_t k = 0; k < options_.size(); k++) now_.share[k] = graph.storage[options_[k].edge];
  tree_.assign(n, kNone);
  cheapest_second_.assign(hops_.size(), kNone);
  best_bound_ = -kInfinity;
  best_ = direction_ = now_;
}

void Relaxation::BuildOptions(const Adjacency& in, const RecreationBounds& least) {
  const uint32_t n = graph_.vertices;
  option_begin_.assign(n + 1, 0);
  options_.clear();
  for (uint32_t v = 1; v < n; v++) {
    option_begin_[v] = options_.size();
    for (const uint32_t e : in.of(v)) {
      const uint32_t u = graph_.source[e];
      const double before = graph_.is_from_high(e) ? least.high[u] : least.whole[u];
      const double weight = before + graph_.recreation[e];
      if (weight <= limit_[v]) options_.push_back({e, kNone, weight});
    }
  }
  option_begin_[n] = options_.size();
  option_begin_[0] = 0;
}

void Relaxation::BuildHops(const RecreationBounds& least) {
  slot_of_.assign(graph_.edges(), kNone);
  for (size_t k = 0; k < options_.size(); k++) {
    slot_of_[options_[k].edge] = static_cast<uint32_t>(k);
  }
  for (uint32_t v = 1; v < graph_.vertices; v++) AddHops(v, least);
}

void Relaxation::AddHops(uint32_t v, const RecreationBounds& least) {
  for (uint64_t k = option_begin_[v]; k < option_begin_[v + 1]; k++) {
    const uint32_t u = graph_.source[options_[k].edge];
    if (u == kEmptyVertex) continue;
    const bool high = graph_.is_from_high(options_[k].edge);
    double own = graph_.recreation[options_[k].edge];
    // One hop serves all options of the vertex that come the same way.
    for (uint64_t j = option_begin_[v]; j < k; j++) {
      if (graph_.source[options_[j].edge] == u && graph_.is_from_high(options_[j].edge) == high) {
        options_[k].hop = options_[j].hop;
      }
    }
    if (options_[k].hop != kNone) continue;
    for (uint64_t j = k + 1; j < option_begin_[v + 1]; j++) {
      if (graph_.source[options_[j].edge] == u && graph_.is_from_high(options_[j].edge) == high) {
        own = std::min(own, graph_.recreation[options_[j].edge]);
      }
    }
    Hop hop{seconds_.size(), 0};
    for (uint64_t j = option_begin_[u]; j < option_begin_[u + 1]; j++) {
      const uint32_t e = options_[j].edge;
      const uint32_t w = graph_.source[e];
      if (w == v) continue;
      const double cost = high ? least.high[w] + graph_.high_of(e) : options_[j].weight;
      if (cost + own > limit_[v]) continue;
      // Rounded down: the bound must stay one.
      float down = static_cast<float>(cost);
      if (static_cast<double>(down) > cost) down = std::nextafter(down, 0.0F);
      seconds_.push_back({slot_of_[e], down});
      hop.count++;
    }
    options_[k].hop = static_cast<uint32_t>(hops_.size());
    hops_.push_back(hop);
    hop_target_.push_back(v);
  }
}

double Relaxation::TakeEach() {
  double total = 0;
  for (uint32_t v = 1; v < graph_.vertices; v++) {
    if (grouped_[v] != 0) continue;
    double best = kInfinity;
    for (uint64_t k = option_begin_[v]; k < option_begin_[v + 1]; k++) {
      const uint32_t hop = options_[k].hop;
      const double cost = cost_[k] + (hop == kNone ? 0 : path_[hop]);
      if (cost >= best) continue;
      best = cost;
      taken_[v] = static_cast<uint32_t>(k);
      taken_second_[v] = hop == kNone ? kNone : cheapest_second_[hop];
    }
    total += best;
  }
  return total;
}

double Relaxation::TakeByGroup(size_t g) {
  knapsack_options_.clear();
  walks_.clear();
  knapsack_begin_.assign(1, 0);
  const auto members = graph_.group(g);
  const auto add = [&](double cost, double weight, uint64_t k, uint32_t second) {
    knapsack_options_.push_back({cost, weight, static_cast<uint32_t>(walks_.size())});
    walks_.push_back({static_cast<uint32_t>(k), second});
  };
  for (const uint32_t v : members) {
    for (uint64_t k = option_begin_[v]; k < option_begin_[v + 1]; k++) {
      const Option& option = options_[k];
      const double own = graph_.recreation[option.edge];
      if (option.hop == kNone) {
        add(cost_[k], own, k, kNone);
        continue;
      }
      const Hop& hop = hops_[option.hop];
      for (uint64_t i = hop.begin; i < hop.begin + hop.count; i++) {
        const double before = seconds_[i].cost;
        const double cost = cost_[k] + price_[v] * before + now_.second[i];
        add(cost, own + before, k, static_cast<uint32_t>(i));
      }
    }
    if (knapsack_options_.size() == knapsack_begin_.back()) return kInfinity;
    knapsack_begin_.push_back(static_cast<uint32_t>(knapsack_options_.size()));
  }
  const int nodes = members.size() <= kExactItemsMax ? kNodesMax : 0;
  const double bound = knapsack_.Solve(knapsack_options_, knapsack_begin_,
                                       graph_.budget[g] * (1 + kSlack), nodes, &knapsack_taken_);
  for (size_t i = 0; i < members.size(); i++) {
    const Walk& walk = walks_[knapsack_taken_[i]];
    taken_[members[i]] = walk.option;
    taken_second_[members[i]] = walk.second;
  }
  return bound;
}

// The arborescence that is cheapest by what of each option's cost is its share.
double Relaxation::TakeTree() {
  // Shifted so that the cheapest edge of each vertex costs nothing.
  std::vector<double> shifted(graph_.edges(), kLeftOut);
  double total = 0;
  for (uint32_t v = 1; v < graph_.vertices; v++) {
    double least = kInfinity;
    for (uint64_t k = option_begin_[v]; k < option_begin_[v + 1]; k++) {
      least = std::min(least, now_.share[k]);
    }
    for (uint64_t k = option_begin_[v]; k < option_begin_[v + 1]; k++) {
      shifted[options_[k].edge] = now_.share[k] - least;
    }
    total += least;
  }
  StorageGraph graph = graph_;
  graph.storage = shifted;
  const ArchivalPlan plan = MinimumStoragePlan(graph);
  for (uint32_t v = 1; v < graph_.vertices; v++) {
    total += shifted[plan[v]];
    tree_[v] = slot_of_[plan[v]];
    if (tree_[v] == kNone) return kInfinity;  // What no plan that fits would take.
  }
  return total;
}

double Relaxation::Evaluate() {
  for (uint32_t v = 1; v < graph_.vertices; v++) {
    double price = 0;
    for (const uint32_t row : rows_of_.of(v)) {
      if (row_limit_[row] < kInfinity) price += now_.row[row];
    }
    price_[v] = price;
  }
  for (size_t k = 0; k < options_.size(); k++) {
    cost_[k] = graph_.storage[options_[k].edge];
  }
  // What paths pay for their second edges is taken off the cost of these.
  for (size_t i = 0; i < seconds_.size(); i++) cost_[seconds_[i].slot] -= now_.second[i];
  path_.resize(hops_.size());
  for (size_t h = 0; h < hops_.size(); h++) {
    const double price = price_[hop_target_[h]];
    double best = kInfinity;
    uint32_t where = kNone;
    for (uint64_t i = hops_[h].begin; i < hops_[h].begin + hops_[h].count; i++) {
      const double cost = price * seconds_[i].cost + now_.second[i];
      if (cost < best) {
        best = cost;
        where = static_cast<uint32_t>(i);
      }
    }
    path_[h] = best;
    cheapest_second_[h] = where;
  }
  for (uint32_t v = 1; v < graph_.vertices; v++) {
    for (uint64_t k = option_begin_[v]; k < option_begin_[v + 1]; k++) {
      cost_[k] += price_[v] * graph_.recreation[options_[k].edge];
    }
  }
  for (size_t k = 0; k < now_.share.size(); k++) cost_[k] -= now_.share[k];
  double total = TakeEach();
  total += TakeTree();
  if (by_group_) {
    for (size_t g = 0; g < graph_.groups(); g++) {
      if (!graph_.group(g).empty() && graph_.budget[g] < kInfinity) total += TakeByGroup(g);
    }
  }
  for (size_t row = 0; row < row_limit_.size(); row++) {
    if (row_limit_[row] < kInfinity) total -= now_.row[row] * row_limit_[row];
  }
  return total;
}

// Mixes the slopes at what was taken last into the direction, with weight `share`.
void Relaxation::Turn(double share) {
  row_use_.assign(row_limit_.size(), 0);
  for (uint32_t v = 1; v < graph_.vertices; v++) {
    const Option& option = options_[taken_[v]];
    double use = graph_.recreation[option.edge];
    if (taken_second_[v] != kNone) use += seconds_[taken_second_[v]].cost;
    for (const uint32_t row : rows_of_.of(v)) row_use_[row] += use;
  }
  for (size_t row = 0; row < row_limit_.size(); row++) {
    const double limit = row_limit_[row];
    if (!(limit < kInfinity) || limit <= 0) continue;
    direction_.row[row] += share * (row_use_[row] / limit - 1 - direction_.row[row]);
  }
  const float part = static_cast<float>(share);
  for (float& slope : direction_.second) slope *= 1 - part;
  for (uint32_t v = 1; v < graph_.vertices; v++) {
    if (taken_second_[v] != kNone) direction_.second[taken_second_[v]] += part;
  }
  for (size_t i = 0; i < seconds_.size(); i++) {
    const uint32_t slot = seconds_[i].slot;
    if (taken_[graph_.target[options_[slot].edge]] == slot) direction_.second[i] -= part;
  }
  for (double& slope : direction_.share) slope *= 1 - share;
  for (uint32_t v = 1; v < graph_.vertices; v++) {
    direction_.share[tree_[v]] += share;
    direction_.share[taken_[v]] -= share;
  }
}

// Goes from the best prices in the direction; without `apply` only returns its squared length.
double Relaxation::Step(double length, bool apply) {
  double norm = 0;
  for (size_t row = 0; row < row_limit_.size(); row++) {
    const double limit = row_limit_[row], slope = direction_.row[row];
    if (!(limit < kInfinity) || limit <= 0) continue;
    const double old = best_.row[row];
    if (slope > 0 || old > 0) norm += row_scale_[row] * slope * slope;
    if (apply) now_.row[row] = std::max(0.0, old + length * row_scale_[row] * slope / limit);
  }
  for (size_t i = 0; i < seconds_.size(); i++) {
    const double slope = direction_.second[i], old = best_.second[i];
    const double scale = scale_[graph_.target[options_[seconds_[i].slot].edge]];
    if (slope > 0 || old > 0) norm += scale * slope * slope;
    if (apply) {
      now_.second[i] = static_cast<float>(std::max(0.0, old + length * scale * slope));
    }
  }
  for (size_t k = 0; k < direction_.share.size(); k++) {
    const double slope = direction_.share[k];
    const double scale = scale_[graph_.target[options_[k].edge]];
    norm += scale * slope * slope;
    if (apply) now_.share[k] = best_.share[k] + length * scale * slope;
  }
  return norm;
}

void Relaxation::Climb(double target, int rounds) {
  double pace = kPaceFirst, mix = kMixFirst;
  int waited = 0;
  for (int round = 0; round < rounds; round++) {
    const double bound = Evaluate();
    if (bound == kInfinity) break;  // Nothing fits: not for this to say.
    if (bound > best_bound_) {
      if (best_bound_ > -kInfinity) pace = std::min(pace * kFaster, kPaceMax);
      best_bound_ = bound;
      best_ = now_;
      waited = 0;
    } else if (++waited >= kPatience) {
      waited = 0;
      pace *= kSlower;
      mix = std::max(mix * kSlower, kMixLast);
    }
    Turn(round == 0 ? 1.0 : mix);
    const double norm = Step(0, false);
    if (norm <= 0) break;
    const double gap = std::max(target - best_bound_, 1e-6 * std::abs(target));
    Step(pace * gap / norm, true);
  }
}

}  // namespace mh
