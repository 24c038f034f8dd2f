#include "mh/archival/plan_search.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "mh/archival/limits.h"

namespace mh {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
// Sums of doubles in different orders: budgets are kept to this share of them, which is stricter
// than Allowed(), so that what drifts while searching still keeps them.
constexpr double kSlack = 1e-10;
// A move of a vertex with more than so many below it is not looked at: a search takes many moves,
// and large trees near the root hardly ever move.
constexpr size_t kBelowMax = 4096;
// A vertex is not freed of more than so many that lean on it.
constexpr size_t kChildrenMax = 64;
// Groups of more vertices are not exchanged as a whole.
constexpr size_t kExchangeMax = 512;
constexpr int kNodesMax = 400;
constexpr int kPolishRounds = 4;
// A round that saves less is the last.
constexpr double kPolished = 1e-5;
// What exceeds a budget counts so many times what it takes to store as much, at first and at last.
constexpr double kPenaltyFirst = 0.5, kPenaltyLast = 8;
// Savings below that share of what a vertex takes are rounding.
constexpr double kNothing = 1e-9;

// SplitMix64 (Steele, Lea and Flood, 2014).
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t Next() {
    uint64_t z = (state_ += 0x9E3779B97F4A7C15U);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
    return z ^ (z >> 31);
  }
  uint32_t Below(uint64_t n) {
    return static_cast<uint32_t>((static_cast<unsigned __int128>(Next()) * n) >> 64);
  }
  double Unit() { return static_cast<double>(Next() >> 11) * 0x1p-53; }

 private:
  uint64_t state_;
};

}  // namespace

PlanSearch::PlanSearch(const StorageGraph& graph, const Adjacency& in,
                       const RecreationBounds& least)
    : graph_(graph), in_(in), out_(EdgesBySource(graph)) {
  limit_ = VertexLimits(graph, least, kSlack);
  scale_.assign(graph.vertices, 0);
  for (size_t e = 0; e < graph.edges(); e++) {
    const uint32_t v = graph.target[e];
    if (graph.source[e] == kEmptyVertex) scale_[v] = std::max(scale_[v], graph.storage[e]);
  }
  group_change_.assign(graph.groups(), 0);
  is_changed_.assign(graph.groups(), 0);
  SetRates(least);
}

void PlanSearch::SetRates(const RecreationBounds& least) {
  warmth_ = scale_;
  const bool parallel = graph_.scheme == RetrievalScheme::kParallel;
  rate_.assign(parallel ? graph_.vertices : graph_.groups(), 0);
  for (size_t g = 0; g < graph_.groups(); g++) {
    double most = 0, storage = 0, recreation = 0;
    for (const uint32_t v : graph_.group(g)) {
      most = std::max(most, scale_[v]);
      storage += scale_[v];
      recreation += least.whole[v];
      if (parallel && least.whole[v] > 0) rate_[v] = scale_[v] / least.whole[v];
    }
    for (const uint32_t v : graph_.group(g)) warmth_[v] = std::max(warmth_[v], most);
    if (!parallel && recreation > 0) rate_[g] = storage / recreation;
  }
}

void PlanSearch::Start(const ArchivalPlan& plan) {
  tree_ = std::make_unique<PlanTree>(graph_, plan);
}

// What changes in the tree below v, v first, and by how much the costs of groups do. Ends early
// where more than kBelowMax vertices do.
void PlanSearch::Spread(uint32_t v, uint32_t e) {
  const double whole = tree_->RecreationBy(e) - tree_->recreation(v);
  const double high = tree_->HighRecreationBy(e) - tree_->high_recreation(v);
  const bool parallel = graph_.scheme == RetrievalScheme::kParallel;
  below_.clear();
  below_.push_back({v, whole, high});
  for (size_t i = 0; i < below_.size() && below_.size() <= kBelowMax; i++) {
    const Visit own = below_[i];
    if (own.whole != 0 && !parallel) {
      for (const uint32_t g : tree_->groups_of(own.vertex)) {
        if (group_change_[g] == 0) touched_.push_back(g);
        group_change_[g] += own.whole;
      }
    }
    tree_->ForChildren(own.vertex, [&](uint32_t c) {
      const double passed = graph_.is_from_high(tree_->edge(c)) ? own.high : own.whole;
      if (passed != 0 || own.high != 0) below_.push_back({c, passed, own.high});
    });
  }
}

