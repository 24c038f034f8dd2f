#include <doctest/doctest.h>

#include "mh/base/bits.h"
#include "mh/codec/bits/bits_codec.h"
#include "mh/codec/bits/bits_kernel.h"
#include "tests/cpp/test_util.h"

using mh_test::Bytes8;
using mh_test::Data;
using mh_test::Levels;
using mh_test::NameOf;
using mh_test::Noise;

namespace {

// Bit by bit, as spec.md says.
Data PackByHand(const Data& values, int width, int shift) {
  Data out(mh::PackedBytes(values.size(), width));
  size_t at = 0;
  for (const uint8_t value : values) {
    for (int bit = 0; bit < width; bit++, at++) {
      if ((value >> (shift + bit) & 1) != 0) out[at / 8] |= static_cast<uint8_t>(1u << at % 8);
    }
  }
  return out;
}

Data Encode(mh::Cpu level, const Data& data, uint8_t* width) {
  Bytes8 out(data.size() + 16);
  const size_t size = mh::EncodeBits(level, Bytes8(data).span(), out.span(), width);
  return Data(out.data(), out.data() + size);
}

bool Decode(mh::Cpu level, uint8_t width, const Data& payload, size_t size, Data* data) {
  Bytes8 out(size);
  const bool good = mh::DecodeBits(level, width, Bytes8(payload).span(), out.span());
  *data = out.copy();
  return good;
}

// Planes whose groups drop bits: multiples of powers of two, zeros, small values.
Data Plane(size_t size, uint32_t seed) {
  std::mt19937 random(seed);
  Data data(size);
  int width = 1, shift = 0;
  for (size_t i = 0; i < size; i++) {
    if (i % 64 == 0 && random() % 3 != 0) {
      width = static_cast<int>(random() % 7);
      shift = static_cast<int>(random() % (8 - static_cast<uint32_t>(width)));
    }
    data[i] = static_cast<uint8_t>(random() % (1u << width) << shift);
  }
  data[0] |= 1;
  return data;
}

}  // namespace

TEST_CASE("bits: every width, shift and length up to 200, alike at every level") {
  for (int width = 1; width <= 8; width++) {
    for (int shift = 0; shift <= 8 - width; shift++) {
      for (size_t n = 0; n <= 200; n++) {
        Data values = Noise(n, static_cast<uint32_t>(n + 1), 1 << width);
        for (uint8_t& value : values) value = static_cast<uint8_t>(value << shift);
        const Data expected = PackByHand(values, width, shift);
        const Bytes8 in(values), packed(expected);
        for (const mh::Cpu level : Levels()) {
          Bytes8 out(expected.size()), again(n);
          mh::PackBits(level, in.data(), n, width, shift, out.data());
          mh::UnpackBits(level, packed.data(), n, width, shift, again.data());
          // One check for millions of comparisons: doctest's own are slow.
          if (out == packed && again == in) continue;
          FAIL("width " << width << ", shift " << shift << ", " << n << " values, "
                        << NameOf(level));
        }
      }
    }
  }
}

