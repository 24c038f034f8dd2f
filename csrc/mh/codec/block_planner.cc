#include "mh/codec/block_planner.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "mh/base/endian.h"
#include "mh/codec/lz4/lz4_codec.h"
#include "mh/codec/palette/palette_codec.h"
#include "mh/codec/planes/planes_kernel.h"

namespace mh {
namespace {

// A delta must save this share of what the array takes alone, for it costs a read of its base.
constexpr double kDeltaGain = 1.0 / 64;
// What one block can hold. Looking takes 0.3 ns an element.
constexpr size_t kFarElementsMax = size_t{1} << 20;
// Of estimates by entropy, in bits an element: what lies so near the best is tried.
constexpr double kEstimateDoubt = 0.1;
// What a search for repeats in every plane must save, for it takes four times as long.
constexpr double kSearchGain = 0.005;
constexpr size_t kRuns = 4, kRunElements = size_t{1} << 14;

struct Place {
  size_t begin, count;  // In elements.
};

// Places spread over the whole, whole groups of 64 each: `most` of `length` elements at most.
std::vector<Place> Places(size_t elements, size_t most, size_t length) {
  const size_t count = std::clamp<size_t>(elements / (4 * length), 1, most);
  length = std::min(elements, length);
  std::vector<Place> places;
  for (size_t i = 0; i < count; i++) {
    const size_t begin =
        count == 1 ? (elements - length) / 2 : (elements - length) / (count - 1) * i;
    places.push_back({begin / 64 * 64, length});
  }
  return places;
}

std::vector<uint8_t> Gather(const uint8_t* elements, size_t width,
                            const std::vector<Place>& places) {
  std::vector<uint8_t> sample;
  for (const Place& place : places) {
    const uint8_t* begin = elements + place.begin * width;
    sample.insert(sample.end(), begin, begin + place.count * width);
  }
  return sample;
}

double EntropyOf(const std::vector<uint32_t>& counts) {
  double bits = 0, total = 0;
  for (const uint32_t n : counts) total += n;
  for (const uint32_t n : counts) {
    if (n > 0) bits += n * std::log2(total / n);
  }
  return bits / total;
}

// There are two samples. Alone, some long runs are coded one by one: what lies side by side in a
// block is alike. For deltas many short runs are coded as one block, for a table of each context
// must see what it will meet.
class Planner {
 public:
  Planner(BlockScratch* scratch, ElementType type, const PresetRules& rules, Bytes elements,
          const uint8_t* base, BlockPlan* plan)
      : scratch_(scratch), type_(type), rules_(rules), elements_(elements), plan_(*plan) {
    const size_t n = elements.size() / Width();
    runs_ = Gather(elements.data(), Width(), Places(n, kRuns, kRunElements));
    out_.resize(runs_.size());
    if (base == nullptr) return;
    const auto places = Places(n, static_cast<size_t>(rules.samples), kSampleElements / 16);
    sample_ = Gather(elements.data(), Width(), places);
    base_ = Gather(base, Width(), places);
    n_ = sample_.size() / Width();
    out_.resize(std::max(out_.size(), sample_.size()));
  }

  void PlanAlone();
  Status PlanDelta(size_t base_cost);

 private:
  size_t Width() const { return static_cast<size_t>(type_.width); }
  size_t RunElements() const { return runs_.size() / Width(); }
  void LookForRepeats();
  bool HasFarRepeats() const;
  double FieldBits(FieldShape shape) const;
  double PlanesBits() const;
  size_t PlanField();
  size_t AloneBytes();
  size_t PlanesBytes(int level, Form form);
  void PlanLevel(int level);

