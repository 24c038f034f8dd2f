#include <doctest/doctest.h>

#include <cstdio>

#include "tests/cpp/test_util.h"

namespace {

// What this program, started with MODELHUB_CPU, says of the level it uses.
std::string Chosen(const std::string& forced) {
  char program[4096];
  const ssize_t length = readlink("/proc/self/exe", program, sizeof(program) - 1);
  REQUIRE(length > 0);
  program[length] = '\0';
  const std::string command =
      "MODELHUB_CPU='" + forced + "' '" + std::string(program) + "' --cpu 2>&1";
  FILE* pipe = popen(command.c_str(), "r");
  REQUIRE(pipe != nullptr);
  char line[256] = {};
  const bool read = fgets(line, sizeof(line), pipe) != nullptr;
  pclose(pipe);
  return read ? std::string(line, std::strcspn(line, "\n")) : std::string();
}

}  // namespace

TEST_CASE("the best level is used unless another one is forced") {
  const std::string best = mh_test::NameOf(mh::BestCpu());
  CHECK(Chosen("") == best + " ok");
  for (const mh::Cpu level : mh_test::Levels()) {
    const std::string name = mh_test::NameOf(level);
    CHECK(Chosen(name) == name + " ok");
  }
}

TEST_CASE("a level that is none, or that this machine lacks, is refused") {
  const std::string best = mh_test::NameOf(mh::BestCpu());
  for (const char* wrong : {"avx", "AVX2", "scalar ", "neon"}) {
    CHECK(Chosen(wrong) == best + " scalar, avx2 or avx512");
  }
  for (int level = static_cast<int>(mh::BestCpu()) + 1; level <= 2; level++) {
    const std::string refusal = Chosen(mh_test::NameOf(static_cast<mh::Cpu>(level)));
    CHECK(refusal == best + " at most " + best + ", which is what this machine has");
  }
}

TEST_CASE("levels are a range from scalar up, and tests can switch between them") {
  const std::vector<mh::Cpu> levels = mh_test::Levels();
  CHECK(levels.front() == mh::Cpu::kScalar);
  CHECK(levels.back() == mh::BestCpu());
  for (const mh::Cpu level : levels) {
    const mh_test::UseCpu use(level);
    CHECK(mh::ActiveCpu() == level);
  }
  CHECK(mh::ActiveCpu() == mh::BestCpu());
}