bool PlanSearch::Fits(uint32_t v, uint32_t e) {
  if (tree_->RecreationBy(e) <= tree_->recreation(v) &&
      tree_->HighRecreationBy(e) <= tree_->high_recreation(v)) {
    return true;
  }
  Spread(v, e);
  bool fits = below_.size() <= kBelowMax;
  for (const Visit& own : below_) {
    if (own.whole > 0 && tree_->recreation(own.vertex) + own.whole > limit_[own.vertex]) {
      fits = false;
      break;
    }
  }
  for (const uint32_t g : touched_) {
    const double after = tree_->group_cost(g) + group_change_[g];
    if (group_change_[g] > 0 && after > Limit(g)) fits = false;
    group_change_[g] = 0;
  }
  touched_.clear();
  return fits;
}

// By how much more the budgets are exceeded, in storage.
double PlanSearch::Penalty(uint32_t v, uint32_t e) {
  raised_.clear();
  Spread(v, e);
  double penalty = below_.size() <= kBelowMax ? 0 : kInfinity;
  const auto over = [](double cost, double limit) { return std::max(0.0, cost - limit); };
  if (graph_.scheme == RetrievalScheme::kParallel) {
    for (const Visit& own : below_) {
      const double cost = tree_->recreation(own.vertex), limit = limit_[own.vertex];
      if (own.whole > 0) {
        for (const uint32_t g : tree_->groups_of(own.vertex)) raised_.push_back(g);
      }
      penalty += rate_[own.vertex] * (over(cost + own.whole, limit) - over(cost, limit));
    }
  }
  for (const uint32_t g : touched_) {
    const double cost = tree_->group_cost(g), limit = Limit(g);
    penalty += rate_[g] * (over(cost + group_change_[g], limit) - over(cost, limit));
    if (group_change_[g] > 0) raised_.push_back(g);
    group_change_[g] = 0;
  }
  touched_.clear();
  return penalty;
}

void PlanSearch::Move(uint32_t e) {
  if (logging_) log_.push_back(tree_->edge(graph_.target[e]));
  tree_->Reparent(e);
}

bool PlanSearch::Try(uint32_t v, uint32_t e) {
  const double whole = tree_->RecreationBy(e);
  if (whole > limit_[v] && whole > tree_->recreation(v)) return false;
  if (tree_->InSubtree(v, graph_.source[e]) || !Fits(v, e)) return false;
  Move(e);
  return true;
}

// Stores v by the cheapest edge below `storage_max` that fits and does not come from `but`.
bool PlanSearch::TakeCheapest(uint32_t v, double storage_max, uint32_t but) {
  candidates_.clear();
  for (const uint32_t e : in_.of(v)) {
    if (graph_.storage[e] < storage_max && graph_.source[e] != but) candidates_.push_back(e);
  }
  std::sort(candidates_.begin(), candidates_.end(),
            [&](uint32_t a, uint32_t b) { return graph_.storage[a] < graph_.storage[b]; });
  for (const uint32_t e : candidates_) {
    if (Try(v, e)) return true;
  }
  return false;
}

PlanSearch::Region PlanSearch::Everything() const {
  Region all;
  for (uint32_t v = 1; v < graph_.vertices; v++) all.vertices.push_back(v);
  for (uint32_t g = 0; g < graph_.groups(); g++) all.groups.push_back(g);
  return all;
}

std::vector<PlanSearch::Region> PlanSearch::Regions(size_t vertices) const {
  std::vector<Region> regions;
  std::vector<uint8_t> seen(graph_.vertices, 0), group_seen(graph_.groups(), 0);
  std::vector<uint32_t> queue;
  const auto visit = [&](uint32_t v) {
    if (v != kEmptyVertex && seen[v] == 0) {
      seen[v] = 1;
      queue.push_back(v);
    }
  };
  for (uint32_t first = 1; first < graph_.vertices; first++) {
    if (seen[first] != 0) continue;
    Region region;
    queue.clear();
    visit(first);
    for (size_t i = 0; i < queue.size(); i++) {
      const uint32_t v = queue[i];
      region.vertices.push_back(v);
      for (const uint32_t g : tree_->groups_of(v)) {
        if (group_seen[g] != 0) continue;
        group_seen[g] = 1;
        region.groups.push_back(g);
        for (const uint32_t w : graph_.group(g)) visit(w);
      }
      if (queue.size() >= vertices) continue;
      for (const uint32_t e : in_.of(v)) visit(graph_.source[e]);
      for (const uint32_t e : out_.of(v)) visit(graph_.target[e]);
    }
    regions.push_back(std::move(region));
  }
  return regions;
}

