// Splitting the leading 16 bits of floats into symbol, sign and rest, and back. spec.md.
#ifndef MH_CODEC_FIELD_FIELD_KERNEL_H_
#define MH_CODEC_FIELD_FIELD_KERNEL_H_

#include <cstddef>
#include <cstdint>

#include "mh/base/cpu.h"

namespace mh {

// Which bits make the field's value: those from `below` up, with the sign lowest if it is in it.
struct FieldShape {
  int below = 6;         // 4 to 8.
  bool sign_in = false;  // Else signs are a bit array of their own.
  int bits() const { return 15 - below + (sign_in ? 1 : 0); }
};

inline constexpr int kFieldExponentShift = 7;  // Of 8-bit exponents.
inline constexpr uint8_t kFieldEscape = 255;   // In FieldMap only.

// How values become symbols.
struct FieldMap {
  FieldShape shape;
  int first = 0;        // The window's first value.
  uint8_t symbol[256];  // Of value - first; kFieldEscape: none. The last one is always none.
  uint8_t escape = 0;   // The symbol of values without one.
};

// Where the parts go. `escapes` gets the values of the escapes, in order.
struct FieldParts {
  uint8_t* symbols;
  uint8_t* signs;     // One bit an element, (n + 7) / 8 bytes; unused if the sign is in the value.
  uint8_t* rest;      // The bits below, a byte an element.
  uint16_t* escapes;  // Room for n + 64.
};

// The leading 16 bits of element i lie at elements + i * stride; stride is 2 or 4. Returns the
// number of escapes.
size_t SplitField(Cpu cpu, const uint8_t* elements, size_t stride, size_t n, const FieldMap& map,
                  const FieldParts& parts);

// What the inverse needs. Symbols from `escape` on are escapes, whose 16 bits without rest and sign
// lie, in order, in two runs of bytes.
struct FieldTables {
  alignas(64) uint8_t low[256], high[256];  // By symbol: the 16 bits without rest and sign.
  int escape = 0;
  FieldShape shape;
};
struct FieldSource {
  const uint8_t* symbols;
  const uint8_t* signs;       // As in FieldParts.
  const uint8_t* escape_low;  // Room for n + 64, as many as there are are valid.
  const uint8_t* escape_high;
  const uint8_t* rest;    // As in FieldParts, or null:
  const uint8_t* packed;  // packed at `below` bits each (bits/), all of them.
};

// Returns how many escapes there are.
size_t MergeField(Cpu cpu, const FieldTables& tables, const FieldSource& source, size_t n,
                  uint16_t* leading);

// Joins leading halves with the planes of the trailing ones into 32-bit elements.
void JoinHalves(Cpu cpu, const uint16_t* leading, const uint8_t* third, const uint8_t* fourth,
                size_t n, uint8_t* elements);

}  // namespace mh

#endif  // MH_CODEC_FIELD_FIELD_KERNEL_H_
