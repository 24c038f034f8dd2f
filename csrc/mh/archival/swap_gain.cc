#include "mh/archival/swap_gain.h"

#include <algorithm>
#include <limits>

namespace mh {

SwapGain::SwapGain(PlanTree* tree)
    : tree_(tree),
      graph_(tree->graph()),
      is_sum_(graph_.scheme != RetrievalScheme::kParallel),
      is_above_(graph_.groups(), false),
      above_(graph_.vertices),
      all_(graph_.vertices),
      whole_mark_(is_sum_ ? 0 : graph_.vertices, 0),
      high_mark_(is_sum_ ? 0 : graph_.vertices, 0),
      group_mark_(graph_.groups(), 0),
      noted_mark_(graph_.vertices, 0) {
  for (size_t g = 0; g < graph_.groups(); g++) {
    is_above_[g] = tree_->group_cost(g) > Allowed(graph_.budget[g]);
    if (is_above_[g]) above_count_++;
    for (const uint32_t v : graph_.group(g)) {
      all_[v].whole++;
      if (is_above_[g]) above_[v].whole++;
    }
  }
  tree_->ForSubtree(
      kEmptyVertex, [](uint32_t) {},
      [&](uint32_t v) {
        if (v == kEmptyVertex) return;
        const bool is_from_high = graph_.is_from_high(tree_->edge(v));
        above_[tree_->parent(v)].Add(above_[v].Through(is_from_high), 1);
        all_[tree_->parent(v)].Add(all_[v].Through(is_from_high), 1);
      });
}

void SwapGain::MarkSubtree(uint32_t v) {
  mark_++;
  found_.clear();
  tree_->ForSubtree(v, [&](uint32_t u) {
    const bool is_whole =
        u == v || (!graph_.is_from_high(tree_->edge(u)) && whole_mark_[tree_->parent(u)] == mark_);
    (is_whole ? whole_mark_ : high_mark_)[u] = mark_;
    for (const uint32_t g : tree_->groups_of(u)) {
      if (!is_above_[g] || tree_->recreation(u) < tree_->group_cost(g)) continue;
      if (group_mark_[g] != mark_) found_.push_back(g);
      group_mark_[g] = mark_;
    }
  });
}

SwapGain::Peak SwapGain::PeakOf(uint32_t g) const {
  constexpr double kNobody = -std::numeric_limits<double>::infinity();
  Peak peak = {tree_->group_cost(g), kNobody, kNobody, kNobody};
  for (const uint32_t u : graph_.group(g)) {
    double& most = whole_mark_[u] == mark_  ? peak.whole
                   : high_mark_[u] == mark_ ? peak.high
                                            : peak.outside;
    most = std::max(most, tree_->recreation(u));
  }
  return peak;
}

bool SwapGain::Prepare(uint32_t v) {
  prepared_ = v;
  if (above_[v].whole + above_[v].high == 0) return false;
  if (is_sum_) return true;
  MarkSubtree(v);
  peaks_.clear();
  for (const uint32_t g : found_) {
    const Peak peak = PeakOf(g);
    if (peak.outside < peak.cost) peaks_.push_back(peak);
  }
  return !peaks_.empty();
}

double SwapGain::Of(uint32_t e) const {
  const uint32_t v = prepared_;
  // Less than this is rounding, and would be gained again and again.
  constexpr double kNothing = 1e-12;
  const auto saving = [](double before, double after) {
    return before - after > kNothing * before || after > before ? before - after : 0.0;
  };
  const double whole = saving(tree_->recreation(v), tree_->RecreationBy(e));
  const double high = saving(tree_->high_recreation(v), tree_->HighRecreationBy(e));
  if ((whole < 0 && all_[v].whole > 0) || (high < 0 && all_[v].high > 0)) return 0;
  if (whole <= 0 && high <= 0) return 0;
  if (is_sum_) {
    return static_cast<double>(above_[v].whole) * whole +
           static_cast<double>(above_[v].high) * high;
  }
  double gain = 0;
  for (const Peak& peak : peaks_) {
    gain += peak.cost - std::max({peak.outside, peak.whole - whole, peak.high - high});
  }
  return gain;
}

void SwapGain::Swap(uint32_t e, std::vector<uint32_t>* changed) {
  const uint32_t v = graph_.target[e];
  const Demand above = above_[v], all = all_[v];
  const auto hand_on = [&](int sign) {
    const bool is_from_high = graph_.is_from_high(tree_->edge(v));
    AddDemand(&above_, tree_->parent(v), above.Through(is_from_high), sign, nullptr);
    AddDemand(&all_, tree_->parent(v), all.Through(is_from_high), sign, nullptr);
    mark_++;
    Note(tree_->parent(v), changed);
  };
  hand_on(-1);
  tree_->Reparent(e);
  hand_on(1);
  found_.clear();
  tree_->ForSubtree(v, [&](uint32_t u) {
    for (const uint32_t g : tree_->groups_of(u)) {
      if (is_above_[g] && group_mark_[g] != mark_) found_.push_back(g);
      group_mark_[g] = mark_;
    }
  });
  for (const uint32_t g : found_) {
    if (tree_->group_cost(g) <= Allowed(graph_.budget[g])) {
      Leave(g, changed);
    } else if (!is_sum_) {
      NoteDearest(g, changed);
    }
  }
}

void SwapGain::Leave(uint32_t g, std::vector<uint32_t>* changed) {
  is_above_[g] = false;
  above_count_--;
  for (const uint32_t u : graph_.group(g)) AddDemand(&above_, u, Demand{1, 0}, -1, changed);
}

// Where a member hangs that is the dearest now, or has a smaller one after it.
void SwapGain::NoteDearest(uint32_t g, std::vector<uint32_t>* changed) {
  for (const uint32_t u : graph_.group(g)) {
    if (tree_->recreation(u) >= tree_->group_cost(g)) return Note(u, changed);
  }
}

void SwapGain::AddDemand(std::vector<Demand>* demand, uint32_t v, Demand amount, int sign,
                         std::vector<uint32_t>* changed) {
  for (; v != kEmptyVertex; v = tree_->parent(v)) {
    (*demand)[v].Add(amount, sign);
    if (changed != nullptr && noted_mark_[v] != mark_) {
      noted_mark_[v] = mark_;
      changed->push_back(v);
    }
    amount = amount.Through(graph_.is_from_high(tree_->edge(v)));
  }
}

void SwapGain::Note(uint32_t v, std::vector<uint32_t>* changed) {
  for (; v != kEmptyVertex && noted_mark_[v] != mark_; v = tree_->parent(v)) {
    noted_mark_[v] = mark_;
    changed->push_back(v);
  }
}

}  // namespace mh
