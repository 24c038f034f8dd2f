#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "tests/fuzz/fuzz_util.h"

namespace {

// Writes what the fuzz targets begin with to FOLDER/TARGET/.
int WriteSeeds(const std::filesystem::path& folder) {
  for (const mh_fuzz::Target& target : mh_fuzz::Targets()) {
    std::filesystem::create_directories(folder / target.name);
    int number = 0;
    for (const mh_fuzz::Data& seed : target.seeds()) {
      std::ofstream file(folder / target.name / ("seed-" + std::to_string(number++)),
                         std::ios::binary);
      file.write(reinterpret_cast<const char*>(seed.data()),
                 static_cast<std::streamsize>(seed.size()));
      if (!file) return 1;
    }
  }
  return 0;
}

}  // namespace

// With --cpu alone: says what the core chooses, for a test that starts this program again. With
// --seeds FOLDER: makes the fuzzers' seeds.
int main(int argc, char** argv) {
  if (argc == 2 && std::string(argv[1]) == "--cpu") {
    const mh::Status status = mh::CheckCpu();
    std::printf("%s %s\n", mh_test::NameOf(mh_test::ProcessCpu()).c_str(),
                status.ok() ? "ok" : status.expected().c_str());
    return status.ok() ? 0 : 1;
  }
  if (argc == 3 && std::string(argv[1]) == "--seeds") return WriteSeeds(argv[2]);
  for (int level = 0; level <= static_cast<int>(mh::Cpu::kAvx512); level++) {
    std::printf("level %s: %s\n", mh_test::NameOf(static_cast<mh::Cpu>(level)).c_str(),
                level <= static_cast<int>(mh::BestCpu()) ? "tested" : "skipped, not here");
  }
  return doctest::Context(argc, argv).run();
}
