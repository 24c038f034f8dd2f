#include "mh/base/cpu.h"

#include <cstdlib>
#include <cstring>

namespace mh {
namespace {

constexpr const char* kNames[] = {"scalar", "avx2", "avx512"};

struct Choice {
  Cpu cpu = Cpu::kScalar;
  Status status;
};

Choice Choose() {
  const Cpu best = BestCpu();
  const char* forced = std::getenv("MODELHUB_CPU");
  if (forced == nullptr || *forced == '\0') return {best, Status::Ok()};
  for (int level = 0; level <= static_cast<int>(Cpu::kAvx512); level++) {
    if (std::strcmp(forced, kNames[level]) != 0) continue;
    if (level <= static_cast<int>(best)) return {static_cast<Cpu>(level), Status::Ok()};
    return {best, Status(Code::kUsage, std::string("MODELHUB_CPU=") + forced,
                         std::string("at most ") + kNames[static_cast<int>(best)] +
                             ", which is what this machine has")};
  }
  return {best,
          Status(Code::kUsage, std::string("MODELHUB_CPU=") + forced, "scalar, avx2 or avx512")};
}

const Choice& Chosen() {
  static const Choice choice = Choose();
  return choice;
}

}  // namespace

Cpu BestCpu() {
#ifdef MH_X86
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("bmi2")) return Cpu::kScalar;
  const bool wide = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                    __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
                    __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512vbmi") &&
                    __builtin_cpu_supports("avx512vbmi2");
  return wide ? Cpu::kAvx512 : Cpu::kAvx2;
#else
  return Cpu::kScalar;
#endif
}

Cpu ActiveCpu() { return Chosen().cpu; }

Status CheckCpu() { return Chosen().status; }

}  // namespace mh
