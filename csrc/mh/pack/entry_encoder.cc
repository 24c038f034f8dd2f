#include "mh/pack/entry_encoder.h"

#include <algorithm>

#include "mh/base/checksum.h"
#include "mh/base/endian.h"
#include "mh/base/parallel.h"

namespace mh {
namespace {

// 64 Ki elements: larger blocks save nothing on weights, and the two or three buffers of a chain's
// block (256 KiB each at width 4) still fit a level 2 cache of 1 MiB.
constexpr int kTensorBlockLog2 = 16;
constexpr int kByteTensorBlockLog2 = 17;
// Trees and files: long-range repeats pay, and nobody reads rows of them.
constexpr int kOpaqueBlockLog2 = 20;
constexpr int kOpaqueLevel = 3;
// Up to this many blocks both codings are tried on all of them, else on one in 16.
constexpr uint64_t kSampleBlocksMin = 4;
constexpr uint64_t kSampleStep = 16;
// A delta must save this share of what the array takes alone, for it costs a read of its base.
constexpr uint64_t kDeltaGain = 64;
// One block in this many is decoded and compared; compressed cells are all checked anyway.
constexpr uint64_t kCheckStep = 16;

class Encoder {
 public:
  Encoder(const EntryInput& input, int level, int threads, ScratchList* scratch,
          EncodedEntry* entry)
      : input_(input), level_(level), threads_(threads), scratch_(*scratch), entry_(*entry) {}

  Status Run();

 private:
  Status Prepare();
  Result<bool> DeltaPays();
  Status EncodeOne(int worker, uint64_t block, bool delta, bool check, Cell* cells);
  void Collect(const std::vector<Cell>& by_block);

  const EntryInput& input_;
  const int level_;
  int threads_;
  ScratchList& scratch_;
  EncodedEntry& entry_;
};

Status Encoder::Prepare() {
  Head& head = entry_.head;
  head = input_.head;
  head.scheme = Scheme::kAlone;
  head.depth = 0;
  head.raw_bytes = input_.data.size();
  const bool tensor = head.kind == kKindTensor;
  head.block_log2 = !tensor                ? kOpaqueBlockLog2
                    : head.type.width == 1 ? kByteTensorBlockLog2
                                           : kTensorBlockLog2;
  MH_RETURN_IF_ERROR(CheckHead(head));
  if (input_.has_base && input_.base.size() != input_.data.size()) {
    return Status(Code::kBadShape, "a base of " + std::to_string(input_.base.size()) + " bytes",
                  std::to_string(input_.data.size()));
  }
  if (input_.has_base && (input_.base_depth >= kDepthMax || input_.base_id == head.id)) {
    return Status(Code::kBadInput, "a base of depth " + std::to_string(input_.base_depth),
                  "another object of depth below " + std::to_string(kDepthMax));
  }
  threads_ = UsefulThreads(threads_, head.blocks(), head.raw_bytes);
  while (scratch_.size() < static_cast<size_t>(threads_)) {
    scratch_.push_back(std::make_unique<BlockScratch>());
  }
  bool room = entry_.arena.Reserve(input_.data.size());
  const auto most = static_cast<size_t>(std::min(head.block_elements(), head.elements()));
  for (int i = 0; i < threads_; i++) {
    room = room && scratch_[static_cast<size_t>(i)]->Reserve(head.type.width, most);
  }
  return room ? Status::Ok() : Status(Code::kIo, "out of memory");
}

Status Encoder::EncodeOne(int worker, uint64_t block, bool delta, bool check, Cell* cells) {
  const Head& head = entry_.head;
  const auto width = static_cast<size_t>(head.type.width);
  const size_t offset = static_cast<size_t>(block * head.block_elements()) * width;
  const size_t size = head.ElementsOf(block) * width;
  // A block's payloads start where its raw bytes would: they are never longer.
  return EncodeBlock(scratch_[static_cast<size_t>(worker)].get(), head.type, level_,
                     input_.data.subspan(offset, size),
                     delta ? input_.base.data() + offset : nullptr, check,
                     {entry_.arena.data() + offset, size}, cells);
}

Result<bool> Encoder::DeltaPays() {
  const uint64_t blocks = entry_.head.blocks();
  const uint64_t step = blocks <= kSampleBlocksMin ? 1 : std::min(kSampleStep, blocks / 4);
  const uint64_t samples = (blocks + step - 1) / step;
  std::vector<uint64_t> alone(samples), delta(samples);
  const Status status = ParallelFor(threads_, samples, [&](int worker, size_t sample) -> Status {
    for (const bool as_delta : {false, true}) {
      Cell cells[8];
      MH_RETURN_IF_ERROR(EncodeOne(worker, sample * step, as_delta, false, cells));
      for (const Cell& cell : cells) (as_delta ? delta : alone)[sample] += cell.stored_bytes;
    }
    return Status::Ok();
  });
  if (!status.ok()) return status;
  uint64_t sum_alone = 0, sum_delta = 0;
  for (uint64_t i = 0; i < samples; i++) sum_alone += alone[i], sum_delta += delta[i];
  // A delta names its base: 32 bytes more than an entry alone.
  return sum_delta + sizeof(Id) < sum_alone - sum_alone / kDeltaGain;
}

void Encoder::Collect(const std::vector<Cell>& by_block) {
  Head& head = entry_.head;
  const auto width = static_cast<size_t>(head.type.width);
  const size_t blocks = by_block.size() / width;
  entry_.cells.resize(by_block.size());
  entry_.payloads.resize(by_block.size());
  head.segment_bytes.assign(width, 0);
  for (size_t b = 0; b < blocks; b++) {
    size_t offset = b * static_cast<size_t>(head.block_elements()) * width;
    for (size_t s = 0; s < width; s++) {
      const Cell& cell = by_block[b * width + s];
      entry_.cells[s * blocks + b] = cell;
      entry_.payloads[s * blocks + b] = {entry_.arena.data() + offset, cell.stored_bytes};
      head.segment_bytes[s] += cell.stored_bytes;
      offset += cell.stored_bytes;
    }
  }
}

Status Encoder::Run() {
  MH_RETURN_IF_ERROR(Prepare());
  Head& head = entry_.head;
  if (input_.has_base && head.raw_bytes > 0) {
    const Result<bool> pays = DeltaPays();
    if (!pays.ok()) return pays.status();
    if (pays.value()) {
      head.scheme = Scheme::kDelta;
      head.base = input_.base_id;
      head.depth = input_.base_depth + 1;
    }
  }
  const auto width = static_cast<size_t>(head.type.width);
  std::vector<Cell> by_block(static_cast<size_t>(head.blocks()) * width);
  MH_RETURN_IF_ERROR(
      ParallelFor(threads_, static_cast<size_t>(head.blocks()), [&](int worker, size_t block) {
        return EncodeOne(worker, block, head.is_delta(), block % kCheckStep == 0,
                         &by_block[block * width]);
      }));
  Collect(by_block);
  BuildRecord(&entry_);
  return Status::Ok();
}

}  // namespace

Status EncodeEntry(const EntryInput& input, int level, int threads, ScratchList* scratch,
                   EncodedEntry* entry) {
  const bool tensor = input.head.kind == kKindTensor;
  return Encoder(input, tensor ? level : std::max(level, kOpaqueLevel), threads, scratch, entry)
      .Run();
}

void BuildRecord(EncodedEntry* entry) {
  entry->record = SerializeHead(entry->head);
  for (const Cell& cell : entry->cells) AppendCell(cell, &entry->record);
  Append(&entry->record, Checksum(entry->record.data(), entry->record.size()));
}

}  // namespace mh
