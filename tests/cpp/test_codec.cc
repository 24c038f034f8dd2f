#include <doctest/doctest.h>

#include <cstring>

#include "mh/codec/block_coder.h"
#include "mh/codec/planes/planes_kernel.h"
#include "tests/cpp/test_util.h"

using mh_test::Data;
using mh_test::Noise;

TEST_CASE("vector planes equal scalar planes for every width, length and number kept") {
  for (const int width : {1, 2, 4, 8}) {
    for (const size_t n : {0, 1, 15, 16, 17, 31, 33, 64, 255, 1000}) {
      const auto w = static_cast<size_t>(width);
      const Data elements = Noise(n * w, static_cast<uint32_t>(n));
      Data planes(n * w), expected(n * w);
      mh::SplitPlanes(elements.data(), n, width, planes.data(), n);
      mh::SplitPlanesScalar(elements.data(), n, width, expected.data(), n);
      CHECK(planes == expected);
      for (int kept = 1; kept <= width; kept++) {
        Data merged(n * w, 0xa5), by_hand(n * w, 0x5a);
        mh::MergePlanes(planes.data(), n, n, width, kept, merged.data());
        mh::MergePlanesScalar(planes.data(), n, n, width, kept, by_hand.data());
        CHECK(merged == by_hand);
        if (kept == width) CHECK(merged == elements);
      }
    }
  }
}

namespace {

// The delta of spec.md, one element at a time.
uint64_t DeltaByHand(uint64_t x, uint64_t b, int width, mh::ValueKind kind) {
  const int bits = 8 * width, level = width == 1 ? 8 : bits / 2;
  const uint64_t all = bits == 64 ? ~uint64_t{0} : (uint64_t{1} << bits) - 1;
  const uint64_t top = uint64_t{1} << (bits - 1), mask = (uint64_t{1} << level) - 1;
  const auto map = [&](uint64_t v) {
    if (kind != mh::ValueKind::kFloat) return v;
    return (v & top) != 0 ? ~v & all : v | top;
  };
  uint64_t result = 0;
  for (int shift = 0; shift < bits; shift += level) {
    const uint64_t d = ((map(x) >> shift) - (map(b) >> shift)) & mask;
    const uint64_t z = ((d << 1) ^ ((d >> (level - 1)) != 0 ? mask : 0)) & mask;
    result |= z << shift;
  }
  return result;
}

}  // namespace

TEST_CASE("deltas follow the specification and come back, every 16-bit pair of a stride included") {
  for (const int width : {1, 2, 4, 8}) {
    for (const auto kind :
         {mh::ValueKind::kUnsigned, mh::ValueKind::kSigned, mh::ValueKind::kFloat}) {
      const size_t n = 1301, w = static_cast<size_t>(width);
      Data elements = Noise(n * w, 1), base = Noise(n * w, 2);
      std::memset(elements.data(), 0, 8 * w);  // Zero against noise, and equal values.
      std::memcpy(base.data() + 64 * w, elements.data() + 64 * w, 64 * w);
      Data delta(n * w);
      mh::DeltaForward(elements.data(), base.data(), n, width, kind, delta.data());
      for (size_t i = 0; i < n; i++) {
        uint64_t x = 0, b = 0, z = 0;
        std::memcpy(&x, &elements[i * w], w);
        std::memcpy(&b, &base[i * w], w);
        std::memcpy(&z, &delta[i * w], w);
        REQUIRE(z == DeltaByHand(x, b, width, kind));
      }
      Data again = base;
      mh::DeltaInverse(delta.data(), n, width, kind, false, again.data());
      CHECK(again == elements);
      if (width == 1) continue;
      // The leading half alone.
      Data half = base, half_delta = delta, expected = elements;
      for (Data* data : {&half, &half_delta, &expected}) {
        for (size_t i = 0; i < n; i++) std::memset(&(*data)[i * w], 0, w / 2);
      }
      mh::DeltaInverse(half_delta.data(), n, width, kind, true, half.data());
      CHECK(half == expected);
    }
  }
}

TEST_CASE("cells choose their codec and come back") {
  Data repeats;
  for (int i = 0; i < 40; i++) {
    const Data row = Noise(1500, 9);
    repeats.insert(repeats.end(), row.begin(), row.end());
  }
  struct Case {
    Data data;
    mh::CodecId codec;
  };
  const Case cases[] = {
      {Data(70'000, 3), mh::CodecId::kConstant},  {Noise(70'000, 1), mh::CodecId::kRaw},
      {Noise(70'000, 1, 20), mh::CodecId::kZstd}, {Noise(1, 1), mh::CodecId::kConstant},
      {Noise(2, 1), mh::CodecId::kRaw},           {repeats, mh::CodecId::kLz4}};
  mh::CodecState state;
  for (const Case& one : cases) {
    Data out(one.data.size()), scratch(one.data.size());
    mh::Cell cell;
    REQUIRE(mh::EncodeCell(&state, 1, one.data, out, scratch, &cell).ok());
    CHECK(cell.stored_bytes <= one.data.size());
    if (one.codec != mh::CodecId::kLz4 || cell.codec != mh::CodecId::kZstd) {
      CHECK(cell.codec == one.codec);
    }
    REQUIRE(mh::CheckCell(cell, one.data.size()).ok());
    Data again(one.data.size());
    out.resize(cell.stored_bytes);
    out.shrink_to_fit();  // So that reading past the payload shows under ASan.
    CHECK(mh::DecodeCell(&state, cell, out, again).ok());
    CHECK(again == one.data);
  }
}

TEST_CASE("damaged payloads are refused even with a checksum that matches") {
  mh::CodecState state;
  const Data data = Noise(3000, 1, 4);
  for (const auto codec : {mh::CodecId::kLz4, mh::CodecId::kZstd}) {
    Data payload = Noise(500, 2);
    for (uint32_t round = 0; round < 300; round++) {
      mh::Cell cell;
      cell.codec = codec;
      payload = Noise(1 + round % 400, round);
      if (codec == mh::CodecId::kZstd && payload.size() > 8) {
        const uint8_t magic[] = {0x28, 0xb5, 0x2f, 0xfd};  // So that the frame itself is reached.
        std::memcpy(payload.data(), magic, 4);
      }
      cell.stored_bytes = static_cast<uint32_t>(payload.size());
      cell.checksum = mh::Checksum(payload.data(), payload.size());
      Data out(data.size());
      (void)mh::DecodeCell(&state, cell, payload, out).ok();
      cell.checksum ^= 1;
      CHECK(mh::DecodeCell(&state, cell, payload, out).code() == mh::Code::kCorruption);
    }
  }
}

TEST_CASE("cells that cannot be are refused") {
  const auto refused = [](mh::CodecId codec, uint32_t stored, size_t elements) {
    mh::Cell cell;
    cell.codec = codec;
    cell.stored_bytes = stored;
    return !mh::CheckCell(cell, elements).ok();
  };
  CHECK(refused(mh::CodecId::kConstant, 1, 10));
  CHECK(refused(mh::CodecId::kRaw, 9, 10));
  CHECK(refused(mh::CodecId::kRaw, 11, 10));
  CHECK(refused(mh::CodecId::kLz4, 10, 10));
  CHECK(refused(mh::CodecId::kZstd, 0, 10));
  CHECK(refused(static_cast<mh::CodecId>(4), 0, 10));
  CHECK_FALSE(refused(mh::CodecId::kZstd, 9, 10));
}
