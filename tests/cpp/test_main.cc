#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <cstdio>

#include "tests/cpp/test_util.h"

// With --cpu alone: says what the core chooses, for a test that starts this program again.
int main(int argc, char** argv) {
  if (argc == 2 && std::string(argv[1]) == "--cpu") {
    const mh::Status status = mh::CheckCpu();
    std::printf("%s %s\n", mh_test::NameOf(mh_test::ProcessCpu()).c_str(),
                status.ok() ? "ok" : status.expected().c_str());
    return status.ok() ? 0 : 1;
  }
  for (int level = 0; level <= static_cast<int>(mh::Cpu::kAvx512); level++) {
    std::printf("level %s: %s\n", mh_test::NameOf(static_cast<mh::Cpu>(level)).c_str(),
                level <= static_cast<int>(mh::BestCpu()) ? "tested" : "skipped, not here");
  }
  return doctest::Context(argc, argv).run();
}