TEST_CASE("bits: long runs are packed alike at every level") {
  for (const int width : {1, 3, 5, 7}) {
    const Data values = Noise(10'007, 4, 1 << width), expected = PackByHand(values, width, 0);
    for (const mh::Cpu level : Levels()) {
      CAPTURE(NameOf(level));
      Bytes8 out(expected.size()), again(values.size());
      mh::PackBits(level, values.data(), values.size(), width, 0, out.data());
      CHECK(out.copy() == expected);
      mh::UnpackBits(level, out.data(), values.size(), width, 0, again.data());
      CHECK(again.copy() == values);
    }
  }
}

TEST_CASE("bits: planes of groups that drop bits come back, the same at every level") {
  for (const size_t size : {1, 2, 63, 64, 65, 127, 1000, 4096, 65'536, 1'048'576}) {
    const Data data = Plane(size, static_cast<uint32_t>(size));
    uint8_t width = 0;
    const Data expected = Encode(mh::Cpu::kScalar, data, &width);
    REQUIRE(!expected.empty());
    for (const mh::Cpu level : Levels()) {
      CAPTURE(NameOf(level));
      uint8_t other = 0;
      CHECK(Encode(level, data, &other) == expected);
      CHECK(other == width);
      Data again;
      CHECK(Decode(level, width, expected, size, &again));
      CHECK(again == data);
    }
  }
}

TEST_CASE("bits: what does not fit is left, and nothing is written outside") {
  const Data data = Plane(1000, 1);
  uint8_t width = 0;
  const size_t size = Encode(mh::Cpu::kScalar, data, &width).size();
  for (size_t room = 0; room < size + 16; room++) {
    for (const mh::Cpu level : Levels()) {
      Bytes8 out(room);
      const size_t written = mh::EncodeBits(level, data, out.span(), &width);
      CHECK((written == 0 || written == size));
      if (room < size) CHECK(written == 0);
    }
  }
}

TEST_CASE("bits: payloads cut short, made longer or of another width are refused") {
  const Data data = Plane(700, 2);
  uint8_t width = 0;
  const Data good = Encode(mh::Cpu::kScalar, data, &width);
  REQUIRE(!good.empty());
  for (const mh::Cpu level : Levels()) {
    CAPTURE(NameOf(level));
    Data out;
    for (size_t size = 0; size < good.size(); size++) {
      const Data cut(good.begin(), good.begin() + static_cast<long>(size));
      CHECK_FALSE(Decode(level, width, cut, data.size(), &out));
    }
    Data longer = good;
    longer.push_back(0);
    CHECK_FALSE(Decode(level, width, longer, data.size(), &out));
    for (int other = 0; other < 256; other++) {
      if (other == width) continue;
      CHECK_FALSE(Decode(level, static_cast<uint8_t>(other), good, data.size(), &out));
    }
  }
}

TEST_CASE("bits: of damaged payloads every level thinks the same") {
  const Data data = Plane(700, 3);
  uint8_t width = 0;
  const Data good = Encode(mh::Cpu::kScalar, data, &width);
  std::mt19937 random(1);
  int decoded = 0;
  for (int round = 0; round < 3000; round++) {
    Data bad = good;
    bad[random() % (round % 2 == 0 ? 8 : bad.size())] = static_cast<uint8_t>(random());
    Data expected, out;
    const bool decodes = Decode(mh::Cpu::kScalar, width, bad, data.size(), &expected);
    decoded += decodes ? 1 : 0;
    for (const mh::Cpu level : Levels()) {
      CHECK(Decode(level, width, bad, data.size(), &out) == decodes);
      if (decodes) CHECK(out == expected);
    }
  }
  CHECK(decoded > 0);
}

TEST_CASE("bits: streams of numbers come back and say where they end") {
  std::mt19937 random(1);
  for (int round = 0; round < 200; round++) {
    std::vector<std::pair<uint32_t, int>> numbers;  // With their bits; -1: a gamma code.
    Data out(4000);
    mh::BitWriter writer(out.data());
    for (int i = 0; i < 300; i++) {
      const int bits = static_cast<int>(random() % 33);
      if (i % 3 == 0) {
        numbers.emplace_back(1 + random() % (1u << (1 + random() % 16)), -1);
        writer.PutGamma(numbers.back().first);
      } else {
        numbers.emplace_back(bits == 0 ? 0u : static_cast<uint32_t>(random()) >> (32 - bits), bits);
        writer.Put(numbers.back().first, bits);
      }
    }
    const size_t size = writer.Finish();
    const Bytes8 exact(std::span<const uint8_t>(out).first(size));
    mh::BitReader reader(exact.span());
    for (const auto& [value, bits] : numbers) {
      CHECK((bits < 0 ? reader.GetGamma() : reader.Get(bits)) == value);
    }
    CHECK(reader.ok());
    CHECK(reader.used() == size);
    CHECK((reader.Get(8) == 0 && !reader.ok()));
  }
}

TEST_CASE("bits: gamma codes of more than 17 bits are refused") {
  for (const uint32_t value : {1u, 2u, 65'535u, 65'536u, 131'071u, 131'072u, 0xffffffffu}) {
    Data out(16);
    mh::BitWriter writer(out.data());
    writer.PutGamma(value);
    writer.Finish();
    mh::BitReader reader(out);
    const bool small = value < 131'072;
    CHECK(reader.GetGamma() == (small ? value : 1));
    CHECK(reader.ok() == small);
  }
}

TEST_CASE("bits: carried bytes ride in states and leave them as they were") {
  for (const int bits : {15, 31}) {
    for (size_t size = 0; size <= mh::CarriedMax(32, bits); size++) {
      const Data bytes = Noise(size, static_cast<uint32_t>(size));
      std::vector<uint32_t> states(32, 1u << 16);
      mh::CarryBytes<uint32_t>(bytes, bits, states);
      Bytes8 again(size);
      CHECK(mh::TakeCarried<uint32_t>(states, 1u << 16, bits, again.span()));
      CHECK(again.copy() == bytes);
      const size_t before = std::min(8 * size, static_cast<size_t>(31 * bits));
      states[31] = (1u << 16) - 1;
      CHECK_FALSE(mh::TakeCarried<uint32_t>(states, 1u << 16, bits, again.span()));
      states[31] = (1u << 16) + (1u << (8 * size - before));  // A bit more than it carries.
      CHECK_FALSE(mh::TakeCarried<uint32_t>(states, 1u << 16, bits, again.span()));
    }
  }
}
