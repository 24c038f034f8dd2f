#include <doctest/doctest.h>

#include "mh/codec/delta/delta_kernel.h"
#include "tests/cpp/test_util.h"

using mh_test::Bytes8;
using mh_test::Data;
using mh_test::Noise;

namespace {

constexpr mh::ValueKind kKinds[] = {mh::ValueKind::kUnsigned, mh::ValueKind::kSigned,
                                    mh::ValueKind::kFloat};

struct Numbers {
  int width;
  bool is_float;
  int bits() const { return 8 * width; }
  int level_bits() const { return width <= 2 ? bits() : bits() / 2; }
  uint64_t all() const { return bits() == 64 ? ~uint64_t{0} : (uint64_t{1} << bits()) - 1; }
  uint64_t level_mask() const { return (uint64_t{1} << level_bits()) - 1; }
  uint64_t Ordered(uint64_t v) const {
    const uint64_t top = uint64_t{1} << (bits() - 1);
    if (!is_float) return v;
    return (v & top) != 0 ? ~v & all() : v | top;
  }
};

// The element whose levels are z, as spec.md says, one level at a time.
uint64_t DeltaByHand(uint64_t x, uint64_t b, const Numbers& numbers) {
  const int level = numbers.level_bits();
  const uint64_t mask = numbers.level_mask();
  uint64_t result = 0;
  for (int shift = 0; shift < numbers.bits(); shift += level) {
    const uint64_t d = ((numbers.Ordered(x) >> shift) - (numbers.Ordered(b) >> shift)) & mask;
    const uint64_t z = ((d << 1) ^ ((d >> (level - 1)) != 0 ? mask : 0)) & mask;
    result |= z << shift;
  }
  return result;
}

uint64_t At(const Bytes8& data, size_t i, int width) {
  uint64_t value = 0;
  std::memcpy(&value, data.data() + i * static_cast<size_t>(width), static_cast<size_t>(width));
  return value;
}

struct Pair {
  Bytes8 elements, base;
};

// Noise with zeros against noise and equal values, at odd addresses.
Pair PairOf(size_t n, int width) {
  const auto w = static_cast<size_t>(width);
  Data elements = Noise(n * w, 1), base = Noise(n * w, 2);
  std::fill_n(elements.begin(), std::min<size_t>(8, n) * w, uint8_t{0});
  if (n > 128) std::copy_n(elements.begin() + 64, 64, base.begin() + 64);
  return {Bytes8(elements, 1), Bytes8(base, 1)};
}

}  // namespace

TEST_CASE("delta: the order of floats is that of their integers, and comes back") {
  for (const int width : {1, 2, 4, 8}) {
    for (const mh::ValueKind kind : kKinds) {
      const Numbers numbers{width, kind == mh::ValueKind::kFloat};
      for (const size_t n : {0, 1, 15, 16, 17, 1301}) {
        const Bytes8 elements = PairOf(n, width).elements;
        Bytes8 ordered(elements.size(), 1);
        mh::OrderElements(elements.data(), n, width, kind, ordered.data());
        for (size_t i = 0; i < n; i++) {
          REQUIRE(At(ordered, i, width) == numbers.Ordered(At(elements, i, width)));
        }
        Bytes8 in_place(elements.span(), 1);
        mh::OrderElements(in_place.data(), n, width, kind, in_place.data());
        CHECK(in_place == ordered);
        mh::UnorderElements(in_place.data(), n, width, kind);
        CHECK(in_place == elements);
      }
    }
  }
}

