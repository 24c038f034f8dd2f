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
// Elements for each sample: one place in 64 Ki, but never more than the rules say.
constexpr size_t kElementsPerSample = size_t{1} << 16;
// What one block can hold. Looking takes 0.3 ns an element.
constexpr size_t kFarElementsMax = size_t{1} << 20;

struct Sample {
  size_t begin, count;  // In elements.
};

std::vector<Sample> Places(size_t elements, int most) {
  const size_t count =
      std::clamp<size_t>(elements / kElementsPerSample, 1, static_cast<size_t>(most));
  const size_t length = std::min(elements, kSampleElements);
  std::vector<Sample> places;
  for (size_t i = 0; i < count; i++) {
    // Spread over the whole, whole groups of 64 from the start.
    const size_t begin =
        count == 1 ? (elements - length) / 2 : (elements - length) / (count - 1) * i;
    places.push_back({begin / 64 * 64, length});
  }
  return places;
}

class Planner {
 public:
  Planner(BlockScratch* scratch, ElementType type, const PresetRules& rules, Bytes elements,
          const uint8_t* base, BlockPlan* plan)
      : scratch_(scratch),
        type_(type),
        rules_(rules),
        elements_(elements),
        base_(base),
        plan_(*plan),
        places_(Places(elements.size() / Width(), rules.samples)) {
    for (const Sample& place : places_) sampled_ += place.count;
    out_.resize(kSampleElements * Width());
  }

  void PlanAlone();
  Status PlanDelta(size_t base_cost);

 private:
  size_t Width() const { return static_cast<size_t>(type_.width); }
  Bytes At(const Sample& place) const {
    return elements_.subspan(place.begin * Width(), place.count * Width());
  }
  const uint8_t* BaseAt(const Sample& place) const { return base_ + place.begin * Width(); }
  void LookForRepeats();
  bool HasFarRepeats() const;
  double FieldBits(FieldShape shape) const;
  size_t AloneBytes();
  size_t PlanesBytes(int level, Form form);
  void PlanLevel(int level);

  BlockScratch* const scratch_;
  const ElementType type_;
  const PresetRules& rules_;
  const Bytes elements_;
  const uint8_t* const base_;
  BlockPlan& plan_;
  const std::vector<Sample> places_;
  size_t sampled_ = 0;
  std::vector<uint8_t> out_;
};

// Rows that come again are worth a search in every plane. LZ4 on the elements as they are finds
// them; groups that are all zero do not count, for they cost nothing anyway.
void Planner::LookForRepeats() {
  size_t raw = 0, packed = 0;
  for (const Sample& place : places_) {
    const Bytes bytes = At(place);
    uint8_t* const kept = scratch_->delta.data();
    size_t size = 0;
    const size_t step = 64 * Width();
    for (size_t i = 0; i < bytes.size(); i += step) {
      const size_t count = std::min(step, bytes.size() - i);
      const auto group = bytes.subspan(i, count);
      if (std::all_of(group.begin(), group.end(), [](uint8_t b) { return b == 0; })) continue;
      std::memcpy(kept + size, group.data(), count);
      size += count;
    }
    if (size < 64) continue;
    raw += size;
    const size_t written = Lz4Compress(&scratch_->state, {kept, size},
                                       {scratch_->payload.data(), size - 1}, /*fast=*/false);
    packed += written == 0 ? size : written;
  }
  plan_.hints.repeats = packed < raw - raw / 32;
}

// Bits an element's leading half would take with this field: an estimate by entropy.
double Planner::FieldBits(FieldShape shape) const {
  std::vector<uint32_t> counts(size_t{1} << 12);
  for (const Sample& place : places_) {
    const uint8_t* p = At(place).data() + Width() - 2;
    for (size_t i = 0; i < place.count; i++, p += Width()) {
      const uint32_t x = Load<uint16_t>(p);
      const uint32_t v = (x & 0x7fff) >> shape.below;
      counts[shape.sign_in ? v << 1 | x >> 15 : v]++;
    }
  }
  double bits = 0;
  int used = 0;
  for (const uint32_t n : counts) {
    if (n == 0) continue;
    used++;
    bits += n * std::log2(static_cast<double>(sampled_) / n);
  }
  // What 64 symbols of 8-bit frequencies lose on a wide alphabet: about 0.05 bits at 40 symbols.
  const double coarse = rules_.fine ? 0 : 0.0012 * std::min(used, 64);
  return bits / static_cast<double>(sampled_) + coarse + shape.below + (shape.sign_in ? 0 : 1);
}

size_t Planner::AloneBytes() {
  size_t bytes = 0;
  Cell cells[kWidthMax];
  for (const Sample& place : places_) {
    EncodeAlone(scratch_, type_, rules_, plan_, At(place), {out_.data(), place.count * Width()},
                cells);
    for (size_t s = 0; s < Width(); s++) bytes += cells[s].stored_bytes;
  }
  return bytes;
}

