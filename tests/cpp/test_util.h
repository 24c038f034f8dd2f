// Helpers of the C++ tests.
#ifndef TESTS_CPP_TEST_UTIL_H_
#define TESTS_CPP_TEST_UTIL_H_

#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "mh/pack/blob.h"
#include "mh/pack/pack_writer.h"

namespace mh_test {

using Data = std::vector<uint8_t>;

inline Data Noise(size_t size, uint32_t seed, int symbols = 256) {
  std::mt19937 random(seed);
  Data data(size);
  for (uint8_t& byte : data) byte = static_cast<uint8_t>(random() % static_cast<uint32_t>(symbols));
  return data;
}

// Memory of exactly `size` items, filled with a pattern, that begins `skew` bytes past an aligned
// address: AddressSanitizer sees an access one byte outside, and a load that wants alignment fails.
// Unlike a vector's, its pointer is not null if there are none.
template <typename T>
class Room {
 public:
  explicit Room(size_t size, size_t skew = 0)
      : memory_(new uint8_t[size * sizeof(T) + skew]), skew_(skew), size_(size) {
    std::memset(memory_.get(), 0xa5, size * sizeof(T) + skew);
  }
  Room(std::span<const T> content, size_t skew = 0) : Room(content.size(), skew) {
    if (!content.empty()) std::memcpy(data(), content.data(), content.size_bytes());
  }
  T* data() { return reinterpret_cast<T*>(memory_.get() + skew_); }
  const T* data() const { return reinterpret_cast<const T*>(memory_.get() + skew_); }
  T* end() { return data() + size_; }
  size_t size() const { return size_; }
  std::span<T> span() { return {data(), size_}; }
  std::span<const T> span() const { return {data(), size_}; }
  std::vector<T> copy() const { return std::vector<T>(data(), data() + size_); }
  bool operator==(const Room& other) const {
    return size_ == other.size_ &&
           (size_ == 0 || std::memcmp(data(), other.data(), size_ * sizeof(T)) == 0);
  }

 private:
  std::unique_ptr<uint8_t[]> memory_;
  size_t skew_, size_;
};
using Bytes8 = Room<uint8_t>;

// The levels of this machine, scalar first; a vector kernel must do what the first one does.
inline std::vector<mh::Cpu> Levels() {
  std::vector<mh::Cpu> levels;
  for (int level = 0; level <= static_cast<int>(mh::BestCpu()); level++) {
    levels.push_back(static_cast<mh::Cpu>(level));
  }
  return levels;
}
std::string NameOf(mh::Cpu level);

// What mh::ActiveCpu() gives while it lives. The tests have their own ActiveCpu: any_cpu.cc.
class UseCpu {
 public:
  explicit UseCpu(mh::Cpu level);
  ~UseCpu();

 private:
  const mh::Cpu before_;
};
// What the core itself would choose, by MODELHUB_CPU and the machine.
mh::Cpu ProcessCpu();

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

// Makes *input a delta on `base`, an array of the same type; of its own shape.
inline void SetBase(uint8_t id, uint32_t depth, const Data& base, mh::EntryInput* input) {
  input->has_base = true;
  input->base.id = IdOf(id);
  input->base.depth = depth;
  input->base.dtype_code = input->head.dtype_code;
  input->base.type = input->head.type;
  input->base.shape = {base.size() / static_cast<size_t>(input->head.type.width)};
  input->base.data = base;
}

inline Data Encoded(const mh::EntryInput& input, mh::Preset preset = mh::Preset::kDefault) {
  mh::ScratchList scratch;
  mh::EncodedEntry entry;
  if (!mh::EncodeEntry(input, preset, 1, &scratch, &entry).ok()) return {};
  Data blob(mh::BlobBytes(entry));
  mh::WriteBlob(entry, blob);
  return blob;
}

}  // namespace mh_test

#endif  // TESTS_CPP_TEST_UTIL_H_
