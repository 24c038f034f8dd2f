// Arrays of odd kinds, for the tests of the codecs and as seeds for their fuzzers.
#ifndef TESTS_CPP_SAMPLES_H_
#define TESTS_CPP_SAMPLES_H_

#include <cmath>

#include "mh/base/endian.h"
#include "tests/cpp/test_util.h"

namespace mh_test {

struct Sample {
  const char* name;
  Data data;
};

// About normal, without the library's distributions, which differ between systems.
class Normal {
 public:
  explicit Normal(uint32_t seed) : random_(seed) {}
  float operator()() {
    float sum = 0;
    for (int i = 0; i < 4; i++) sum += static_cast<float>(random_() >> 8) * 0x1p-24f - 0.5f;
    return sum;
  }

 private:
  std::mt19937 random_;
};

// n floats of `width` bytes (2: the leading half of a float32), made by make(i).
template <typename Make>
Data FloatsOf(size_t n, int width, Make make) {
  Data data(n * static_cast<size_t>(width));
  for (size_t i = 0; i < n; i++) {
    const auto bits = std::bit_cast<uint32_t>(static_cast<float>(make(i)));
    if (width == 2) mh::Store(&data[2 * i], static_cast<uint16_t>(bits >> 16));
    if (width == 4) mh::Store(&data[4 * i], bits);
    if (width == 8) mh::Store(&data[8 * i], static_cast<uint64_t>(bits) << 32 | bits);
  }
  return data;
}

inline Data Weights(size_t n, int width, uint32_t seed) {
  Normal normal(seed);
  return FloatsOf(n, width, [&](size_t) { return 0.05f * normal(); });
}

// n elements whose leading 16 bits are made by bits(i), and the others noise.
template <typename Bits>
Data LeadingOf(size_t n, int width, uint32_t seed, Bits bits) {
  const auto w = static_cast<size_t>(width);
  Data data = Noise(n * w, seed);
  for (size_t i = 0; i < n; i++) {
    mh::Store(&data[i * w + w - 2], static_cast<uint16_t>(bits(i)));
  }
  return data;
}

// What a codec of floats must take, of `width` 2, 4 or 8 bytes.
inline std::vector<Sample> FloatSamples(size_t n, int width) {
  const auto w = static_cast<size_t>(width);
  Normal normal(1);
  std::mt19937 random(2);
  std::vector<Sample> samples;
  samples.push_back({"zeros", Data(n * w)});
  samples.push_back({"one value", Data(n * w, 0x3c)});
  samples.push_back({"noise", Noise(n * w, 3)});
  samples.push_back({"weights", Weights(n, width, 4)});
  samples.push_back({"mostly zero", FloatsOf(n, width, [&](size_t) {
                       return random() % 50 == 0 ? normal() : 0.f;
                     })});
  samples.push_back({"rows of zeros", FloatsOf(n, width, [&](size_t i) {
                       return i / 100 % 3 == 0 ? normal() : 0.f;
                     })});
  samples.push_back({"rows of scales", FloatsOf(n, width, [&](size_t i) {
                       return std::ldexp(normal(), -static_cast<int>(i / 64 % 90));
                     })});
  samples.push_back({"two signs of one value",
                     FloatsOf(n, width, [&](size_t) { return random() % 2 == 0 ? 1.5f : -1.5f; })});
  samples.push_back({"few values", FloatsOf(n, width, [&](size_t) {
                       return static_cast<float>(random() % 17) * 0.25f;
                     })});
  samples.push_back(
      {"one outlier", FloatsOf(n, width, [&](size_t i) { return i == n / 2 ? -3e38f : 1.f; })});
  samples.push_back({"denormals", LeadingOf(n, width, 5, [&](size_t) {
                       return (random() & 0x8000) | (random() & 0x7f);
                     })});
  samples.push_back({"NaN payloads", LeadingOf(n, width, 6, [&](size_t i) {
                       return i % 5 == 0 ? 0x3f80 : 0x7f80 | (random() & 0x807f);
                     })});
  samples.push_back({"every leading half", LeadingOf(n, width, 7, [](size_t i) {
                       return i * 40503;  // Odd: all 65536 come once, in no order.
                     })});
  samples.push_back({"half precision", LeadingOf(n, width, 8, [&](size_t) {
                       return (random() & 0x83ff) | (12 + random() % 4) << 10;
                     })});
  return samples;
}

// The same values after a step of training: most move a little, some not at all.
inline Data StepFrom(const Data& base, int width, uint32_t seed) {
  const auto w = static_cast<size_t>(width);
  std::mt19937 random(seed);
  Data data = base;
  for (size_t i = 0; i + w <= data.size(); i += w) {
    if (i / w / 64 % 4 == 1) continue;  // Whole groups that stay.
    const uint32_t range = random() % 64 == 0 ? 60'000 : 40;
    uint64_t value = 0;
    std::memcpy(&value, &data[i], w);
    value += random() % range;
    value -= range / 2;
    std::memcpy(&data[i], &value, w);
  }
  return data;
}

}  // namespace mh_test

#endif  // TESTS_CPP_SAMPLES_H_
