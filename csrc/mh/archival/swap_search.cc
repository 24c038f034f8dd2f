#include <limits>
#include <utility>

#include "mh/archival/solvers.h"
#include "mh/archival/swap_gain.h"

namespace mh {
namespace {

// A swap: what it gains for each unit that it stores more (infinite if it stores no more), and in
// all.
struct Swap {
  double rate = 0, gain = 0;
  uint32_t edge = kNoEdge;

  bool IsBetterThan(const Swap& other) const {
    return rate != other.rate ? rate > other.rate : gain > other.gain;
  }
};

// The best swap of each vertex, and of all: a tournament.
class Tournament {
 public:
  explicit Tournament(uint32_t vertices) {
    while (leaves_ < vertices) leaves_ *= 2;
    winner_.assign(2 * leaves_, 0);
    swaps_.resize(vertices);
    for (size_t v = 0; v < leaves_; v++) {
      winner_[leaves_ + v] = v < vertices ? static_cast<uint32_t>(v) : kNobody;
    }
    for (size_t node = leaves_ - 1; node > 0; node--) Play(node);
  }

  const Swap& best() const { return swaps_[winner_[1]]; }

  void Set(uint32_t v, const Swap& swap) {
    swaps_[v] = swap;
    for (size_t node = (leaves_ + v) / 2; node > 0; node /= 2) Play(node);
  }

 private:
  static constexpr uint32_t kNobody = UINT32_MAX;

  void Play(size_t node) {
    const uint32_t a = winner_[2 * node], b = winner_[2 * node + 1];
    winner_[node] = b != kNobody && swaps_[b].IsBetterThan(swaps_[a]) ? b : a;
  }

  size_t leaves_ = 2;
  std::vector<uint32_t> winner_;  // Of each node, the vertex.
  std::vector<Swap> swaps_;
};

class Search {
 public:
  Search(const Adjacency& by_source, const Adjacency& by_target, PlanTree* tree)
      : graph_(tree->graph()),
        by_source_(by_source),
        by_target_(by_target),
        tree_(tree),
        gain_(tree),
        tournament_(graph_.vertices),
        judged_(graph_.vertices, 0) {}

  void Run() {
    if (!gain_.any_above()) return;
    for (uint32_t v = 1; v < graph_.vertices; v++) tournament_.Set(v, BestOf(v));
    while (gain_.any_above() && tournament_.best().edge != kNoEdge) {
      Take(tournament_.best().edge);
    }
  }

 private:
  Swap BestOf(uint32_t v) {
    Swap best;
    if (!gain_.Prepare(v)) return best;
    for (const uint32_t e : by_target_.of(v)) {
      Swap swap = {0, gain_.Of(e), e};
      if (swap.gain <= 0) continue;
      const double more = graph_.storage[e] - graph_.storage[tree_->edge(v)];
      swap.rate = more > 0 ? swap.gain / more : std::numeric_limits<double>::infinity();
      if (swap.IsBetterThan(best) && !tree_->InSubtree(v, graph_.source[e])) best = swap;
    }
    return best;
  }

  void Take(uint32_t e) {
    changed_.clear();
    gain_.Swap(e, &changed_);
    // In the subtree the cost of each has changed, so what it gains from any edge has, and what its
    // edges are worth to others.
    tree_->ForSubtree(graph_.target[e], [&](uint32_t u) {
      changed_.push_back(u);
      for (const uint32_t out : by_source_.of(u)) changed_.push_back(graph_.target[out]);
    });
    round_++;
    for (const uint32_t v : changed_) {
      if (judged_[v] == round_) continue;
      judged_[v] = round_;
      tournament_.Set(v, BestOf(v));
    }
  }

  const StorageGraph& graph_;
  const Adjacency &by_source_, &by_target_;
  PlanTree* const tree_;
  SwapGain gain_;
  Tournament tournament_;
  std::vector<uint32_t> changed_;
  std::vector<uint64_t> judged_;  // The round in which each vertex was looked at last.
  uint64_t round_ = 0;
};

}  // namespace

void SwapTowardsBudgets(const Adjacency& by_source, const Adjacency& by_target, PlanTree* tree) {
  Search(by_source, by_target, tree).Run();
}

}  // namespace mh
