#include "mh/pack/entry_encoder.h"

#include <algorithm>
#include <atomic>

#include "mh/base/checksum.h"
#include "mh/base/endian.h"
#include "mh/base/parallel.h"
#include "mh/codec/block_planner.h"
#include "mh/pack/entry_estimator.h"

namespace mh {
namespace {

// 256 KiB: larger blocks save nothing on weights, and the two or three buffers of a chain's block
// still fit a level 2 cache of 1 MiB. Tables weigh more where elements are short.
constexpr int kTensorBlockLog2 = 16;
constexpr int kShortBlockLog2 = 17;
// Trees and files: long-range repeats pay, and nobody reads rows of them.
constexpr int kOpaqueBlockLog2 = 20;
constexpr PresetRules kOpaqueRules = {3, false, true, true, 1, 0, 0};
// Repeats lie far apart in arrays: where a look at the whole finds them, one block holds it all.
constexpr int kRepeatsBlockLog2 = kBlockLog2Max;
constexpr int kFixedBlockLog2 = 16;
// What an entry and a block of it may take beyond their raw bytes, before the array is given up as
// a fixed entry. Values far below the largest of their group take their bits and one more.
constexpr uint64_t kFixedShareMore = 8;
constexpr size_t kFixedSlack = 4096;
// One block in this many is decoded and compared before it is kept.
constexpr uint64_t kCheckStep = 16;
// An estimate codes one block in 32, in runs of so few elements that a table of which one row in
// ten has changed is met in many places: the error stays below 10 %.
constexpr uint64_t kEstimateStep = 32;
constexpr uint64_t kEstimateBlocksMin = 2, kEstimateBlocksMax = 8;
constexpr size_t kEstimateRun = 256;

class Encoder {
 public:
  Encoder(const EntryInput& input, const PresetRules& rules, int threads, ScratchList* scratch,
          EncodedEntry* entry)
      : input_(input), rules_(rules), threads_(threads), scratch_(*scratch), entry_(*entry) {}

  Status Run();
  Status Estimate(EntryEstimate* estimate);

 private:
  Status PrepareHead();
  Status Prepare();
  Status PrepareBase();
  Status ReserveBlocks();
  Status Plan();
  bool PlanFixed(std::vector<uint8_t>* exponents);
  Status RunFixed(bool* done);
  Status EncodeOne(int worker, uint64_t block, Cell* cells);
  void Collect(const std::vector<Cell>& by_block, size_t slot);