// Looks for runs of bytes that come again anywhere in the whole, at places that the content
// chooses: where a hash of eight bytes at an element's start has 8 low zero bits.
bool Planner::HasFarRepeats() const {
  const size_t n = elements_.size();
  if (n / Width() <= kElementsPerSample || n / Width() > kFarElementsMax) return false;
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

void Planner::PlanAlone() {
  LookForRepeats();
  plan_.far_repeats = rules_.rans && HasFarRepeats();
  plan_.hints.repeats = plan_.hints.repeats || plan_.far_repeats;
  for (const Sample& place : places_) {
    plan_.palette = plan_.palette || LooksLikePalette(At(place).data(), place.count, type_.width);
  }
  size_t best = AloneBytes();
  if (type_.kind == ValueKind::kFloat && (type_.width == 2 || type_.width == 4)) {
    plan_.field_options.fine = rules_.fine;
    plan_.field_options.sampled = !rules_.fine;
    // Exponents of 8 bits, or of 5: the symbol takes as many mantissa bits as pay.
    const FieldShape wide[] = {{7 - rules_.field_top, false}, {7 - rules_.field_top, true}};
    const FieldShape half[] = {{8, false}, {8, true}, {7, false}};
    double least = 16;
    const auto consider = [&](const FieldShape& shape) {
      const double bits = FieldBits(shape);
      if (bits < least) {
        least = bits;
        plan_.field_options.shape = shape;
      }
    };
    for (const FieldShape& shape : wide) consider(shape);
    for (const FieldShape& shape : half) consider(shape);
    plan_.field = true;
    plan_.field_options.grouped = false;
    const size_t plain = AloneBytes();
    plan_.field_options.grouped = true;
    const size_t grouped = AloneBytes();
    plan_.field_options.grouped = grouped < plain;
    const size_t size = std::min(plain, grouped);
    // Repeats far apart show in planes only, and not in samples.
    plan_.field = size <= best && !plan_.far_repeats;
    best = std::min(best, size);
  }
  plan_.alone_bytes = static_cast<double>(best) / static_cast<double>(sampled_);
}

size_t Planner::PlanesBytes(int level, Form form) {
  const int bytes = LevelBytes(type_.width), begin = level * bytes;
  size_t total = 0;
  for (const Sample& place : places_) {
    uint8_t* const ordered = scratch_->ordered.data();
    uint8_t* const base = scratch_->unit.data();
    uint8_t* const delta = scratch_->delta.data();
    uint8_t* const planes = scratch_->planes.data();
    OrderElements(At(place).data(), place.count, type_.width, type_.kind, ordered);
    OrderElements(BaseAt(place), place.count, type_.width, type_.kind, base);
    if (form == Form::kXor) {
      ExcludeLevels(ordered, base, place.count, type_.width, delta);
    } else {
      DifferLevels(ordered, base, place.count, type_.width, delta);
    }
    SplitPlanes(delta, place.count, type_.width, planes, place.count);
    for (int s = begin; s < begin + bytes; s++) {
      Cell cell;
      EncodeCell(&scratch_->state, ActiveCpu(), rules_, plan_.hints,
                 {planes + static_cast<size_t>(s) * place.count, place.count},
                 {scratch_->payload.data(), place.count}, {scratch_->cell.data(), place.count},
                 &cell);
      total += cell.stored_bytes;
    }
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
  uint8_t* const contexts = scratch_->cell.data();
  const int offset = type_.width == 4 && level == 0 ? 2 : 0;
  ClassPlanner planner;
  const auto differ = [&](const Sample& place) {
    ClassDifferences(At(place).data(), BaseAt(place), type_.width, offset,
                     type_.kind == ValueKind::kFloat, place.count, differences);
    BaseContexts(BaseAt(place), type_.width, place.count, contexts);
  };
  for (const Sample& place : places_) {
    differ(place);
    planner.Add(differences, contexts, place.count);
  }
  const int tops[] = {0, rules_.fine ? 1 : 2, 3};
  for (const int top : std::span<const int>(tops, rules_.fine ? 3 : 2)) {
    ClassPlan plan;
    planner.Choose(rules_.fine, top, &plan);
    PrepareClasses(plan, &classes);
    size_t size = 0;
    for (const Sample& place : places_) {
      differ(place);
      const size_t coded = EncodeClasses(ActiveCpu(), plan, &classes, differences, contexts,
                                         place.count, {scratch_->payload.data(), 2 * place.count});
      size += coded == 0 ? 2 * place.count : coded;
    }
    if (size < best) {
      best = size;
      how.classes = true;
      how.plan = plan;
    }
  }
}

Status Planner::PlanDelta(size_t base_cost) {
  for (int level = 0; level < LevelCount(type_.width); level++) PlanLevel(level);
  plan_.delta = true;
  PrepareBlocks(plan_, type_, scratch_);
  size_t size = 0;
  for (const Sample& place : places_) {
    Cell cells[kWidthMax];
    MH_RETURN_IF_ERROR(EncodeBlock(scratch_, type_, rules_, plan_, At(place), BaseAt(place),
                                   /*check=*/false, {out_.data(), At(place).size()}, cells));
    for (size_t s = 0; s < Width(); s++) size += cells[s].stored_bytes;
  }
  const double share =
      static_cast<double>(elements_.size() / Width()) / static_cast<double>(sampled_);
  const double alone = plan_.alone_bytes * static_cast<double>(sampled_) * share;
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
