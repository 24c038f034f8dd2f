#include <doctest/doctest.h>

#include "mh/codec/palette/palette_codec.h"
#include "tests/cpp/samples.h"

using mh_test::Bytes8;
using mh_test::Data;
using mh_test::Levels;
using mh_test::NameOf;
using mh_test::Noise;

namespace {

// n elements that take `values` values, the first of which is `skew` times as frequent.
Data Elements(size_t n, size_t width, uint32_t values, uint32_t skew, uint32_t seed) {
  const Data list = Noise(values * width, seed);
  std::mt19937 random(seed);
  Data data(n * width);
  for (size_t i = 0; i < n; i++) {
    const uint32_t drawn = random() % (values + skew);
    const uint32_t k = i < values ? static_cast<uint32_t>(i) : drawn < values ? drawn : 0;
    std::copy_n(&list[k * width], width, &data[i * width]);
  }
  return data;
}

Data Encode(mh::Cpu level, const Data& elements, int width, size_t room) {
  const size_t n = elements.size() / static_cast<size_t>(width);
  mh::RansScratch scratch;
  REQUIRE(scratch.Reserve(n));
  const Bytes8 in(elements, 1);
  Bytes8 indexes(n), out(room);
  const size_t size =
      mh::EncodePalette(level, &scratch, in.data(), n, width, indexes.data(), out.span());
  return Data(out.data(), out.data() + size);
}

bool Decode(mh::Cpu level, const Data& payload, size_t n, int width, Data* elements) {
  mh::RansScratch scratch;
  REQUIRE(scratch.Reserve(n));
  const Bytes8 in(payload);
  Bytes8 indexes(n), out(n * static_cast<size_t>(width), 1);
  const bool good =
      mh::DecodePalette(level, &scratch, in.span(), n, width, indexes.data(), out.data());
  *elements = out.copy();
  return good;
}

void CheckCodec(const Data& elements, int width) {
  const size_t n = elements.size() / static_cast<size_t>(width);
  const Data expected = Encode(mh::Cpu::kScalar, elements, width, elements.size() + 4096);
  REQUIRE(!expected.empty());
  for (const mh::Cpu level : Levels()) {
    CAPTURE(NameOf(level));
    CHECK(Encode(level, elements, width, expected.size()) == expected);
    Data again;
    CHECK(Decode(level, expected, n, width, &again));
    CHECK(again == elements);
  }
}

}  // namespace

TEST_CASE("palette: blocks of 1 to 256 values come back, the same at every level") {
  for (const int width : {2, 4, 8}) {
    for (const uint32_t values : {1, 2, 3, 4, 5, 16, 17, 128, 129, 255, 256}) {
      for (const size_t n : {1, 2, 64, 200, 5000, 65'536}) {
        if (n < values) continue;
        CheckCodec(Elements(n, static_cast<size_t>(width), values, 0, values), width);
        CheckCodec(Elements(n, static_cast<size_t>(width), values, 2000, values), width);
      }
    }
  }
}

TEST_CASE("palette: values that share places of its table come back") {
  // Low and high halves that differ in bits that a hash may drop.
  Data elements;
  for (uint64_t i = 0; i < 1000; i++) {
    const uint64_t value = (i % 256) << (i % 3 == 0 ? 0 : 56);
    const auto* bytes = reinterpret_cast<const uint8_t*>(&value);
    elements.insert(elements.end(), bytes, bytes + 8);
  }
  CHECK(Encode(mh::Cpu::kScalar, elements, 8, 1 << 20).empty());  // More than 256.
  elements.resize(8 * 256);
  CheckCodec(elements, 8);
}

TEST_CASE("palette: 257 values, or too little room, are left to others") {
  const Data many = Elements(5000, 4, 257, 0, 1);
  CHECK(Encode(mh::Cpu::kScalar, many, 4, 1 << 20).empty());
  const Data few = Elements(5000, 4, 20, 100, 1);
  const size_t size = Encode(mh::Cpu::kScalar, few, 4, 1 << 20).size();
  for (size_t room = 0; room < size; room += room < 200 ? 1 : 61) {
    const Data coded = Encode(mh::Cpu::kScalar, few, 4, room);
    CHECK(coded.empty());
  }
}

TEST_CASE("palette: a sample tells few values from many") {
  CHECK(mh::LooksLikePalette(Elements(5000, 4, 256, 0, 1).data(), 5000, 4));
  CHECK_FALSE(mh::LooksLikePalette(Noise(20'000, 1).data(), 5000, 4));
  CHECK_FALSE(mh::LooksLikePalette(Elements(100, 4, 2, 0, 1).data(), 100, 4));
  CHECK_FALSE(mh::LooksLikePalette(Elements(5000, 1, 2, 0, 1).data(), 5000, 1));
  const Bytes8 exact(Elements(512, 8, 3, 0, 1), 1);
  CHECK(mh::LooksLikePalette(exact.data(), 512, 8));
}

TEST_CASE("palette: payloads cut short or made longer are refused") {
  for (const uint32_t skew : {0, 2000}) {
    for (const uint32_t values : {1, 2, 37, 256}) {
      const size_t n = 700;
      const Data good = Encode(mh::Cpu::kScalar, Elements(n, 4, values, skew, 3), 4, 1 << 20);
      for (const mh::Cpu level : Levels()) {
        CAPTURE(NameOf(level));
        Data out;
        for (size_t size = 0; size < good.size(); size++) {
          const Data cut(good.begin(), good.begin() + static_cast<long>(size));
          CHECK_FALSE(Decode(level, cut, n, 4, &out));
        }
        Data longer = good;
        longer.push_back(0);
        CHECK_FALSE(Decode(level, longer, n, 4, &out));
      }
    }
  }
}

TEST_CASE("palette: of damaged payloads every level thinks the same") {
  std::mt19937 random(1);
  for (int round = 0; round < 2000; round++) {
    const int width = 2 << round % 3;
    const Data elements =
        Elements(300, static_cast<size_t>(width), 1 + random() % 40, round % 2 == 0 ? 500 : 0, 4);
    Data bad = Encode(mh::Cpu::kScalar, elements, width, 1 << 20);
    bad[random() % (round % 3 == 0 ? 2 : bad.size())] = static_cast<uint8_t>(random());
    Data expected, out;
    const bool good = Decode(mh::Cpu::kScalar, bad, 300, width, &expected);
    for (const mh::Cpu level : Levels()) {
      CAPTURE(NameOf(level));
      CHECK(Decode(level, bad, 300, width, &out) == good);
      if (good) CHECK(out == expected);
    }
  }
}
