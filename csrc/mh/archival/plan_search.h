// Local search among the plans that keep every budget.
#ifndef MH_ARCHIVAL_PLAN_SEARCH_H_
#define MH_ARCHIVAL_PLAN_SEARCH_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "mh/archival/graph.h"
#include "mh/archival/knapsack.h"
#include "mh/archival/plan_tree.h"
#include "mh/archival/spanning.h"

namespace mh {

// A plan that keeps its budgets, and moves that keep it so: a *move* stores one vertex by another
// edge. Deterministic: the same graph and plan give the same answer.
class PlanSearch {
 public:
  // REQUIRES: graph.Check().ok(), not kReusable; `in` are its edges by target.
  PlanSearch(const StorageGraph& graph, const Adjacency& in, const RecreationBounds& least);

  // Begins from a spanning tree that keeps the budgets.
  void Start(const ArchivalPlan& plan);

  // Part of a graph: vertices, and the groups with one of them.
  struct Region {
    std::vector<uint32_t> vertices, groups;
  };
  // All of it; and cut into pieces of about `vertices`, near each other by edges and groups.
  Region Everything() const;
  std::vector<Region> Regions(size_t vertices) const;

  // Takes moves that save storage until there is none, or `sweeps` times over the region.
  void Descend(const Region& region, int sweeps);

  // Exchanges, regroups and descends until hardly anything is saved, `rounds` times at most.
  // An exchange chooses the edges of a whole group anew, as far as others allow: a knapsack. A
  // regrouping makes a vertex a base of many, lets it take the place of its base, or frees it of
  // those that lean on it.
  void Polish(const Region& region, int rounds);

  // Simulated annealing (Kirkpatrick, Gelatt and Vecchi, 1983): `moves` random ones, with budgets
  // as penalties that grow, then Polish. Temperatures are shares of what the largest vertex of a
  // group takes alone. Keeps what came out if it stores less; returns whether it did.
  bool Anneal(const Region& region, uint64_t moves, double hottest, double coldest, uint64_t seed);

  double storage() const { return tree_->storage(); }
  const ArchivalPlan& plan() const { return tree_->plan(); }

 private:
  void Spread(uint32_t v, uint32_t e);  // Fills below_ and touched_.
  bool Fits(uint32_t v, uint32_t e);
  double Penalty(uint32_t v, uint32_t e);
  void Wander(const Region& region, uint64_t moves, double hottest, double coldest, uint64_t seed);
  double Limit(size_t g) const;  // A group's budget, and what counts as none above it.
  bool IsOver(size_t g) const;
  bool KeepBudgets();
  void SetRates(const RecreationBounds& least);
  bool Try(uint32_t v, uint32_t e);  // Moves if that keeps the budgets and is no circle.
  bool TakeCheapest(uint32_t v, double storage_max, uint32_t but);
  void Move(uint32_t e);
  void Undo(size_t mark);
  void ExchangeAll(const Region& region);
  void Regroup(const Region& region);
  bool Exchange(size_t g);
  uint32_t CheapestToRecreate(uint32_t v, uint32_t but) const;
  bool Promote(uint32_t v);
  bool Demote(uint32_t v);
  bool Replace(uint32_t v);

  const StorageGraph& graph_;
  const Adjacency& in_;
  const Adjacency out_;
  std::vector<double> limit_;   // Of each vertex's recreation cost.
  std::vector<double> scale_;   // What each vertex takes alone.
  std::vector<double> rate_;    // Of each group, or in kParallel vertex: storage for recreation.
  std::vector<double> warmth_;  // Of each vertex: the scale of its temperature.
  std::unique_ptr<PlanTree> tree_;
  std::vector<uint32_t> log_;  // The edges that moves have replaced, while logging_.
  bool logging_ = false;
  std::vector<uint32_t> changed_groups_;  // Whose costs Wander has raised.
  std::vector<uint8_t> is_changed_;

  // Scratch.
  Knapsack knapsack_;
  std::vector<KnapsackOption> options_;
  std::vector<uint32_t> option_begin_, taken_;
  struct Visit {
    uint32_t vertex;
    double whole, high;  // By how much it changes.
  };
  std::vector<Visit> below_;
  std::vector<uint32_t> touched_, raised_, candidates_, neighbours_;
  std::vector<double> group_change_;
};

}  // namespace mh

#endif  // MH_ARCHIVAL_PLAN_SEARCH_H_
