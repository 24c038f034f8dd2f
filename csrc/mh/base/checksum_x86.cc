// XXH3 by wider registers than the library is built for: 20 GB/s of SSE2 would take a tenth of the
// time of a decode.
#include "mh/base/checksum_x86.h"

#if defined(MH_X86) && defined(__GNUC__) && !defined(__clang__)

#include <immintrin.h>

#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC push_options
#pragma GCC target("avx2")
#define XXH_INLINE_ALL
#define XXH_VECTOR XXH_AVX2
#include <xxhash.h>
#pragma GCC pop_options

namespace mh {

MH_TARGET_AVX2 uint64_t ChecksumAvx2(const void* data, size_t size) {
  return XXH3_64bits(data, size);
}

MH_TARGET_AVX2 Checksum128 LongChecksumAvx2(const void* data, size_t size) {
  const XXH128_hash_t hash = XXH3_128bits(data, size);
  return {hash.low64, hash.high64};
}

}  // namespace mh

#endif
