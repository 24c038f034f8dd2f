// The checksum by vector instructions that not every machine has.
#ifndef MH_BASE_CHECKSUM_X86_H_
#define MH_BASE_CHECKSUM_X86_H_

#include <cstddef>
#include <cstdint>

#include "mh/base/checksum.h"
#include "mh/base/cpu.h"

namespace mh {

#if defined(MH_X86) && defined(__GNUC__) && !defined(__clang__)
#define MH_CHECKSUM_AVX2 1
uint64_t ChecksumAvx2(const void* data, size_t size);
Checksum128 LongChecksumAvx2(const void* data, size_t size);
#endif

}  // namespace mh

#endif  // MH_BASE_CHECKSUM_X86_H_
