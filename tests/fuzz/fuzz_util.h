// What the fuzz targets share. Built for libFuzzer, a file holds one target; built with
// MH_FUZZ_REPLAY, as the C++ tests are, all of them are in one program that replays their corpora.
#ifndef TESTS_FUZZ_FUZZ_UTIL_H_
#define TESTS_FUZZ_FUZZ_UTIL_H_

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "tests/cpp/test_util.h"

namespace mh_fuzz {

using mh_test::Bytes8;
using mh_test::Data;
using mh_test::Room;

struct Target {
  const char* name;
  int (*run)(const uint8_t* data, size_t size);
  std::vector<Data> (*seeds)();
};

inline std::vector<Target>& Targets() {
  static std::vector<Target> targets;
  return targets;
}

struct Registration {
  explicit Registration(Target target) { Targets().push_back(target); }
};

// With MH_FUZZ_SEEDS=FOLDER in the environment, writes the seeds there and ends the program.
inline int WriteSeeds(std::vector<Data> (*seeds)()) {
  const char* folder = std::getenv("MH_FUZZ_SEEDS");
  if (folder == nullptr) return 0;
  int number = 0;
  for (const Data& seed : seeds()) {
    std::ofstream file(std::string(folder) + "/seed-" + std::to_string(number++), std::ios::binary);
    file.write(reinterpret_cast<const char*>(seed.data()),
               static_cast<std::streamsize>(seed.size()));
  }
  std::exit(0);
}

// After this comes the body of a function of (const uint8_t* data, size_t size). Before it stands a
// function Seeds() that returns inputs made of what the encoders write.
#ifdef MH_FUZZ_REPLAY
#define MH_FUZZ_TARGET(name)                                                    \
  static int RunTarget(const uint8_t* data, size_t size);                       \
  static const mh_fuzz::Registration registration({#name, &RunTarget, &Seeds}); \
  static int RunTarget(const uint8_t* data, size_t size)
#else
#define MH_FUZZ_TARGET(name)                                                                 \
  extern "C" int LLVMFuzzerInitialize(int*, char***) { return mh_fuzz::WriteSeeds(&Seeds); } \
  extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size)
#endif

// Ends the program as a fuzzer expects it of a mistake.
inline void Require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "fuzz: not so: %s\n", what);
  std::abort();
}

// Takes parameters from the front of an input; zeros once it has ended.
class Input {
 public:
  Input(const uint8_t* data, size_t size) : rest_(data, size) {}
  uint8_t Byte() {
    if (rest_.empty()) return 0;
    const uint8_t byte = rest_.front();
    rest_ = rest_.subspan(1);
    return byte;
  }
  uint16_t Word() {
    const uint8_t low = Byte();
    return static_cast<uint16_t>(low | Byte() << 8);
  }
  // From `least` on, `range` values.
  size_t Number(size_t least, size_t range) { return least + Word() % range; }
  // What is left, in memory that ends where it does.
  Bytes8 Rest() const { return Bytes8(rest_); }
  size_t left() const { return rest_.size(); }

 private:
  std::span<const uint8_t> rest_;
};

// The inverse, for seeds.
class Output {
 public:
  Output& Byte(size_t value) {
    data_.push_back(static_cast<uint8_t>(value));
    return *this;
  }
  Output& Word(size_t value) { return Byte(value & 255).Byte(value >> 8); }
  Output& Number(size_t value, size_t least) { return Word(value - least); }
  Data With(std::span<const uint8_t> rest) const {
    Data all = data_;
    all.insert(all.end(), rest.begin(), rest.end());
    return all;
  }

 private:
  Data data_;
};

// Runs decode(level, &output) at every level: they must agree on whether the input is good and, if
// so, on the output, which is returned. Empty: refused.
template <typename Decode>
std::vector<Data> AtEveryLevel(Decode decode) {
  std::vector<Data> agreed;
  bool good = false, first = true;
  for (const mh::Cpu level : mh_test::Levels()) {
    const mh_test::UseCpu use(level);
    Data output;
    const bool this_good = decode(level, &output);
    if (first) {
      good = this_good;
      if (good) agreed.push_back(output);
    }
    first = false;
    Require(this_good == good, "every level accepts what one accepts");
    Require(!good || output == agreed.front(), "every level decodes to the same");
  }
  return agreed;
}

}  // namespace mh_fuzz

#endif  // TESTS_FUZZ_FUZZ_UTIL_H_