TEST_CASE("delta: differences and exclusive ors follow the specification") {
  for (const int width : {1, 2, 4, 8}) {
    for (const mh::ValueKind kind : kKinds) {
      const size_t n = 1301;
      const Numbers numbers{width, kind == mh::ValueKind::kFloat};
      Pair pair = PairOf(n, width);
      Bytes8 x(pair.elements.size()), b(pair.base.size()), delta(pair.base.size(), 1);
      mh::OrderElements(pair.elements.data(), n, width, kind, x.data());
      mh::OrderElements(pair.base.data(), n, width, kind, b.data());
      mh::DifferLevels(x.data(), b.data(), n, width, delta.data());
      for (size_t i = 0; i < n; i++) {
        REQUIRE(At(delta, i, width) ==
                DeltaByHand(At(pair.elements, i, width), At(pair.base, i, width), numbers));
      }
      mh::ExcludeLevels(x.data(), b.data(), n, width, delta.data());
      for (size_t i = 0; i < n; i++) {
        REQUIRE(At(delta, i, width) == (At(x, i, width) ^ At(b, i, width)));
      }
    }
  }
}

TEST_CASE("delta: levels are applied one by one, each by its form, and touch no other") {
  for (const int width : {1, 2, 4, 8}) {
    for (const mh::ValueKind kind : kKinds) {
      for (const size_t n : {1, 16, 33, 1301}) {
        Pair pair = PairOf(n, width);
        Bytes8 x(pair.elements.size()), sum(pair.base.size(), 1);
        Bytes8 differences(x.size(), 1), exclusive(x.size(), 1);
        mh::OrderElements(pair.elements.data(), n, width, kind, x.data());
        mh::OrderElements(pair.base.data(), n, width, kind, sum.data());
        mh::DifferLevels(x.data(), sum.data(), n, width, differences.data());
        mh::ExcludeLevels(x.data(), sum.data(), n, width, exclusive.data());
        const Bytes8 b(sum.span());
        for (int level = mh::LevelCount(width); level-- > 0;) {
          if (level == 0) mh::AddLevel(differences.data(), n, width, level, sum.data());
          if (level == 1) mh::ExcludeLevel(exclusive.data(), n, width, level, sum.data());
          const Numbers numbers{width, false};
          const uint64_t done = level == 0 ? numbers.all() : numbers.level_mask();
          for (size_t i = 0; i < n; i++) {
            REQUIRE(At(sum, i, width) == ((At(x, i, width) & done) | (At(b, i, width) & ~done)));
          }
        }
        mh::UnorderElements(sum.data(), n, width, kind);
        CHECK(sum == pair.elements);
      }
    }
  }
}

TEST_CASE("delta: the leading bytes are kept, the others zero") {
  for (const int width : {1, 2, 4, 8}) {
    for (int planes = 1; planes <= width; planes++) {
      for (const size_t n : {0, 1, 17, 100}) {
        const Bytes8 elements(Noise(n * static_cast<size_t>(width), 3), 1);
        Bytes8 kept(elements.span(), 1);
        mh::KeepLeading(kept.data(), n, width, planes);
        for (size_t i = 0; i < elements.size(); i++) {
          const auto place = i % static_cast<size_t>(width);
          const bool low = place < static_cast<size_t>(width - planes);
          REQUIRE(kept.data()[i] == (low ? 0 : elements.data()[i]));
        }
      }
    }
  }
}

TEST_CASE("delta: all pairs of 8 bits, and every 16 bits against some, come back") {
  Data elements, base;
  for (int x = 0; x < 256; x++) {
    for (int b = 0; b < 256; b++) {
      elements.push_back(static_cast<uint8_t>(x));
      base.push_back(static_cast<uint8_t>(b));
    }
  }
  for (const int width : {1, 2}) {
    const size_t n = elements.size() / static_cast<size_t>(width);
    for (const mh::ValueKind kind : kKinds) {
      Data x = elements, sum = base, delta(elements.size());
      mh::OrderElements(x.data(), n, width, kind, x.data());
      mh::OrderElements(sum.data(), n, width, kind, sum.data());
      mh::DifferLevels(x.data(), sum.data(), n, width, delta.data());
      mh::AddLevel(delta.data(), n, width, 0, sum.data());
      mh::UnorderElements(sum.data(), n, width, kind);
      CHECK(sum == elements);
    }
  }
}
