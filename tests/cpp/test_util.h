// Helpers of the C++ tests.
#ifndef TESTS_CPP_TEST_UTIL_H_
#define TESTS_CPP_TEST_UTIL_H_

#include <stdlib.h>
#include <unistd.h>

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "mh/pack/pack_writer.h"

namespace mh_test {

using Data = std::vector<uint8_t>;

inline Data Noise(size_t size, uint32_t seed, int symbols = 256) {
  std::mt19937 random(seed);
  Data data(size);
  for (uint8_t& byte : data) byte = static_cast<uint8_t>(random() % static_cast<uint32_t>(symbols));
  return data;
}

// A name for a file that does not exist, removed at the end of the scope if it then does.
class ScratchPath {
 public:
  ScratchPath() {
    char name[] = "/tmp/mh-test-XXXXXX";
    folder_ = mkdtemp(name);
    path_ = folder_ + "/file";
  }
  ~ScratchPath() {
    (void)unlink(path_.c_str());
    (void)rmdir(folder_.c_str());
  }
  const std::string& str() const { return path_; }

 private:
  std::string folder_, path_;
};

inline mh::Id IdOf(uint8_t fill) {
  mh::Id id;
  id.fill(fill);
  return id;
}

inline mh::EntryInput InputOf(uint8_t id, int width, mh::ValueKind kind, const Data& data) {
  mh::EntryInput input;
  input.head.id = IdOf(id);
  input.head.kind = mh::kKindTensor;
  input.head.type = {width, kind};
  input.head.shape = {data.size() / static_cast<size_t>(width)};
  input.data = data;
  return input;
}

}  // namespace mh_test

#endif  // TESTS_CPP_TEST_UTIL_H_
