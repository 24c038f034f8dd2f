#include "mh/codec/mapping/mapping_kernel.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "mh/base/endian.h"

namespace mh {

int WidthBefore(Conversion conversion) {
  if (conversion == Conversion::kNone) return 0;
  return conversion <= Conversion::kFloatToHalf ? 4 : 2;
}

int WidthAfter(Conversion conversion) {
  if (conversion == Conversion::kNone) return 0;
  return conversion <= Conversion::kFloatToHalf ? 2 : 4;
}

int PlanesBefore(Conversion conversion, int width) {
  return WidthBefore(conversion) == 4 ? 3 : width;
}

namespace {

// What a prediction from 3 bytes knows of a float32.
uint32_t Leading(const uint8_t* in) { return Load<uint32_t>(in) & 0xffffff00u; }

uint16_t BfloatOf(uint32_t x) {
  if ((x & 0x7fffffff) > 0x7f800000) return static_cast<uint16_t>(x >> 16);  // NaN, cut.
  return static_cast<uint16_t>((x + 0x7fff + (x >> 16 & 1)) >> 16);
}

uint16_t HalfOf(uint32_t x) {
  const auto sign = static_cast<uint16_t>(x >> 16 & 0x8000);
  const uint32_t magnitude = x & 0x7fffffff;
  if (magnitude > 0x7f800000) return static_cast<uint16_t>(sign | 0x7e00);
  if (magnitude >= 0x47800000) return static_cast<uint16_t>(sign | 0x7c00);  // 65536 and above.
  // The number of low bits that go; below 2^-14 the result is subnormal and loses more.
  const int exponent = static_cast<int>(magnitude >> 23);
  const int drop = exponent >= 113 ? 13 : 13 + 113 - exponent;
  if (drop > 25) return sign;
  uint32_t mantissa = magnitude;
  if (exponent >= 113) {
    mantissa -= uint32_t{112} << 23;
  } else {
    mantissa = (magnitude & 0x7fffff) | 0x800000;
  }
  const uint32_t half = uint32_t{1} << (drop - 1);
  const uint32_t rounded = mantissa + half - 1 + (mantissa >> drop & 1);
  return static_cast<uint16_t>(sign | (rounded >> drop));
}

uint32_t FloatOfHalf(uint16_t h) {
  const uint32_t sign = static_cast<uint32_t>(h & 0x8000) << 16;
  const uint32_t exponent = h >> 10 & 31, mantissa = h & 1023;
  if (exponent == 31) return sign | 0x7f800000 | mantissa << 13;
  if (exponent > 0) return sign | (exponent + 112) << 23 | mantissa << 13;
  if (mantissa == 0) return sign;
  const int length = std::bit_width(mantissa);  // The leading one becomes implicit.
  const uint32_t shifted = mantissa << (11 - length) & 1023;
  return sign | static_cast<uint32_t>(102 + length) << 23 | shifted << 13;
}

}  // namespace

void ConvertElements(Conversion conversion, const uint8_t* in, size_t n, uint8_t* out) {
  for (size_t i = 0; i < n; i++) {
    switch (conversion) {
      case Conversion::kNone:
        return;
      case Conversion::kFloatToBfloat:
        Store(out + 2 * i, BfloatOf(Leading(in + 4 * i)));
        break;
      case Conversion::kFloatToHalf:
        Store(out + 2 * i, HalfOf(Leading(in + 4 * i)));
        break;
      case Conversion::kBfloatToFloat:
        Store(out + 4 * i, static_cast<uint32_t>(Load<uint16_t>(in + 2 * i)) << 16);
        break;
      case Conversion::kHalfToFloat:
        Store(out + 4 * i, FloatOfHalf(Load<uint16_t>(in + 2 * i)));
        break;
    }
  }
}

namespace {

size_t Product(std::span<const uint64_t> shape) {
  size_t product = 1;
  for (const uint64_t dim : shape) product *= static_cast<size_t>(dim);
  return product;
}

// Copies a hyper-rectangle, dimension by dimension; the last one is a run of bytes.
void CopyBox(const uint8_t* in, std::span<const uint64_t> shape_in,
             std::span<const uint64_t> shape_out, size_t unit, uint8_t* out) {
  if (shape_in.empty()) {
    std::memcpy(out, in, unit);
    return;
  }
  const auto common = static_cast<size_t>(std::min(shape_in[0], shape_out[0]));
  const auto rest_in = shape_in.subspan(1), rest_out = shape_out.subspan(1);
  const size_t step_in = Product(rest_in) * unit, step_out = Product(rest_out) * unit;
  if (std::equal(rest_in.begin(), rest_in.end(), rest_out.begin())) {
    std::memcpy(out, in, common * step_in);
    return;
  }
  for (size_t i = 0; i < common; i++) {
    CopyBox(in + i * step_in, rest_in, rest_out, unit, out + i * step_out);
  }
}

}  // namespace

void CopyOverlap(const uint8_t* in, size_t elements_in, std::span<const uint64_t> shape_in,
                 std::span<const uint64_t> shape_out, size_t elements_out, int width,
                 uint8_t* out) {
  const auto w = static_cast<size_t>(width);
  std::memset(out, 0, elements_out * w);
  if (elements_in == 0 || elements_out == 0) return;
  const size_t values_in = Product(shape_in), values_out = Product(shape_out);
  // Elements to a value: two for complex numbers. Packed values have less than one.
  const bool whole = values_in > 0 && values_out > 0 && elements_in % values_in == 0 &&
                     elements_out % values_out == 0 &&
                     elements_in / values_in == elements_out / values_out;
  if (!whole || shape_in.size() != shape_out.size()) {
    std::memcpy(out, in, std::min(elements_in, elements_out) * w);
    return;
  }
  CopyBox(in, shape_in, shape_out, elements_in / values_in * w, out);
}

}  // namespace mh
