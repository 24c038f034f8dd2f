#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "mh/codec/classes/classes_codec.h"

// Everything here is the writer's choice; no reader depends on it.

namespace mh {
namespace {

constexpr int kExponents = 256;
// Contexts that a table each is worth, of plain and of flagged groups. Each is a pass over the
// symbols: half of them save 5 % of the time and cost 0.1 points of a fine-tune, so `dense` alone
// has all.
constexpr int kPlainContexts = 6, kFlaggedContexts = 3;
constexpr int kPlainContextsFine = 12, kFlaggedContextsFine = 6;
// Where more than one in so many is all zero, those groups are flagged instead: they then cost and
// take nothing.
constexpr size_t kStillOneIn = 20;
// Rarer values, or fewer in the sample, are not worth a slot.
constexpr uint64_t kPopularOneIn = 1500;
constexpr uint32_t kPopularMin = 4;

struct Histogram {
  uint32_t count[kClassSymbolsMax] = {};
  uint32_t total = 0;
  void Add(const Histogram& other) {
    for (int i = 0; i < kClassSymbolsMax; i++) count[i] += other.count[i];
    total += other.total;
  }
};

// Bits that a histogram's symbols take with a table of their own, the table included.
double Cost(const Histogram& h, int symbols) {
  if (h.total == 0) return 0;
  double bits = 0;
  int used = 0;
  for (int i = 0; i < symbols; i++) {
    if (h.count[i] == 0) continue;
    used++;
    bits += h.count[i] * std::log2(static_cast<float>(h.total) / static_cast<float>(h.count[i]));
  }
  return bits + used * 6.0 + symbols;
}

// Joins neighbouring exponents until no join saves bits and `most` contexts are left.
ClassBounds JoinContexts(const std::vector<Histogram>& by_exponent, int symbols, int most) {
  struct Part {
    int begin;
    Histogram h;
    double cost;
  };
  std::vector<Part> parts;
  for (int e = 0; e < kExponents; e++) {
    if (by_exponent[static_cast<size_t>(e)].total == 0) continue;
    const Histogram& h = by_exponent[static_cast<size_t>(e)];
    parts.push_back({parts.empty() ? 0 : e, h, Cost(h, symbols)});
  }
  std::vector<double> joined;  // Of part i and i + 1.
  const auto together = [&](size_t i) {
    Histogram h = parts[i].h;
    h.Add(parts[i + 1].h);
    return Cost(h, symbols);
  };
  for (size_t i = 0; i + 1 < parts.size(); i++) joined.push_back(together(i));
  while (parts.size() > 1) {
    size_t best = 0;
    double best_loss = 1e300;
    for (size_t i = 0; i + 1 < parts.size(); i++) {
      const double loss = joined[i] - parts[i].cost - parts[i + 1].cost;
      if (loss < best_loss) {
        best_loss = loss;
        best = i;
      }
    }
    if (best_loss > 0 && parts.size() <= static_cast<size_t>(most)) break;
    parts[best].h.Add(parts[best + 1].h);
    parts[best].cost = joined[best];
    parts.erase(parts.begin() + static_cast<ptrdiff_t>(best) + 1);
    joined.erase(joined.begin() + static_cast<ptrdiff_t>(best));
    if (best > 0) joined[best - 1] = together(best - 1);
    if (best + 1 < parts.size()) joined[best] = together(best);
  }
  ClassBounds bounds;
  bounds.count = std::max<int>(1, static_cast<int>(parts.size()));
  for (size_t k = 1; k < parts.size(); k++) {
    bounds.bound[k - 1] = static_cast<uint8_t>(parts[k].begin);
  }
  return bounds;
}

}  // namespace

void ClassPlanner::Add(const uint16_t* differences, const uint8_t* contexts, size_t n) {
  differences_.insert(differences_.end(), differences, differences + n);
  contexts_.insert(contexts_.end(), contexts, contexts + n);
  // Whole groups, so that samples do not share one.
  while (differences_.size() % kClassGroup != 0) {
    differences_.push_back(differences[n - 1]);
    contexts_.push_back(contexts[n - 1]);
  }
}

void ClassPlanner::ChoosePopular(ClassPlan* plan) const {
  const size_t n = differences_.size();
  std::vector<uint32_t> counts(65536);
  for (const uint16_t d : differences_) counts[d]++;
  // A popular value saves its raw bits each time, and takes a slot of the table.
  struct Value {
    uint16_t value;
    uint64_t gain;
  };
  std::vector<Value> values;
  for (uint32_t v = 0; v < 65536; v++) {
    if (uint64_t{counts[v]} * kPopularOneIn < n || counts[v] < kPopularMin) continue;
    const auto d = static_cast<int16_t>(v);
    const auto magnitude = static_cast<uint32_t>(d < 0 ? -static_cast<int32_t>(d) : d);
    const int length = v == 0 ? 16 : std::bit_width(magnitude);
    values.push_back(
        {static_cast<uint16_t>(v), uint64_t{counts[v]} * static_cast<uint64_t>(length)});
  }
  if (std::none_of(values.begin(), values.end(), [](const Value& v) { return v.value == 0; })) {
    values.push_back({0, UINT64_MAX});  // Zero has no class.
  }
  std::sort(values.begin(), values.end(), [](const Value& a, const Value& b) {
    return a.value == 0 || (b.value != 0 && a.gain > b.gain);
  });
  const int room = (plan->fine ? kClassSymbolsMax : kLaneSymbolsMax) - ClassCount(plan->top);
  plan->popular_count = std::min<int>(room, static_cast<int>(values.size()));
  for (int i = 0; i < plan->popular_count; i++) {
    plan->popular[i] = values[static_cast<size_t>(i)].value;
  }
}

void ClassPlanner::Choose(bool fine, int top, ClassPlan* plan) const {
  plan->fine = fine;
  plan->top = top;
  ChoosePopular(plan);
  ClassScratch scratch;
  scratch.symbol_of.Reserve(65536);
  PrepareClasses(*plan, &scratch);
  const uint8_t* symbol_of = scratch.symbol_of.data();
  // Of each group: whether all is zero, whether most is popular.
  const size_t groups = differences_.size() / kClassGroup;
  std::vector<bool> still(groups), popular(groups);
  size_t still_groups = 0, popular_groups = 0;
  for (size_t g = 0; g < groups; g++) {
    int zeros = 0, known = 0;
    for (size_t i = g * kClassGroup; i < (g + 1) * kClassGroup; i++) {
      zeros += differences_[i] == 0 ? 1 : 0;
      known += symbol_of[differences_[i]] < plan->popular_count ? 1 : 0;
    }
    still[g] = zeros == static_cast<int>(kClassGroup);
    popular[g] = known >= kClassFlagMin;
    still_groups += still[g];
    popular_groups += popular[g];
  }
  plan->still = still_groups * kStillOneIn > groups && still_groups * 2 > popular_groups;
  plan->flagged = plan->still || (popular_groups > 0 && popular_groups < groups);
  std::vector<Histogram> by_exponent[2] = {std::vector<Histogram>(kExponents),
                                           std::vector<Histogram>(kExponents)};
  for (size_t g = 0; g < groups; g++) {
    const bool flag = plan->flagged && (plan->still ? still[g] : popular[g]);
    for (size_t i = g * kClassGroup; i < (g + 1) * kClassGroup; i++) {
      Histogram& h = by_exponent[flag ? 1 : 0][contexts_[i]];
      h.count[symbol_of[differences_[i]]]++;
      h.total++;
    }
  }
  const int symbols = plan->popular_count + ClassCount(top);
  plan->bounds[0] =
      JoinContexts(by_exponent[0], symbols, fine ? kPlainContextsFine : kPlainContexts);
  plan->bounds[1] = plan->flagged ? JoinContexts(by_exponent[1], symbols,
                                                 fine ? kFlaggedContextsFine : kFlaggedContexts)
                                  : ClassBounds();
}

void PrepareClasses(const ClassPlan& plan, ClassScratch* scratch) {
  ClassLookup& lookup = scratch->lookup;
  lookup.popular_count = plan.popular_count;
  lookup.top = plan.top;
  lookup.far_count = 0;
  for (int i = 0; i < plan.popular_count; i++) {
    const auto d = static_cast<int16_t>(plan.popular[i]);
    if (d >= -kClassNear && d < kClassNear) continue;
    if (lookup.far_count < kClassFarMax) lookup.far[lookup.far_count] = {plan.popular[i], i};
    lookup.far_count++;
  }
  uint8_t* symbol_of = scratch->symbol_of.data();
  for (uint32_t v = 1; v < 65536; v++) {
    const auto d = static_cast<int16_t>(v);
    const auto magnitude = static_cast<uint32_t>(d < 0 ? -static_cast<int32_t>(d) : d);
    symbol_of[v] = static_cast<uint8_t>(plan.popular_count + ClassOf(magnitude, plan.top));
  }
  for (int i = 0; i < plan.popular_count; i++) {
    symbol_of[plan.popular[i]] = static_cast<uint8_t>(i);
  }
  for (int d = -kClassNear; d < kClassNear; d++) {
    lookup.near[d + kClassNear] = symbol_of[static_cast<uint16_t>(d)];
  }
  lookup.all = symbol_of;
}

}  // namespace mh
