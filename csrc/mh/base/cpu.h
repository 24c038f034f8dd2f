// Which vector instructions the kernels use.
#ifndef MH_BASE_CPU_H_
#define MH_BASE_CPU_H_

#include "mh/base/status.h"

#if defined(__x86_64__)
#define MH_X86 1
// Attributes of one function, never of a file: the rest of it runs on every machine.
#define MH_TARGET_AVX2 __attribute__((target("avx2,bmi,bmi2,popcnt,lzcnt")))
#define MH_TARGET_AVX512                                                                         \
  __attribute__((                                                                                \
      target("avx512f,avx512bw,avx512vl,avx512dq,avx512cd,avx512vbmi,avx512vbmi2,avx2,bmi,bmi2," \
             "popcnt,lzcnt")))
#endif

namespace mh {

// In this order: each level can run the code of those before it. kAvx512 means the Ice Lake and
// Zen 4 set with VBMI2. Machines that are not x86-64 run kScalar.
enum class Cpu : int { kScalar = 0, kAvx2 = 1, kAvx512 = 2 };

// The level in use: the best one, or the one that MODELHUB_CPU=scalar|avx2|avx512 forces. Read once
// per process.
Cpu ActiveCpu();

// kUsage if MODELHUB_CPU names no level, or one that this machine lacks.
Status CheckCpu();

// The best level of this machine, whatever is forced.
Cpu BestCpu();

}  // namespace mh

#endif  // MH_BASE_CPU_H_
