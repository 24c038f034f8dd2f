#include <doctest/doctest.h>

#include "mh/base/checksum.h"
#include "mh/codec/codec.h"
#include "mh/codec/lz4/lz4_codec.h"
#include "mh/codec/zstd/zstd_codec.h"
#include "tests/cpp/test_util.h"

using mh::CodecId;
using mh_test::Bytes8;
using mh_test::Data;
using mh_test::Levels;
using mh_test::NameOf;
using mh_test::Noise;

namespace {

struct Coded {
  mh::Cell cell;
  Data payload;
};

Coded Encode(mh::CodecState* state, mh::Cpu level, mh::Preset preset, bool repeats,
             const Data& data) {
  REQUIRE(state->rans.Reserve(data.size()));
  const Bytes8 in(data);
  Bytes8 out(data.size()), scratch(data.size());
  Coded coded;
  mh::EncodeCell(state, level, mh::RulesOf(preset), {repeats}, in.span(), out.span(),
                 scratch.span(), &coded.cell);
  REQUIRE(coded.cell.stored_bytes <= data.size());
  coded.payload.assign(out.data(), out.data() + coded.cell.stored_bytes);
  return coded;
}

bool Decode(mh::CodecState* state, mh::Cpu level, const Coded& coded, size_t size, Data* data) {
  REQUIRE(state->rans.Reserve(size));
  const Bytes8 in(coded.payload);
  Bytes8 out(size);
  const mh::Status status = mh::DecodeCell(state, level, coded.cell, in.span(), out.span());
  if (!status.ok()) CHECK(status.code() == mh::Code::kCorruption);
  *data = out.copy();
  return status.ok();
}

Data Repeats(size_t rows) {
  Data data;
  for (size_t i = 0; i < rows; i++) {
    const Data row = Noise(1500, 9);
    data.insert(data.end(), row.begin(), row.end());
  }
  return data;
}

std::vector<Data> Planes() {
  std::vector<Data> planes = {Data(1, 5),          Data(70'000, 3),   Noise(1, 1),
                              Noise(2, 1),         Noise(70'000, 1),  Noise(70'000, 1, 20),
                              Noise(70'000, 2, 2), Repeats(40),       Noise(5000, 3, 64),
                              Noise(1023, 4, 9),   Noise(1024, 4, 9), Noise(4096, 5, 200)};
  Data shifted = Noise(65'536, 6, 16);
  for (uint8_t& byte : shifted) byte = static_cast<uint8_t>(byte << 4);
  planes.push_back(shifted);
  Data rare(65'536);  // One byte in a thousand is not zero.
  for (size_t i = 0; i < rare.size(); i += 1009) rare[i] = static_cast<uint8_t>(i);
  planes.push_back(rare);
  Data mixed = Noise(40'000, 7);
  mixed.insert(mixed.end(), 30'000, 0);
  planes.push_back(mixed);
  return planes;
}

}  // namespace

TEST_CASE("cells: every plane comes back from every preset, the same at every level") {
  mh::CodecState state;
  for (const Data& data : Planes()) {
    for (int preset = 0; preset < mh::kPresetCount; preset++) {
      for (const bool repeats : {false, true}) {
        const auto choice = static_cast<mh::Preset>(preset);
        const Coded expected = Encode(&state, mh::Cpu::kScalar, choice, repeats, data);
        CHECK(mh::IsPlaneCodec(expected.cell.codec));
        CHECK(mh::CheckCell(expected.cell, data.size(), 1, 0).ok());
        CHECK(expected.cell.checksum ==
              mh::Checksum(expected.payload.data(), expected.payload.size()));
        for (const mh::Cpu level : Levels()) {
          CAPTURE(NameOf(level));
          const Coded coded = Encode(&state, level, choice, repeats, data);
          CHECK(coded.payload == expected.payload);
          CHECK(coded.cell.codec == expected.cell.codec);
          Data again;
          CHECK(Decode(&state, level, expected, data.size(), &again));
          CHECK(again == data);
        }
      }
    }
  }
}

TEST_CASE("cells: codecs are chosen for what they are for") {
  mh::CodecState state;
  const auto chosen = [&](mh::Preset preset, bool repeats, const Data& data) {
    return Encode(&state, Levels().back(), preset, repeats, data).cell.codec;
  };
  for (const mh::Preset preset : {mh::Preset::kFast, mh::Preset::kDefault, mh::Preset::kDense}) {
    CHECK(chosen(preset, false, Data(70'000, 3)) == CodecId::kConstant);
    CHECK(chosen(preset, false, Noise(70'000, 1)) == CodecId::kRaw);
    CHECK(chosen(preset, false, Noise(70'000, 1, 32)) == CodecId::kBits);
    const CodecId repeated = chosen(preset, true, Repeats(40));
    CHECK((repeated == CodecId::kLz4 || repeated == CodecId::kZstd));
  }
  Data skewed = Noise(70'000, 1);
  for (uint8_t& byte : skewed) byte = static_cast<uint8_t>(__builtin_ctz(byte | 0x100) * 31);
  CHECK(chosen(mh::Preset::kFast, false, skewed) == CodecId::kZstd);
  CHECK(chosen(mh::Preset::kDefault, false, skewed) == CodecId::kRans);
}

TEST_CASE("cells: damaged payloads are refused or fill the plane, alike at every level") {
  mh::CodecState state;
  const Data plane = Noise(3000, 1, 4);
  std::vector<Coded> payloads;
  for (const CodecId codec : {CodecId::kLz4, CodecId::kZstd, CodecId::kRans, CodecId::kBits}) {
    Coded coded;
    coded.payload.resize(plane.size() + 200);
    const std::span<uint8_t> room(coded.payload);
    REQUIRE(state.rans.Reserve(plane.size()));
    size_t size = 0;
    if (codec == CodecId::kLz4) size = mh::Lz4Compress(&state, plane, room, false);
    if (codec == CodecId::kZstd) size = mh::ZstdCompress(&state, 3, plane, room);
    if (codec == CodecId::kRans) size = mh::EncodeRansBytes(&state.rans, plane, room);
    coded.cell.codec = codec;
    if (codec == CodecId::kBits) {
      coded = Encode(&state, mh::Cpu::kScalar, mh::Preset::kDefault, false, Noise(3000, 1, 16));
      size = coded.payload.size();
    }
    REQUIRE(size > 0);
    coded.payload.resize(size);
    payloads.push_back(coded);
  }
  std::mt19937 random(1);
  for (int round = 0; round < 4000; round++) {
    Coded bad = payloads[static_cast<size_t>(round) % payloads.size()];
    const uint32_t kind = random() % 4;
    if (kind == 0) bad.payload.resize(1 + random() % bad.payload.size());
    if (kind == 1) bad.payload = Noise(1 + random() % 400, random());
    for (uint32_t i = 0; i < kind; i++) {
      bad.payload[random() % bad.payload.size()] = static_cast<uint8_t>(random());
    }
    bad.cell.stored_bytes = static_cast<uint32_t>(bad.payload.size());
    Data expected, out;
    const bool good = Decode(&state, mh::Cpu::kScalar, bad, plane.size(), &expected);
    for (const mh::Cpu level : Levels()) {
      CAPTURE(NameOf(level));
      CHECK(Decode(&state, level, bad, plane.size(), &out) == good);
      if (good) CHECK(out == expected);
    }
  }
}

TEST_CASE("cells: zstd takes one frame, lz4 one block, both of the plane's length") {
  mh::CodecState state;
  const Data plane = Noise(3000, 1, 4);
  Data frame(4000), block(4000);
  frame.resize(mh::ZstdCompress(&state, 3, plane, frame));
  block.resize(mh::Lz4Compress(&state, plane, block, false));
  Data out(plane.size()), shorter(plane.size() - 1), longer(plane.size() + 1);
  CHECK(mh::ZstdDecompress(&state, frame, out));
  CHECK(out == plane);
  CHECK(mh::Lz4Decompress(block, out));
  CHECK(out == plane);
  for (Data* other : {&shorter, &longer}) {
    CHECK_FALSE(mh::ZstdDecompress(&state, frame, *other));
    CHECK_FALSE(mh::Lz4Decompress(block, *other));
  }
  Data two = frame;
  two.insert(two.end(), frame.begin(), frame.end());
  Data twice(2 * plane.size());
  CHECK_FALSE(mh::ZstdDecompress(&state, two, twice));
  const uint8_t skippable[] = {0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 1, 1};
  Data with_skippable(skippable, skippable + sizeof(skippable));
  CHECK_FALSE(mh::ZstdDecompress(&state, with_skippable, out));
  with_skippable.insert(with_skippable.end(), frame.begin(), frame.end());
  CHECK_FALSE(mh::ZstdDecompress(&state, with_skippable, out));
}

TEST_CASE("cells: those that cannot be are refused") {
  const auto refused = [](CodecId codec, size_t stored, size_t elements, int width = 4,
                          int segment = 0) {
    mh::Cell cell;
    cell.codec = codec;
    cell.stored_bytes = static_cast<uint32_t>(stored);
    return !mh::CheckCell(cell, elements, width, segment).ok();
  };
  CHECK(refused(CodecId::kConstant, 1, 10));
  CHECK(refused(CodecId::kJoined, 1, 10, 4, 1));
  CHECK(refused(CodecId::kRaw, 9, 10));
  CHECK(refused(CodecId::kRaw, 11, 10));
  for (const CodecId codec :
       {CodecId::kLz4, CodecId::kZstd, CodecId::kRans, CodecId::kBits, CodecId::kField}) {
    CHECK(refused(codec, 0, 10));
    CHECK_FALSE(refused(codec, 9, 10));
    CHECK(refused(codec, 10, 10));
  }
  CHECK(refused(CodecId::kClasses, 0, 10));
  CHECK_FALSE(refused(CodecId::kClasses, 19, 10));
  CHECK(refused(CodecId::kClasses, 20, 10));
  CHECK(refused(CodecId::kPalette, 0, 10));
  CHECK_FALSE(refused(CodecId::kPalette, 39, 10));
  CHECK(refused(CodecId::kPalette, 40, 10));
  // Where they may be.
  for (const int width : {1, 8}) CHECK(refused(CodecId::kField, 5, 10, width));
  CHECK(refused(CodecId::kField, 5, 10, 4, 1));
  for (const int width : {1, 8}) CHECK(refused(CodecId::kClasses, 5, 10, width));
  CHECK(refused(CodecId::kClasses, 5, 10, 4, 1));
  CHECK_FALSE(refused(CodecId::kClasses, 5, 10, 4, 2));
  CHECK(refused(CodecId::kPalette, 5, 10, 1));
  CHECK(refused(CodecId::kPalette, 5, 10, 4, 2));
}

TEST_CASE("cells: codecs that hold more than a plane are not decoded as one") {
  mh::CodecState state;
  for (const CodecId codec : {CodecId::kField, CodecId::kClasses, CodecId::kPalette,
                              CodecId::kJoined, static_cast<CodecId>(10)}) {
    Coded coded;
    coded.cell.codec = codec;
    Data out;
    CHECK_FALSE(Decode(&state, mh::Cpu::kScalar, coded, 10, &out));
  }
}