  const EntryInput& input_;
  const PresetRules& rules_;
  int threads_;
  ScratchList& scratch_;
  EncodedEntry& entry_;
  BlockPlan plan_;
  const uint8_t* base_ = nullptr;  // As the entry's own type and shape.
  bool mapped_ = false;            // Whether it had another one.
};

// Sets base_, mapping the base if its shape or type differ.
Status Encoder::PrepareBase() {
  Head& head = entry_.head;
  const BaseInput& base = input_.base;
  if (base.depth >= kDepthMax || base.id == head.id) {
    return Status(Code::kBadInput, "a base of depth " + std::to_string(base.depth),
                  "another object of depth below " + std::to_string(kDepthMax));
  }
  const bool same = input_.conversion == Conversion::kNone && base.shape == head.shape &&
                    base.data.size() == input_.data.size() && base.dtype_code == head.dtype_code &&
                    base.type.width == head.type.width && base.type.kind == head.type.kind;
  if (same) {
    base_ = base.data.data();
    return Status::Ok();
  }
  Head mapped = head;
  mapped.scheme = Scheme::kMapped;
  mapped.depth = base.depth + 1;
  mapped.base = base.id;
  mapped.mapped = {input_.conversion, base.dtype_code, base.type, base.data.size(), base.shape};
  MH_RETURN_IF_ERROR(CheckHead(mapped));
  if (!entry_.predicted.Reserve(input_.data.size())) return Status(Code::kIo, "out of memory");
  MH_RETURN_IF_ERROR(
      MapBase(mapped, mapped.mapped, base.data, {entry_.predicted.data(), input_.data.size()}));
  head.mapped = mapped.mapped;
  mapped_ = true;
  base_ = entry_.predicted.data();
  return Status::Ok();
}

Status Encoder::PrepareHead() {
  Head& head = entry_.head;
  head = input_.head;
  head.scheme = Scheme::kAlone;
  head.depth = 0;
  head.mapped = BaseShape();
  head.raw_bytes = input_.data.size();
  const bool tensor = head.kind == kKindTensor;
  head.block_log2 = !tensor                ? kOpaqueBlockLog2
                    : head.type.width <= 2 ? kShortBlockLog2
                                           : kTensorBlockLog2;
  head.fixed = FixedLayout();
  return CheckHead(head);
}

Status Encoder::Prepare() {
  MH_RETURN_IF_ERROR(PrepareHead());
  return input_.has_base ? PrepareBase() : Status::Ok();
}

Status Encoder::ReserveBlocks() {
  const Head& head = entry_.head;
  threads_ = UsefulThreads(threads_, head.blocks(), head.raw_bytes);
  while (scratch_.size() < static_cast<size_t>(threads_)) {
    scratch_.push_back(std::make_unique<BlockScratch>());
  }
  const auto most = static_cast<size_t>(std::min(head.block_elements(), head.elements()));
  for (int i = 0; i < threads_; i++) {
    BlockScratch* scratch = scratch_[static_cast<size_t>(i)].get();
    if (!scratch->Reserve(head.type, most)) return Status(Code::kIo, "out of memory");
    if (head.is_delta()) PrepareBlocks(plan_, head.type, scratch);
  }
  return Status::Ok();
}

Status Encoder::EncodeOne(int worker, uint64_t block, Cell* cells) {
  const Head& head = entry_.head;
  const auto width = static_cast<size_t>(head.type.width);
  const size_t offset = static_cast<size_t>(block * head.block_elements()) * width;
  const size_t size = head.ElementsOf(block) * width;
  // A block's payloads start where its raw bytes would: they are never longer.
  return EncodeBlock(scratch_[static_cast<size_t>(worker)].get(), head.type, rules_, plan_,
                     input_.data.subspan(offset, size), head.is_delta() ? base_ + offset : nullptr,
                     block % kCheckStep == 0, {entry_.arena.data() + offset, size}, cells);
}

// Puts in file order what blocks have coded, the payloads of each from its multiple of `slot` on.
void Encoder::Collect(const std::vector<Cell>& by_block, size_t slot) {
  Head& head = entry_.head;
  const size_t segments = head.segments();
  const size_t blocks = by_block.size() / segments;
  entry_.cells.resize(by_block.size());
  entry_.payloads.resize(by_block.size());
  head.segment_bytes.assign(segments, 0);
  for (size_t b = 0; b < blocks; b++) {
    size_t offset = b * slot;
    for (size_t s = 0; s < segments; s++) {
      const Cell& cell = by_block[b * segments + s];
      entry_.cells[s * blocks + b] = cell;
      entry_.payloads[s * blocks + b] = {entry_.arena.data() + offset, cell.stored_bytes};
      head.segment_bytes[s] += cell.stored_bytes;
      offset += cell.stored_bytes;
    }
  }
}

// Chooses how blocks are coded, and says so in the head.
Status Encoder::Plan() {
  Head& head = entry_.head;
  if (head.raw_bytes > 0) {
    MH_RETURN_IF_ERROR(ReserveBlocks());
    // What naming a base adds to the head.
    Head delta = head;
    delta.scheme = mapped_ ? Scheme::kMapped : Scheme::kDelta;
    MH_RETURN_IF_ERROR(PlanBlocks(scratch_[0].get(), head.type, rules_, input_.data, base_,
                                  2 * (HeadBytes(delta) - HeadBytes(head)), &plan_));
    if (plan_.delta) {
      head.scheme = delta.scheme;
      head.base = input_.base.id;
      head.depth = input_.base.depth + 1;
    } else if (head.kind == kKindTensor && plan_.far_repeats) {
      head.block_log2 = kRepeatsBlockLog2;
    }
    MH_RETURN_IF_ERROR(ReserveBlocks());
  }
  if (!head.is_mapped()) head.mapped = BaseShape();
  return Status::Ok();
}

// Chooses the segments of a fixed entry and finds the exponents of its groups. False if the array
// is not for one.
bool Encoder::PlanFixed(std::vector<uint8_t>* exponents) {
  Head& head = entry_.head;
  const uint64_t elements = head.elements();
  if (head.kind != kKindTensor || elements == 0 || elements < input_.fixed_elements_min) {
    return false;
  }
  const uint64_t rows = head.shape.empty() ? elements : head.shape[0];
  head.fixed = FixedLayoutFor(input_.fixed_mantissa, elements, elements / rows);
  if (!CheckFixedLayout(head.fixed, head.type).ok()) return false;
  const FloatForm form = head.fixed.form(head.type);
  const auto width = static_cast<uint64_t>(head.type.width);
  for (uint64_t at = 0; at < elements;) {
    const uint64_t count = std::min(head.fixed.group_elements, elements - at);
    const int largest = LargestField(form, input_.data.data() + static_cast<size_t>(at * width),
                                     static_cast<size_t>(count));
    if (largest >= form.field_end()) return false;
    exponents->push_back(static_cast<uint8_t>(std::max(largest, form.exponent_min())));
    at += count;
  }
  return true;
}

// Codes the array as a fixed entry, if it is for one, and says whether.
Status Encoder::RunFixed(bool* done) {
  Head& head = entry_.head;
  std::vector<uint8_t> exponents;
  if (!PlanFixed(&exponents)) return Status::Ok();
  head.scheme = Scheme::kFixed;
  head.block_log2 = kFixedBlockLog2;
  MH_RETURN_IF_ERROR(ReserveBlocks());
  const auto width = static_cast<size_t>(head.type.width);
  const size_t segments = head.segments(), blocks = static_cast<size_t>(head.blocks());
  const auto step = static_cast<size_t>(head.block_elements());
  const size_t most = std::min(step, static_cast<size_t>(head.elements())) * width;
  const size_t slot = most + most / 4 + kFixedSlack;
  if (!entry_.arena.Reserve(blocks * slot)) return Status(Code::kIo, "out of memory");
  std::vector<Cell> by_block(blocks * segments);
  std::atomic<bool> fits{true};
  MH_RETURN_IF_ERROR(ParallelFor(threads_, blocks, [&](int worker, size_t block) {
    const size_t begin = block * step, bytes = head.ElementsOf(block) * width;
    size_t size = 0;
    MH_RETURN_IF_ERROR(EncodeFixedBlock(
        scratch_[static_cast<size_t>(worker)].get(), head.fixed, head.type, rules_, begin,
        input_.data.subspan(begin * width, bytes),
        exponents.data() + begin / head.fixed.group_elements, block % kCheckStep == 0,
        {entry_.arena.data() + block * slot, slot}, &by_block[block * segments], &size));
    if (size > slot) fits = false;
    return Status::Ok();
  }));
  if (!fits) return Status::Ok();
  Collect(by_block, slot);
  uint64_t stored = 0;
  for (const uint64_t bytes : head.segment_bytes) stored += bytes;
  *done = stored <= head.raw_bytes + head.raw_bytes / kFixedShareMore;
  if (*done) BuildRecord(&entry_);
  return Status::Ok();
}

Status Encoder::Run() {
  MH_RETURN_IF_ERROR(CheckCpu());
  if (input_.fixed_mantissa != 0) {
    bool done = false;
    MH_RETURN_IF_ERROR(PrepareHead());
    MH_RETURN_IF_ERROR(RunFixed(&done));
    if (done) return Status::Ok();
  }
  MH_RETURN_IF_ERROR(Prepare());
  Head& head = entry_.head;
  if (!entry_.arena.Reserve(input_.data.size())) return Status(Code::kIo, "out of memory");
  MH_RETURN_IF_ERROR(Plan());
  const auto width = static_cast<size_t>(head.type.width);
  std::vector<Cell> by_block(static_cast<size_t>(head.blocks()) * width);
  MH_RETURN_IF_ERROR(
      ParallelFor(threads_, static_cast<size_t>(head.blocks()), [&](int worker, size_t block) {
        return EncodeOne(worker, block, &by_block[block * width]);
      }));
  Collect(by_block, static_cast<size_t>(head.block_elements()) * width);
  BuildRecord(&entry_);
  return Status::Ok();
}

// Begin and length of the runs of a sample, in elements: all of a short array, many short runs of a
// long one. Repeats show in long runs.
std::vector<std::pair<size_t, size_t>> RunsOf(const Head& head, bool repeats) {
  const auto elements = static_cast<size_t>(head.elements());
  const auto block = static_cast<size_t>(head.block_elements());
  const size_t blocks = static_cast<size_t>(
      std::clamp(head.blocks() / kEstimateStep, kEstimateBlocksMin, kEstimateBlocksMax));
  if (elements <= blocks * block) return {{0, elements}};
  const size_t length = repeats ? block : kEstimateRun;
  const size_t count = blocks * block / length;
  std::vector<std::pair<size_t, size_t>> runs;
  for (size_t i = 0; i < count; i++) {
    const double begin = static_cast<double>(elements - length) * static_cast<double>(i) /
                         static_cast<double>(count - 1);
    runs.push_back({static_cast<size_t>(begin) / 64 * 64, length});
  }
  return runs;
}

Status Encoder::Estimate(EntryEstimate* estimate) {
  MH_RETURN_IF_ERROR(CheckCpu());
  MH_RETURN_IF_ERROR(Prepare());
  MH_RETURN_IF_ERROR(Plan());
  Head& head = entry_.head;
  const auto width = static_cast<size_t>(head.type.width);
  head.segment_bytes.assign(width, 0);
  estimate->delta = head.is_delta();
  estimate->segment_bytes.assign(width, 0);
  if (head.raw_bytes == 0) {
    estimate->record_bytes = HeadBytes(head) + sizeof(uint64_t);
    return Status::Ok();
  }
  std::vector<uint8_t> own, base;
  for (const auto& [begin, count] : RunsOf(head, plan_.hints.repeats)) {
    const uint8_t* from = input_.data.data() + begin * width;
    own.insert(own.end(), from, from + count * width);
    if (!head.is_delta()) continue;
    from = base_ + begin * width;
    base.insert(base.end(), from, from + count * width);
  }
  if (!entry_.arena.Reserve(own.size())) return Status(Code::kIo, "out of memory");
  std::vector<uint64_t> sampled(width);
  const size_t step = static_cast<size_t>(head.block_elements()) * width;
  for (size_t at = 0; at < own.size(); at += step) {
    Cell cells[kWidthMax];
    const size_t size = std::min(step, own.size() - at);
    MH_RETURN_IF_ERROR(EncodeBlock(scratch_[0].get(), head.type, rules_, plan_,
                                   Bytes(own).subspan(at, size),
                                   head.is_delta() ? base.data() + at : nullptr, /*check=*/false,
                                   {entry_.arena.data(), size}, cells));
    for (size_t s = 0; s < width; s++) sampled[s] += cells[s].stored_bytes;
  }
  const double share = static_cast<double>(head.raw_bytes) / static_cast<double>(own.size());
  for (size_t s = 0; s < width; s++) {
    head.segment_bytes[s] = static_cast<uint64_t>(static_cast<double>(sampled[s]) * share);
  }
  estimate->segment_bytes = head.segment_bytes;
  RecordBytes(head, &estimate->record_bytes);
  return Status::Ok();
}

}  // namespace

Status EncodeEntry(const EntryInput& input, Preset preset, int threads, ScratchList* scratch,
                   EncodedEntry* entry) {
  const bool tensor = input.head.kind == kKindTensor;
  return Encoder(input, tensor ? RulesOf(preset) : kOpaqueRules, threads, scratch, entry).Run();
}

Status EstimateEntry(const EntryInput& input, Preset preset, ScratchList* scratch,
                     EncodedEntry* entry, EntryEstimate* estimate) {
  const bool tensor = input.head.kind == kKindTensor;
  return Encoder(input, tensor ? RulesOf(preset) : kOpaqueRules, 1, scratch, entry)
      .Estimate(estimate);
}

Status MapBase(const Head& head, const BaseShape& shape, Bytes base, std::span<uint8_t> out) {
  const size_t elements = static_cast<size_t>(shape.elements());
  const auto width = static_cast<size_t>(head.type.width);
  Buffer converted;
  const uint8_t* from = base.data();
  if (shape.conversion != Conversion::kNone) {
    if (!converted.Reserve(elements * width)) return Status(Code::kIo, "out of memory");
    ConvertElements(shape.conversion, base.data(), elements, converted.data());
    from = converted.data();
  }
  CopyOverlap(from, elements, shape.shape, head.shape, static_cast<size_t>(head.elements()),
              head.type.width, out.data());
  return Status::Ok();
}

void BuildRecord(EncodedEntry* entry) {
  entry->record = SerializeHead(entry->head);
  for (const Cell& cell : entry->cells) AppendCell(cell, &entry->record);
  Append(&entry->record, Checksum(entry->record.data(), entry->record.size()));
}

}  // namespace mh