void PlanSearch::Descend(const Region& region, int sweeps) {
  for (int sweep = 0; sweep < sweeps; sweep++) {
    bool moved = false;
    for (const uint32_t v : region.vertices) {
      const double now = graph_.storage[tree_->edge(v)];
      moved = TakeCheapest(v, now - kNothing * scale_[v], kNoEdge) || moved;
    }
    if (!moved) break;
  }
}

void PlanSearch::Wander(const Region& region, uint64_t moves, double hottest, double coldest,
                        uint64_t seed) {
  Random random(seed);
  constexpr int kSteps = 100;
  for (int step = 0; step < kSteps; step++) {
    const double share = step / (kSteps - 1.0);
    const double temperature = hottest * std::pow(coldest / hottest, share);
    const double strength = kPenaltyFirst * std::pow(kPenaltyLast / kPenaltyFirst, share);
    for (uint64_t i = moves / kSteps; i-- > 0;) {
      const uint32_t v = region.vertices[random.Below(region.vertices.size())];
      const auto edges = in_.of(v);
      const uint32_t e = edges[random.Below(edges.size())];
      if (e == tree_->edge(v)) continue;
      // The energy that is allowed, before what is dear to find out.
      const double allowed = -std::log(1 - random.Unit()) * temperature * warmth_[v];
      const double more = graph_.storage[e] - graph_.storage[tree_->edge(v)];
      const bool lowers = tree_->RecreationBy(e) < tree_->recreation(v);
      if ((more > allowed && !lowers) || tree_->InSubtree(v, graph_.source[e])) continue;
      if (more + strength * Penalty(v, e) > allowed) continue;
      for (const uint32_t g : raised_) {
        if (is_changed_[g] != 0) continue;
        is_changed_[g] = 1;
        changed_groups_.push_back(g);
      }
      Move(e);
    }
  }
}

bool PlanSearch::Anneal(const Region& region, uint64_t moves, double hottest, double coldest,
                        uint64_t seed) {
  const double before = storage();
  log_.clear();
  logging_ = true;
  Wander(region, moves, hottest, coldest, seed);
  bool better = KeepBudgets();
  if (better) {
    Polish(region, kPolishRounds);
    better = storage() < before;
  }
  if (!better) Undo(0);
  logging_ = false;
  log_.clear();
  return better;
}

double PlanSearch::Limit(size_t g) const { return graph_.budget[g] * (1 + kSlack); }

bool PlanSearch::IsOver(size_t g) const { return tree_->group_cost(g) > Limit(g); }

// Lowers what is over its budget, for as little storage as one move at a time finds.
bool PlanSearch::KeepBudgets() {
  bool kept = true;
  for (const uint32_t g : changed_groups_) {
    is_changed_[g] = 0;
    while (IsOver(g)) {
      uint32_t best = kNoEdge;
      double best_rate = kInfinity;
      for (const uint32_t v : graph_.group(g)) {
        for (const uint32_t e : in_.of(v)) {
          const double saved = tree_->recreation(v) - tree_->RecreationBy(e);
          if (saved <= 0 || tree_->HighRecreationBy(e) > tree_->high_recreation(v)) continue;
          const double rate = (graph_.storage[e] - graph_.storage[tree_->edge(v)]) / saved;
          if (rate < best_rate && !tree_->InSubtree(v, graph_.source[e])) {
            best = e;
            best_rate = rate;
          }
        }
      }
      if (best == kNoEdge) break;
      Move(best);
    }
    kept = kept && !IsOver(g);
  }
  changed_groups_.clear();
  return kept;
}

void PlanSearch::Undo(size_t mark) {
  for (; log_.size() > mark; log_.pop_back()) tree_->Reparent(log_.back());
}

// REQUIRES: logging_. Leaves no move behind if nothing is saved.
bool PlanSearch::Exchange(size_t g) {
  const auto members = graph_.group(g);
  if (!(graph_.budget[g] < kInfinity) || members.size() > kExchangeMax) return false;
  options_.clear();
  option_begin_.assign(1, 0);
  for (const uint32_t v : members) {
    for (const uint32_t e : in_.of(v)) {
      // What is there now is always one of the options.
      if (e != tree_->edge(v) &&
          (tree_->RecreationBy(e) > limit_[v] || tree_->InSubtree(v, graph_.source[e]))) {
        continue;
      }
      options_.push_back({graph_.storage[e], tree_->RecreationBy(e), e});
    }
    option_begin_.push_back(static_cast<uint32_t>(options_.size()));
  }
  knapsack_.Solve(options_, option_begin_, graph_.budget[g], kNodesMax, &taken_);
  const double before = storage();
  const size_t mark = log_.size();
  // What becomes cheaper to recreate makes room for the rest.
  for (const bool cheaper : {true, false}) {
    for (size_t i = 0; i < members.size(); i++) {
      const uint32_t v = members[i], e = taken_[i];
      if (e == tree_->edge(v)) continue;
      if ((tree_->RecreationBy(e) <= tree_->recreation(v)) == cheaper) Try(v, e);
    }
  }
  if (storage() < before - kNothing * before / graph_.vertices) return true;
  Undo(mark);
  return false;
}

