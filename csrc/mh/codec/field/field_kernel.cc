#include "mh/codec/field/field_kernel.h"

#include <cstring>

#include "mh/base/endian.h"
#include "mh/codec/bits/bits_kernel.h"
#include "mh/codec/field/field_vector.h"

namespace mh {
namespace field {

size_t SplitScalar(const uint8_t* elements, size_t stride, size_t begin, size_t n,
                   const FieldMap& map, const FieldParts& parts, size_t escapes) {
  const int below = map.shape.below;
  const uint32_t rest = (1u << below) - 1;
  for (size_t i = begin; i < n; i++) {
    const uint32_t x = Load<uint16_t>(elements + i * stride);
    uint32_t value = (x & 0x7fff) >> below;
    if (map.shape.sign_in) value = value << 1 | x >> 15;
    const uint32_t place = value - static_cast<uint32_t>(map.first);
    uint8_t symbol = place < 256 ? map.symbol[place] : kFieldEscape;
    if (symbol == kFieldEscape) {
      symbol = map.escape;
      parts.escapes[escapes++] = static_cast<uint16_t>(value);
    }
    parts.symbols[i] = symbol;
    parts.rest[i] = static_cast<uint8_t>(x & rest);
    if (map.shape.sign_in) continue;
    if (i % 8 == 0) parts.signs[i / 8] = 0;
    parts.signs[i / 8] = static_cast<uint8_t>(parts.signs[i / 8] | x >> 15 << (i % 8));
  }
  return escapes;
}

size_t MergeScalar(const FieldTables& tables, const FieldSource& source, size_t begin, size_t n,
                   size_t escapes, uint16_t* leading) {
  const bool signs_apart = !tables.shape.sign_in;
  for (size_t i = begin; i < n; i++) {
    const uint8_t symbol = source.symbols[i];
    uint32_t x = static_cast<uint32_t>(tables.low[symbol] | tables.high[symbol] << 8);
    if (symbol >= tables.escape) {
      x = static_cast<uint32_t>(source.escape_low[escapes] | source.escape_high[escapes] << 8);
      escapes++;
    }
    x |= source.rest[i];
    if (signs_apart) x |= static_cast<uint32_t>(source.signs[i / 8] >> (i % 8) & 1) << 15;
    leading[i] = static_cast<uint16_t>(x);
  }
  return escapes;
}

}  // namespace field

size_t SplitField(Cpu cpu, const uint8_t* elements, size_t stride, size_t n, const FieldMap& map,
                  const FieldParts& parts) {
  size_t done = 0, escapes = 0;
#ifdef MH_X86
  if (cpu == Cpu::kAvx512) {
    done = field::SplitAvx512(elements, stride, n, map, parts, &escapes);
  } else if (cpu == Cpu::kAvx2) {
    done = field::SplitAvx2(elements, stride, n, map, parts, &escapes);
  }
#else
  (void)cpu;
#endif
  return field::SplitScalar(elements, stride, done, n, map, parts, escapes);
}

size_t MergeField(Cpu cpu, const FieldTables& tables, const FieldSource& source, size_t n,
                  uint16_t* leading) {
  size_t done = 0, escapes = 0;
#ifdef MH_X86
  if (tables.escape < 64) {
    if (cpu == Cpu::kAvx512) {
      done = field::MergeAvx512(tables, source, n, &escapes, leading);
    } else if (cpu == Cpu::kAvx2 && source.rest != nullptr) {
      done = field::MergeAvx2(tables, source, n, &escapes, leading);
    }
  }
#endif
  if (source.rest != nullptr) {
    return field::MergeScalar(tables, source, done, n, escapes, leading);
  }
  // Rest bits that are packed are unpacked a piece at a time.
  constexpr size_t kPiece = 512;
  uint8_t rest[kPiece];
  FieldSource piece = source;
  for (; done < n; done += kPiece) {
    const size_t count = n - done < kPiece ? n - done : kPiece;
    const int below = tables.shape.below;
    UnpackBits(cpu, source.packed + PackedBytes(done, below), count, below, 0, rest);
    piece.rest = rest;
    piece.symbols = source.symbols + done;
    if (!tables.shape.sign_in) piece.signs = source.signs + done / 8;
    escapes = field::MergeScalar(tables, piece, 0, count, escapes, leading + done);
  }
  return escapes;
}

void JoinHalves(Cpu cpu, const uint16_t* leading, const uint8_t* third, const uint8_t* fourth,
                size_t n, uint8_t* elements) {
  size_t done = 0;
#ifdef MH_X86
  if (cpu == Cpu::kAvx512) {
    done = field::JoinAvx512(leading, third, fourth, n, elements);
  } else if (cpu == Cpu::kAvx2) {
    done = field::JoinAvx2(leading, third, fourth, n, elements);
  }
#else
  (void)cpu;
#endif
  for (size_t i = done; i < n; i++) {
    Store(elements + 4 * i, static_cast<uint32_t>(leading[i]) << 16 |
                                static_cast<uint32_t>(third[i]) << 8 | fourth[i]);
  }
}

}  // namespace mh
