#include <algorithm>
#include <cstring>

#include "mh/base/checksum.h"
#include "mh/codec/block_coder.h"
#include "mh/codec/palette/palette_codec.h"
#include "mh/codec/planes/planes_kernel.h"

namespace mh {

bool BlockScratch::Reserve(ElementType type, size_t elements) {
  const size_t bytes = static_cast<size_t>(type.width) * elements + 64;
  bool room = planes.Reserve(bytes) && delta.Reserve(bytes) && ordered.Reserve(bytes) &&
              payload.Reserve(bytes) && unit.Reserve(bytes) && cell.Reserve(elements + 64) &&
              unpacked.Reserve(elements + 64) && state.rans.Reserve(elements);
  if (type.width == 2 || type.width == 4) {
    room = room && field.Reserve(elements) && classes[0].Reserve(elements) &&
           classes[1].Reserve(elements);
  }
  return room;
}

void PrepareBlocks(const BlockPlan& plan, ElementType type, BlockScratch* scratch) {
  for (int level = 0; level < LevelCount(type.width); level++) {
    if (plan.delta && plan.levels[level].classes) {
      PrepareClasses(plan.levels[level].plan, &scratch->classes[level]);
    }
  }
}

namespace {

void FillCell(Cell* cell, CodecId codec, const uint8_t* payload, size_t size) {
  *cell = Cell();
  cell->codec = codec;
  cell->stored_bytes = static_cast<uint32_t>(size);
  cell->checksum = Checksum(payload, size);
}

void JoinCells(Cell* cells, int begin, int end) {
  for (int s = begin; s < end; s++) FillCell(&cells[s], CodecId::kJoined, nullptr, 0);
}

size_t SizeOf(const Cell* cells, int begin, int end) {
  size_t size = 0;
  for (int s = begin; s < end; s++) size += cells[s].stored_bytes;
  return size;
}

// Writes cells of planes, one after the other; returns the bytes used.
class CellWriter {
 public:
  CellWriter(BlockScratch* scratch, const PresetRules& rules, CellHints hints,
             std::span<uint8_t> out)
      : scratch_(scratch), rules_(rules), hints_(hints), out_(out) {}
  void Plane(const uint8_t* plane, size_t n, Cell* cell) {
    EncodeCell(&scratch_->state, ActiveCpu(), rules_, hints_, {plane, n}, out_.subspan(used_, n),
               {scratch_->cell.data(), n}, cell);
    used_ += cell->stored_bytes;
  }
  void Skip(size_t bytes) { used_ += bytes; }
  std::span<uint8_t> rest() const { return out_.subspan(used_); }

