#include <doctest/doctest.h>

#include <cmath>
#include <numeric>

#include "mh/base/endian.h"
#include "mh/codec/mapping/mapping_kernel.h"
#include "tests/cpp/test_util.h"

using mh::Conversion;
using mh_test::Bytes8;
using mh_test::Data;
using mh_test::Noise;

namespace {

// What a half stands for, without the sign; 65536 stands for infinity when rounding.
double ValueOfHalf(uint32_t h) {
  const int exponent = static_cast<int>(h >> 10 & 31);
  const double mantissa = h & 1023;
  if (exponent == 0) return std::ldexp(mantissa, -24);
  return std::ldexp(1024 + mantissa, exponent - 25);
}

// The half next to a float of which 24 bits are known, ties to even, by search.
uint16_t HalfByHand(uint32_t x) {
  x &= 0xffffff00;
  const auto sign = static_cast<uint16_t>(x >> 16 & 0x8000);
  const auto value = static_cast<double>(std::fabs(std::bit_cast<float>(x)));
  if (std::isnan(value)) return static_cast<uint16_t>(sign | 0x7e00);
  uint32_t low = 0, high = 0x7c00;
  while (low + 1 < high) {
    const uint32_t middle = (low + high) / 2;
    (ValueOfHalf(middle) <= value ? low : high) = middle;
  }
  const double below = value - ValueOfHalf(low), above = ValueOfHalf(high) - value;
  const bool up = above < below || (above == below && low % 2 == 1);
  return static_cast<uint16_t>(sign | (up ? high : low));
}

uint16_t BfloatByHand(uint32_t x) {
  x &= 0xffffff00;
  if (std::isnan(std::bit_cast<float>(x))) return static_cast<uint16_t>(x >> 16);
  const uint32_t rest = x & 0xffff, kept = x >> 16;
  const bool up = rest > 0x8000 || (rest == 0x8000 && kept % 2 == 1);
  return static_cast<uint16_t>(kept + (up ? 1 : 0));
}

Bytes8 Convert(Conversion conversion, const Data& in) {
  const size_t n = in.size() / static_cast<size_t>(mh::WidthBefore(conversion));
  const Bytes8 elements(in, 1);
  Bytes8 out(n * static_cast<size_t>(mh::WidthAfter(conversion)), 1);
  mh::ConvertElements(conversion, elements.data(), n, out.data());
  return out;
}

// Floats near everything that matters: all exponents, ties and their neighbours, NaNs.
std::vector<uint32_t> OddFloats() {
  std::vector<uint32_t> floats;
  for (uint32_t sign : {0u, 0x80000000u}) {
    for (uint32_t exponent = 0; exponent < 256; exponent++) {
      for (const uint32_t mantissa :
           {0x0u, 0x100u, 0xfffu, 0x1000u, 0x1100u, 0x1fffu, 0x2000u, 0x3000u, 0x7fffu, 0x8000u,
            0x8100u, 0x18000u, 0x400000u, 0x7fe000u, 0x7ff000u, 0x7fff00u, 0x7fffffu}) {
        floats.push_back(sign | exponent << 23 | mantissa);
      }
    }
  }
  std::mt19937 random(1);
  for (int i = 0; i < 20'000; i++) floats.push_back(random());
  for (int i = 0; i < 20'000; i++) floats.push_back(0x33000000 + random() % 0x14900000);
  return floats;
}

}  // namespace

TEST_CASE("mapping: floats are rounded to the nearest half or bfloat, ties to even") {
  const std::vector<uint32_t> floats = OddFloats();
  Data in(4 * floats.size());
  std::memcpy(in.data(), floats.data(), in.size());
  const Bytes8 halves = Convert(Conversion::kFloatToHalf, in);
  const Bytes8 bfloats = Convert(Conversion::kFloatToBfloat, in);
  for (size_t i = 0; i < floats.size(); i++) {
    CAPTURE(floats[i]);
    REQUIRE(mh::Load<uint16_t>(halves.data() + 2 * i) == HalfByHand(floats[i]));
    REQUIRE(mh::Load<uint16_t>(bfloats.data() + 2 * i) == BfloatByHand(floats[i]));
  }
  // The last byte is not known where only leading planes are read.
  Data cut = in;
  for (size_t i = 0; i < cut.size(); i += 4) cut[i] = 0;
  CHECK(Convert(Conversion::kFloatToHalf, cut) == halves);
  CHECK(Convert(Conversion::kFloatToBfloat, cut) == bfloats);
}

TEST_CASE("mapping: every half and bfloat becomes its float, and rounds back to itself") {
  Data all(2 * 65'536);
  for (uint32_t i = 0; i < 65'536; i++) mh::Store(&all[2 * i], static_cast<uint16_t>(i));
  const Bytes8 from_half = Convert(Conversion::kHalfToFloat, all);
  const Bytes8 from_bfloat = Convert(Conversion::kBfloatToFloat, all);
  for (uint32_t i = 0; i < 65'536; i++) {
    const auto x = mh::Load<uint32_t>(from_half.data() + 4 * i);
    REQUIRE(mh::Load<uint32_t>(from_bfloat.data() + 4 * i) == (i << 16));
    REQUIRE((x >> 31) == (i >> 15));
    if ((i >> 10 & 31) < 31) {
      REQUIRE(std::fabs(std::bit_cast<float>(x)) == ValueOfHalf(i & 0x7fff));
    } else {
      REQUIRE((x & 0x7fffffff) == (0x7f800000 | (i & 1023) << 13));
    }
  }
  const Bytes8 halves = Convert(Conversion::kFloatToHalf, from_half.copy());
  for (uint32_t i = 0; i < 65'536; i++) {
    const bool nan = (i & 0x7fff) > 0x7c00;
    REQUIRE(mh::Load<uint16_t>(halves.data() + 2 * i) == (nan ? ((i & 0x8000) | 0x7e00) : i));
  }
  CHECK(Convert(Conversion::kFloatToBfloat, from_bfloat.copy()).copy() == all);
}

TEST_CASE("mapping: widths and planes of conversions") {
  CHECK(mh::WidthBefore(Conversion::kNone) == 0);
  CHECK(mh::WidthAfter(Conversion::kNone) == 0);
  CHECK(mh::PlanesBefore(Conversion::kNone, 8) == 8);
  CHECK(mh::PlanesBefore(Conversion::kFloatToHalf, 4) == 3);
  CHECK(mh::PlanesBefore(Conversion::kHalfToFloat, 2) == 2);
}

namespace {

using Shape = std::vector<uint64_t>;

size_t Product(const Shape& shape) {
  return std::accumulate(shape.begin(), shape.end(), size_t{1},
                         [](size_t a, uint64_t b) { return a * static_cast<size_t>(b); });
}

// Index by index: what both arrays have is copied, the rest is zero.
Data OverlapByHand(const Data& in, const Shape& shape_in, const Shape& shape_out, size_t unit) {
  Data out(Product(shape_out) * unit);
  for (size_t i = 0; i < Product(shape_out); i++) {
    size_t rest = i, from = 0, step = 1;
    bool inside = true;
    for (size_t d = shape_out.size(); d-- > 0;) {
      const size_t index = rest % shape_out[d];
      rest /= shape_out[d];
      inside = inside && index < shape_in[d];
      from += index * step;
      step *= shape_in[d];
    }
    if (inside) std::copy_n(in.begin() + static_cast<long>(from * unit), unit, &out[i * unit]);
  }
  return out;
}

Data Overlap(const Data& in, const Shape& shape_in, const Shape& shape_out, size_t elements_out,
             size_t width) {
  const Bytes8 from(in, 1);
  Bytes8 out(elements_out * width, 1);
  mh::CopyOverlap(from.data(), in.size() / width, shape_in, shape_out, elements_out,
                  static_cast<int>(width), out.data());
  return out.copy();
}

}  // namespace

TEST_CASE("mapping: arrays of as many dimensions share what both have, index by index") {
  std::mt19937 random(1);
  for (int round = 0; round < 3000; round++) {
    const size_t dims = random() % 5;
    Shape in, out;
    for (size_t d = 0; d < dims; d++) {
      in.push_back(1 + random() % 5);
      out.push_back(random() % 3 == 0 ? in.back() : 1 + random() % 5);
    }
    const size_t width = size_t{1} << random() % 4;
    const size_t parts = round % 4 == 0 ? 2 : 1;  // Elements to a value, as complex numbers have.
    const Data data = Noise(Product(in) * width * parts, random());
    CHECK(Overlap(data, in, out, Product(out) * parts, width) ==
          OverlapByHand(data, in, out, width * parts));
  }
}

TEST_CASE("mapping: others share what comes first") {
  const Data data = Noise(240, 1);
  const auto first = [&](size_t bytes, size_t of) {
    Data out(of);
    std::copy_n(data.begin(), bytes, out.begin());
    return out;
  };
  // Other numbers of dimensions, longer and shorter.
  CHECK(Overlap(data, {60}, {8, 4}, 32, 4) == first(128, 128));
  CHECK(Overlap(data, {60}, {10, 10}, 100, 4) == first(240, 400));
  CHECK(Overlap(data, {6, 10}, {}, 1, 4) == first(4, 4));
  // Packed values, which elements do not divide, and values of other sizes.
  CHECK(Overlap(data, {7, 64}, {7, 32}, 30, 4) == first(120, 120));
  CHECK(Overlap(data, {60}, {60}, 120, 4) == first(240, 480));
  // None on one side.
  CHECK(Overlap({}, {0, 4}, {2, 4}, 8, 4) == Data(32));
  CHECK(Overlap(data, {60}, {0}, 0, 4).empty());
}
