// Vector kernels behind field_kernel.h. Each returns how many elements it did, a multiple of 64.
#ifndef MH_CODEC_FIELD_FIELD_VECTOR_H_
#define MH_CODEC_FIELD_FIELD_VECTOR_H_

#include "mh/codec/field/field_kernel.h"

#ifdef MH_X86

namespace mh::field {

size_t SplitAvx512(const uint8_t* elements, size_t stride, size_t n, const FieldMap& map,
                   const FieldParts& parts, size_t* escapes);
size_t SplitAvx2(const uint8_t* elements, size_t stride, size_t n, const FieldMap& map,
                 const FieldParts& parts, size_t* escapes);
// REQUIRES: tables.escape is below 64, so that registers hold the tables
size_t MergeAvx512(const FieldTables& tables, const FieldSource& source, size_t n, size_t* escapes,
                   uint16_t* leading);
// REQUIRES: the same, and source.rest is not null
size_t MergeAvx2(const FieldTables& tables, const FieldSource& source, size_t n, size_t* escapes,
                 uint16_t* leading);
size_t JoinAvx512(const uint16_t* leading, const uint8_t* third, const uint8_t* fourth, size_t n,
                  uint8_t* elements);
size_t JoinAvx2(const uint16_t* leading, const uint8_t* third, const uint8_t* fourth, size_t n,
                uint8_t* elements);

}  // namespace mh::field

#endif  // MH_X86

#endif  // MH_CODEC_FIELD_FIELD_VECTOR_H_
