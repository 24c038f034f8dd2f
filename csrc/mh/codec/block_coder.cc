#include "mh/codec/block_coder.h"

#include <cstring>

#include "mh/codec/planes/planes_kernel.h"

namespace mh {

bool BlockScratch::Reserve(int width, size_t elements) {
  const size_t bytes = static_cast<size_t>(width) * elements;
  return planes.Reserve(bytes) && delta.Reserve(bytes) && payload.Reserve(elements) &&
         unit.Reserve(bytes);
}

namespace {

Status CheckBlock(BlockScratch* scratch, ElementType type, Bytes elements, const uint8_t* base,
                  Bytes coded, const Cell* cells) {
  const size_t n = elements.size() / static_cast<size_t>(type.width);
  size_t offset = 0;
  for (size_t s = 0; s < static_cast<size_t>(type.width); s++) {
    MH_RETURN_IF_ERROR(DecodeCell(&scratch->state, cells[s],
                                  coded.subspan(offset, cells[s].stored_bytes),
                                  {scratch->planes.data() + s * n, n}));
    offset += cells[s].stored_bytes;
  }
  uint8_t* again = scratch->unit.data();
  if (base != nullptr) std::memcpy(again, base, elements.size());
  MergeBlock(scratch, type, n, type.width, base != nullptr, again);
  if (std::memcmp(again, elements.data(), elements.size()) != 0) {
    return Corruption("a block just coded decodes to other values",
                      "the values given (was the array changed meanwhile?)");
  }
  return Status::Ok();
}

}  // namespace

Status EncodeBlock(BlockScratch* scratch, ElementType type, int level, Bytes elements,
                   const uint8_t* base, bool check, std::span<uint8_t> out, Cell* cells) {
  const auto width = static_cast<size_t>(type.width);
  const size_t n = elements.size() / width;
  const uint8_t* source = elements.data();
  if (base != nullptr) {
    DeltaForward(elements.data(), base, n, type.width, type.kind, scratch->delta.data());
    source = scratch->delta.data();
  }
  if (width > 1) {
    SplitPlanes(source, n, type.width, scratch->planes.data(), n);
    source = scratch->planes.data();
  }
  size_t offset = 0;
  for (size_t s = 0; s < width; s++) {
    MH_RETURN_IF_ERROR(EncodeCell(&scratch->state, level, {source + s * n, n},
                                  out.subspan(offset, n), {scratch->payload.data(), n}, &cells[s]));
    offset += cells[s].stored_bytes;
  }
  return check ? CheckBlock(scratch, type, elements, base, out.first(offset), cells) : Status::Ok();
}

void MergeBlock(BlockScratch* scratch, ElementType type, size_t n, int kept, bool is_delta,
                uint8_t* elements) {
  if (!is_delta) {
    MergePlanes(scratch->planes.data(), n, n, type.width, kept, elements);
    return;
  }
  const uint8_t* delta = scratch->planes.data();
  if (type.width > 1) {
    MergePlanes(scratch->planes.data(), n, n, type.width, kept, scratch->delta.data());
    delta = scratch->delta.data();
  }
  DeltaInverse(delta, n, type.width, type.kind, kept < type.width, elements);
}

}  // namespace mh