 private:
  BlockScratch* const scratch_;
  const PresetRules& rules_;
  const CellHints hints_;
  const std::span<uint8_t> out_;
  size_t used_ = 0;
};

bool EncodeWithField(BlockScratch* scratch, ElementType type, const PresetRules& rules,
                     const BlockPlan& plan, Bytes elements, std::span<uint8_t> out, Cell* cells) {
  const auto width = static_cast<size_t>(type.width);
  const size_t n = elements.size() / width;
  // The field's cell must be shorter than a plane.
  uint8_t* const rest = scratch->delta.data();
  const size_t size = EncodeField(ActiveCpu(), plan.field_options, &scratch->field,
                                  elements.data() + width - 2, width, n, out.first(n - 1), rest);
  if (size == 0) return false;
  FillCell(&cells[0], CodecId::kField, out.data(), size);
  CellWriter writer(scratch, rules, plan.hints, out);
  writer.Skip(size);
  writer.Plane(rest, n, &cells[1]);
  if (width == 2) return true;
  SplitPlanes(elements.data(), n, type.width, scratch->planes.data(), n);
  for (size_t s = 2; s < width; s++) {
    writer.Plane(scratch->planes.data() + s * n, n, &cells[s]);
  }
  return true;
}

}  // namespace

void EncodeAlone(BlockScratch* scratch, ElementType type, const PresetRules& rules,
                 const BlockPlan& plan, Bytes elements, std::span<uint8_t> out, Cell* cells) {
  const auto width = static_cast<size_t>(type.width);
  const size_t n = elements.size() / width;
  if (plan.palette) {
    const size_t size =
        EncodePalette(ActiveCpu(), &scratch->state.rans, elements.data(), n, type.width,
                      scratch->cell.data(), out.first(elements.size() - 1));
    if (size > 0) {
      FillCell(&cells[0], CodecId::kPalette, out.data(), size);
      JoinCells(cells, 1, type.width);
      return;
    }
  }
  if (plan.field && n > 1 && EncodeWithField(scratch, type, rules, plan, elements, out, cells)) {
    return;
  }
  const uint8_t* planes = elements.data();
  if (width > 1) {
    SplitPlanes(elements.data(), n, type.width, scratch->planes.data(), n);
    planes = scratch->planes.data();
  }
  CellWriter writer(scratch, rules, plan.hints, out);
  for (size_t s = 0; s < width; s++) writer.Plane(planes + s * n, n, &cells[s]);
}

namespace {

size_t EncodeLevelClasses(BlockScratch* scratch, ElementType type, const ClassPlan& plan, int level,
                          Bytes elements, const uint8_t* base, std::span<uint8_t> out) {
  const auto width = static_cast<size_t>(type.width);
  const size_t n = elements.size() / width;
  ClassScratch& classes = scratch->classes[level];
  auto* const differences = reinterpret_cast<uint16_t*>(classes.differences.data());
  uint8_t* const contexts = scratch->cell.data();
  const int offset = type.width == 4 && level == 0 ? 2 : 0;
  ClassDifferences(ActiveCpu(), elements.data(), base, type.width, offset,
                   type.kind == ValueKind::kFloat, n, differences);
  BaseExponents(ActiveCpu(), base, type.width, n, contexts);
  return EncodeClasses(ActiveCpu(), plan, &classes, differences, contexts, n, out.first(2 * n - 1));
}

void EncodeDelta(BlockScratch* scratch, ElementType type, const PresetRules& rules,
                 const BlockPlan& plan, Bytes elements, const uint8_t* base, std::span<uint8_t> out,
                 Cell* cells) {
  const auto width = static_cast<size_t>(type.width);
  const size_t n = elements.size() / width;
  const int bytes = LevelBytes(type.width);
  CellWriter writer(scratch, rules, plan.hints, out);
  const uint8_t* ordered_base = nullptr;
  for (int level = 0; level < LevelCount(type.width); level++) {
    const LevelPlan& how = plan.levels[level];
    const int begin = level * bytes, end = begin + bytes;
    if (how.classes) {
      const size_t size =
          EncodeLevelClasses(scratch, type, how.plan, level, elements, base, writer.rest());
      if (size > 0) {
        FillCell(&cells[begin], CodecId::kClasses, writer.rest().data(), size);
        JoinCells(cells, begin + 1, end);
        writer.Skip(size);
        continue;
      }
    }
    uint8_t* const ordered = scratch->ordered.data();
    uint8_t* const delta = scratch->delta.data();
    uint8_t* const planes = scratch->planes.data();
    ordered_base = scratch->unit.data();
    OrderElements(elements.data(), n, type.width, type.kind, ordered);
    OrderElements(base, n, type.width, type.kind, scratch->unit.data());
    const Form form = how.classes ? Form::kDifference : how.form;
    if (form == Form::kXor) {
      ExcludeLevels(ordered, ordered_base, n, type.width, delta);
    } else {
      DifferLevels(ordered, ordered_base, n, type.width, delta);
    }
    SplitPlanes(delta, n, type.width, planes, n);
    for (int s = begin; s < end; s++) {
      writer.Plane(planes + static_cast<size_t>(s) * n, n, &cells[s]);
    }
    cells[begin].form = form;
  }
}

// Hands out the payloads of a block just coded.
class CodedPayloads : public PayloadSource {
 public:
  CodedPayloads(Bytes coded, const Cell* cells) : coded_(coded), cells_(cells) {}
  Status Get(int segment, std::span<uint8_t>, Bytes* payload) override {
    *payload = coded_.subspan(SizeOf(cells_, 0, segment), cells_[segment].stored_bytes);
    return Status::Ok();
  }

 private:
  const Bytes coded_;
  const Cell* const cells_;
};

Status CheckBlock(BlockScratch* scratch, ElementType type, Bytes elements, const uint8_t* base,
                  Bytes coded, const Cell* cells) {
  const auto width = static_cast<size_t>(type.width);
  uint8_t* const again = scratch->unit.data();
  CodedPayloads source(coded, cells);
  const Cell* each[kWidthMax];
  for (size_t s = 0; s < width; s++) each[s] = &cells[s];
  MH_RETURN_IF_ERROR(
      DecodeBlock(scratch, type, each, elements.size() / width, type.width, &source, base, again));
  if (std::memcmp(again, elements.data(), elements.size()) != 0) {
    return Corruption("a block just coded decodes to other values",
                      "the values given (was the array changed meanwhile?)");
  }
  return Status::Ok();
}

// A delta that takes more than this share of what elements take alone is compared with that.
constexpr double kDeltaDoubt = 0.9;

}  // namespace

Status EncodeBlock(BlockScratch* scratch, ElementType type, const PresetRules& rules,
                   const BlockPlan& plan, Bytes elements, const uint8_t* base, bool check,
                   std::span<uint8_t> out, Cell* cells) {
  if (base == nullptr) {
    EncodeAlone(scratch, type, rules, plan, elements, out, cells);
  } else {
    EncodeDelta(scratch, type, rules, plan, elements, base, out, cells);
    const size_t size = SizeOf(cells, 0, type.width);
    const size_t n = elements.size() / static_cast<size_t>(type.width);
    if (static_cast<double>(size) > kDeltaDoubt * plan.alone_bytes * static_cast<double>(n)) {
      Cell alone[kWidthMax];
      uint8_t* const coded = scratch->payload.data();
      EncodeAlone(scratch, type, rules, plan, elements, {coded, elements.size()}, alone);
      const size_t alone_size = SizeOf(alone, 0, type.width);
      if (alone_size < size) {
        alone[0].form = Form::kAlone;
        std::memcpy(out.data(), coded, alone_size);
        std::copy(alone, alone + type.width, cells);
      }
    }
  }
  if (!check) return Status::Ok();
  return CheckBlock(scratch, type, elements, base, out.first(SizeOf(cells, 0, type.width)), cells);
}

}  // namespace mh
