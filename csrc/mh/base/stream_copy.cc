#include "mh/base/stream_copy.h"

#include <cstring>

#ifdef MH_X86
#include <immintrin.h>
#endif

namespace mh {
namespace {

#ifdef MH_X86

MH_TARGET_AVX2 void CopyAvx2(const uint8_t* from, size_t size, uint8_t* to) {
  // Streaming stores want whole lines.
  const size_t head = (64 - reinterpret_cast<uintptr_t>(to) % 64) % 64;
  std::memcpy(to, from, head);
  size_t i = head;
  for (; i + 64 <= size; i += 64) {
    const __m256i a = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + i));
    const __m256i b = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + i + 32));
    _mm256_stream_si256(reinterpret_cast<__m256i*>(to + i), a);
    _mm256_stream_si256(reinterpret_cast<__m256i*>(to + i + 32), b);
  }
  // Before another thread is told that the bytes are there.
  _mm_sfence();
  std::memcpy(to + i, from + i, size - i);
}

#endif

}  // namespace

void StreamCopy(Cpu cpu, const uint8_t* from, size_t size, uint8_t* to) {
#ifdef MH_X86
  if (cpu >= Cpu::kAvx2 && size >= 4096) return CopyAvx2(from, size, to);
#else
  (void)cpu;
#endif
  if (size > 0) std::memcpy(to, from, size);
}

}  // namespace mh