void PlanSearch::ExchangeAll(const Region& region) {
  for (const uint32_t g : region.groups) Exchange(g);
}

// The edge by which v is cheapest to recreate, so that others may lean on it: no dearer than now,
// not from `but`; kNoEdge if there is none.
uint32_t PlanSearch::CheapestToRecreate(uint32_t v, uint32_t but) const {
  uint32_t best = kNoEdge;
  for (const uint32_t e : in_.of(v)) {
    const double whole = tree_->RecreationBy(e);
    if (graph_.source[e] == but || whole > tree_->recreation(v)) continue;
    if (best != kNoEdge && whole >= tree_->RecreationBy(best)) continue;
    if (!tree_->InSubtree(v, graph_.source[e])) best = e;
  }
  return best;
}

// Makes v a base of its neighbours.
bool PlanSearch::Promote(uint32_t v) {
  const double before = storage();
  const uint32_t best = CheapestToRecreate(v, kNoEdge);
  if (best == kNoEdge || tree_->RecreationBy(best) == tree_->recreation(v)) return false;
  if (!Try(v, best)) return false;
  for (const uint32_t e : out_.of(v)) {
    const uint32_t w = graph_.target[e];
    if (graph_.storage[e] >= graph_.storage[tree_->edge(w)] || Try(w, e)) continue;
    for (const uint32_t g : tree_->groups_of(w)) Exchange(g);
  }
  return storage() < before - kNothing * scale_[v];
}

// Frees v of those that lean on it, and lets it lean itself.
bool PlanSearch::Demote(uint32_t v) {
  if (tree_->IsLeaf(v)) return false;
  const double before = storage();
  neighbours_.clear();
  tree_->ForChildren(v, [&](uint32_t c) { neighbours_.push_back(c); });
  if (neighbours_.size() > kChildrenMax) return false;
  for (const uint32_t c : neighbours_) TakeCheapest(c, kInfinity, v);
  if (!TakeCheapest(v, graph_.storage[tree_->edge(v)], kNoEdge)) return false;
  for (const uint32_t c : neighbours_) {
    TakeCheapest(c, graph_.storage[tree_->edge(c)], kNoEdge);
  }
  return storage() < before - kNothing * scale_[v];
}

// Lets v take the place of the vertex that it is stored against: what leans on that one, and that
// one itself, lean on v.
bool PlanSearch::Replace(uint32_t v) {
  const double before = storage();
  const uint32_t old = graph_.source[tree_->edge(v)];
  if (old == kEmptyVertex) return false;
  neighbours_.clear();
  tree_->ForChildren(old, [&](uint32_t c) { neighbours_.push_back(c); });
  if (neighbours_.size() > kChildrenMax) return false;
  const uint32_t best = CheapestToRecreate(v, old);
  if (best == kNoEdge || !Try(v, best)) return false;
  for (const uint32_t e : out_.of(v)) {
    const uint32_t w = graph_.target[e];
    if (w != old && graph_.source[tree_->edge(w)] == old) Try(w, e);
  }
  if (!TakeCheapest(old, graph_.storage[tree_->edge(old)], kNoEdge)) return false;
  for (const uint32_t c : neighbours_) {
    TakeCheapest(c, graph_.storage[tree_->edge(c)], kNoEdge);
  }
  return storage() < before - kNothing * scale_[v];
}

void PlanSearch::Regroup(const Region& region) {
  for (const uint32_t v : region.vertices) {
    for (const auto change : {&PlanSearch::Promote, &PlanSearch::Replace, &PlanSearch::Demote}) {
      const size_t mark = log_.size();
      if (!(this->*change)(v)) Undo(mark);
    }
  }
}

void PlanSearch::Polish(const Region& region, int rounds) {
  const bool was_logging = logging_;
  for (int round = 0; round < rounds; round++) {
    const double before = storage();
    logging_ = true;
    ExchangeAll(region);
    Regroup(region);
    Descend(region, 4);
    if (!was_logging) log_.clear();
    if (storage() >= before * (1 - kPolished)) break;
  }
  logging_ = was_logging;
}

}  // namespace mh