  BlockScratch* const scratch_;
  const ElementType type_;
  const PresetRules& rules_;
  const Bytes elements_;
  BlockPlan& plan_;
  std::vector<uint8_t> runs_;           // Of at most kRunElements each.
  std::vector<uint8_t> sample_, base_;  // For deltas.
  size_t n_ = 0;                        // Elements of the latter.
  std::vector<uint8_t> out_;
};

// Rows that come again are worth a search in every plane. LZ4 on the elements as they are finds
// them; groups that are all zero do not count, for they cost nothing anyway.
void Planner::LookForRepeats() {
  std::vector<uint8_t> packed(runs_.size());
  uint8_t* const kept = out_.data();
  size_t size = 0;
  const size_t step = 64 * Width();
  for (size_t i = 0; i < runs_.size(); i += step) {
    const size_t count = std::min(step, runs_.size() - i);
    const Bytes group(runs_.data() + i, count);
    if (std::all_of(group.begin(), group.end(), [](uint8_t b) { return b == 0; })) continue;
    std::memcpy(kept + size, group.data(), count);
    size += count;
  }
  if (size < 64) return;
  const size_t written = Lz4Compress(&scratch_->state, {kept, size}, {packed.data(), size - 1},
                                     /*fast=*/false);
  plan_.hints.repeats = written > 0 && written < size - size / 32;
}

// Looks for runs of bytes that come again anywhere in the whole, at places that the content
// chooses: where a hash of eight bytes at an element's start has 8 low zero bits.
bool Planner::HasFarRepeats() const {
  const size_t n = elements_.size();
  if (n / Width() <= kSampleElements || n / Width() > kFarElementsMax) return false;
  std::vector<uint64_t> seen(size_t{1} << 15);
  size_t chosen = 0, repeated = 0;
  for (size_t i = 0; i + 8 <= n; i += Width()) {
    const uint64_t word = Load<uint64_t>(elements_.data() + i);
    const uint64_t hash = word * 0x9e3779b97f4a7c15u;
    if (hash >> 56 != 0 || word == 0) continue;
    // Four more words, so that chance is out of the question.
    uint64_t key = hash;
    for (size_t j = 8; j <= 32 && i + j + 8 <= n; j += 8) {
      key = (key ^ Load<uint64_t>(elements_.data() + i + j)) * 0x9e3779b97f4a7c15u;
    }
    uint64_t& place = seen[key >> 49];
    chosen++;
    if (place == key) repeated++;
    place = key;
  }
  return repeated * 32 > chosen && chosen > 64;
}

// Bits an element's leading half would take with this field: an estimate by entropy.
double Planner::FieldBits(FieldShape shape) const {
  std::vector<uint32_t> counts(size_t{1} << 12);
  const uint8_t* p = runs_.data() + Width() - 2;
  for (size_t i = 0; i < RunElements(); i++, p += Width()) {
    const uint32_t x = Load<uint16_t>(p);
    const uint32_t v = (x & 0x7fff) >> shape.below;
    counts[shape.sign_in ? v << 1 | x >> 15 : v]++;
  }
  return EntropyOf(counts) + shape.below + (shape.sign_in ? 0 : 1);
}

// Bits an element would take by its byte planes, were each coded by its frequencies.
double Planner::PlanesBits() const {
  double bits = 0;
  for (size_t s = 0; s < Width(); s++) {
    std::vector<uint32_t> counts(256);
    for (size_t i = 0; i < RunElements(); i++) counts[runs_[i * Width() + s]]++;
    bits += EntropyOf(counts);
  }
  return bits;
}

size_t Planner::AloneBytes() {
  size_t bytes = 0;
  const size_t step = kRunElements * Width();
  for (size_t i = 0; i < runs_.size(); i += step) {
    Cell cells[kWidthMax];
    const size_t size = std::min(step, runs_.size() - i);
    EncodeAlone(scratch_, type_, rules_, plan_, {runs_.data() + i, size}, {out_.data(), size},
                cells);
    for (size_t s = 0; s < Width(); s++) bytes += cells[s].stored_bytes;
  }
  return bytes;
}

// Chooses how a field is coded, and returns what the sample takes so.
size_t Planner::PlanField() {
  plan_.field = true;
  plan_.field_options.fine = rules_.fine;
  plan_.field_options.sampled = !rules_.fine;
  // Exponents of 8 bits, or of 5: the symbol takes as many mantissa bits as pay.
  const FieldShape shapes[] = {{7 - rules_.field_top, false},
                               {7 - rules_.field_top, true},
                               {8, false},
                               {8, true},
                               {7, false}};
  double bits[std::size(shapes)], least = 16;
  for (size_t i = 0; i < std::size(shapes); i++) {
    bits[i] = FieldBits(shapes[i]);
    least = std::min(least, bits[i]);
  }
  size_t best = SIZE_MAX;
  FieldOptions chosen;
  for (size_t i = 0; i < std::size(shapes); i++) {
    if (bits[i] > least + kEstimateDoubt) continue;
    for (const bool grouped : {false, true}) {
      if (grouped && shapes[i].below > kFieldExponentShift) continue;
      plan_.field_options.shape = shapes[i];
      plan_.field_options.grouped = grouped;
      const size_t size = AloneBytes();
      if (size >= best) continue;
      best = size;
      chosen = plan_.field_options;
    }
  }
  plan_.field_options = chosen;
  return best;
}

void Planner::PlanAlone() {
  LookForRepeats();
  plan_.far_repeats = rules_.rans && HasFarRepeats();
  plan_.hints.repeats = plan_.hints.repeats || plan_.far_repeats;
  plan_.palette = LooksLikePalette(runs_.data(), RunElements(), type_.width);
  size_t best = SIZE_MAX;
  const bool has_field = type_.kind == ValueKind::kFloat && (type_.width == 2 || type_.width == 4);
  if (has_field) best = PlanField();
  // Planes are slow to try; where they hold neither repeats nor fewer bits there is no need to.
  const double field_bits = 8.0 * static_cast<double>(best) / static_cast<double>(RunElements());
  if (!has_field || plan_.hints.repeats || plan_.palette || rules_.always_repeats ||
      plan_.field_options.grouped || PlanesBits() < field_bits) {
    plan_.field = false;
    size_t planes = AloneBytes();
    if (rules_.rans && !plan_.hints.repeats) {
      // Exponents that follow those of the row before are no repeats to LZ4, but to zstd.
      plan_.hints.repeats = true;
      const size_t searched = AloneBytes();
      plan_.hints.repeats = static_cast<double>(searched) <
                            static_cast<double>(std::min(best, planes)) * (1 - kSearchGain);
      if (plan_.hints.repeats) planes = searched;
    }
    const double favoured = static_cast<double>(planes) * (1 + rules_.field_favour);
    // Repeats far apart show in planes only, and not in samples.
    plan_.field = has_field && !plan_.far_repeats && static_cast<double>(best) <= favoured;
    if (!plan_.field) best = planes;
  }
  plan_.alone_bytes = static_cast<double>(best) / static_cast<double>(RunElements());
}

size_t Planner::PlanesBytes(int level, Form form) {
  const int bytes = LevelBytes(type_.width), begin = level * bytes;
  uint8_t* const ordered = scratch_->ordered.data();
  uint8_t* const base = scratch_->unit.data();
  uint8_t* const delta = scratch_->delta.data();
  uint8_t* const planes = scratch_->planes.data();
  OrderElements(sample_.data(), n_, type_.width, type_.kind, ordered);
  OrderElements(base_.data(), n_, type_.width, type_.kind, base);
  if (form == Form::kXor) {
    ExcludeLevels(ordered, base, n_, type_.width, delta);
  } else {
    DifferLevels(ordered, base, n_, type_.width, delta);
  }
  SplitPlanes(delta, n_, type_.width, planes, n_);
  size_t total = 0;
  for (int s = begin; s < begin + bytes; s++) {
    Cell cell;
    EncodeCell(&scratch_->state, ActiveCpu(), rules_, plan_.hints,
               {planes + static_cast<size_t>(s) * n_, n_}, {scratch_->payload.data(), n_},
               {scratch_->cell.data(), n_}, &cell);
    total += cell.stored_bytes;
  }
  return total;
}

void Planner::PlanLevel(int level) {
  LevelPlan& how = plan_.levels[level];
  size_t best = PlanesBytes(level, Form::kDifference);
  const size_t exclusive = PlanesBytes(level, Form::kXor);
  how.classes = false;
  how.form = exclusive < best ? Form::kXor : Form::kDifference;
  best = std::min(best, exclusive);
  if (type_.width != 2 && type_.width != 4) return;
  ClassScratch& classes = scratch_->classes[level];
  auto* const differences = reinterpret_cast<uint16_t*>(classes.differences.data());
  uint8_t* const exponents = scratch_->cell.data();
  const int offset = type_.width == 4 && level == 0 ? 2 : 0;
  ClassDifferences(ActiveCpu(), sample_.data(), base_.data(), type_.width, offset,
                   type_.kind == ValueKind::kFloat, n_, differences);
  BaseExponents(ActiveCpu(), base_.data(), type_.width, n_, exponents);
  ClassPlanner planner;
  planner.Add(differences, exponents, n_);
  const int tops[] = {0, rules_.fine ? 1 : 2, 3};
  for (const int top : std::span<const int>(tops, rules_.fine ? 3 : 2)) {
    ClassPlan plan;
    planner.Choose(rules_.fine, top, &plan);
    PrepareClasses(plan, &classes);
    const size_t size = EncodeClasses(ActiveCpu(), plan, &classes, differences, exponents, n_,
                                      {scratch_->payload.data(), 2 * n_});
    if (size == 0 || size >= best) continue;
    best = size;
    how.classes = true;
    how.plan = plan;
  }
}

Status Planner::PlanDelta(size_t base_cost) {
  for (int level = 0; level < LevelCount(type_.width); level++) PlanLevel(level);
  plan_.delta = true;
  PrepareBlocks(plan_, type_, scratch_);
  size_t size = 0;
  Cell cells[kWidthMax];
  MH_RETURN_IF_ERROR(EncodeBlock(scratch_, type_, rules_, plan_, sample_, base_.data(),
                                 /*check=*/false, {out_.data(), sample_.size()}, cells));
  for (size_t s = 0; s < Width(); s++) size += cells[s].stored_bytes;
  // The same elements alone, since runs from other places may compress otherwise.
  size_t alone_size = 0;
  EncodeAlone(scratch_, type_, rules_, plan_, sample_, {out_.data(), sample_.size()}, cells);
  for (size_t s = 0; s < Width(); s++) alone_size += cells[s].stored_bytes;
  const double share = static_cast<double>(elements_.size() / Width()) / static_cast<double>(n_);
  const double alone = static_cast<double>(alone_size) * share;
  const double delta = static_cast<double>(size) * share + static_cast<double>(base_cost);
  plan_.delta = delta < alone - alone * kDeltaGain;
  return Status::Ok();
}

}  // namespace

Status PlanBlocks(BlockScratch* scratch, ElementType type, const PresetRules& rules, Bytes elements,
                  const uint8_t* base, size_t base_cost, BlockPlan* plan) {
  *plan = BlockPlan();
  Planner planner(scratch, type, rules, elements, base, plan);
  planner.PlanAlone();
  return base == nullptr ? Status::Ok() : planner.PlanDelta(base_cost);
}

}  // namespace mh
