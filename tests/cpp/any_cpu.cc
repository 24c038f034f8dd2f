// Takes the place of csrc/mh/base/cpu.cc, which it holds, so that one process can run the whole
// codec at every level of the machine.

#define ActiveCpu ProcessCpu
#include "mh/base/cpu.cc"
#undef ActiveCpu

#include "tests/cpp/test_util.h"

namespace {

mh::Cpu active = mh::BestCpu();

}  // namespace

namespace mh {

Cpu ActiveCpu() { return active; }

}  // namespace mh

namespace mh_test {

std::string NameOf(mh::Cpu level) { return mh::kNames[static_cast<int>(level)]; }

UseCpu::UseCpu(mh::Cpu level) : before_(active) { active = level; }
UseCpu::~UseCpu() { active = before_; }

mh::Cpu ProcessCpu() { return mh::ProcessCpu(); }

}  // namespace mh_test
