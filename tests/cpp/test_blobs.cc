#include <doctest/doctest.h>

#include "mh/chain/chain_decode.h"
#include "tests/cpp/samples.h"

using mh_test::Bytes8;
using mh_test::Data;
using mh_test::Encoded;
using mh_test::InputOf;
using mh_test::Levels;
using mh_test::NameOf;
using mh_test::Noise;

namespace {

// Decodes a blob from memory of exactly its length.
mh::Status Decode(const Data& blob, std::optional<mh::Bytes> base, Data* out) {
  const Bytes8 memory(blob);
  const auto opened = mh::Blob::Open(memory.span());
  if (!opened.ok()) return opened.status();
  const mh::Link link = {opened.value(), 0};
  Bytes8 room(out->size());
  const auto read = mh::DecodeChain({&link, 1}, {}, room.span(), base);
  if (!read.ok()) return read.status();
  *out = room.copy();
  return mh::Status::Ok();
}

void CheckBlob(const mh::EntryInput& input, mh::Preset preset) {
  const Data expected(input.data.begin(), input.data.end());
  const std::optional<mh::Bytes> base =
      input.has_base ? std::optional<mh::Bytes>(input.base.data) : std::nullopt;
  Data blob;
  for (const mh::Cpu level : Levels()) {
    CAPTURE(NameOf(level));
    const mh_test::UseCpu use(level);
    const Data coded = Encoded(input, preset);
    if (level == mh::Cpu::kScalar) blob = coded;
    CHECK(coded == blob);
    const auto opened = mh::Blob::Open(blob);
    REQUIRE(opened.ok());
    Data out(expected.size());
    CHECK(Decode(blob, opened.value()->head(0).is_delta() ? base : std::nullopt, &out).ok());
    CHECK(out == expected);
  }
}

}  // namespace

TEST_CASE("blobs: arrays of every type and preset come back, the same bytes at every level") {
  for (const mh::Preset preset : {mh::Preset::kFast, mh::Preset::kDefault, mh::Preset::kDense}) {
    for (const int width : {1, 2, 4, 8}) {
      for (const mh::ValueKind kind : {mh::ValueKind::kUnsigned, mh::ValueKind::kFloat}) {
        const Data base = width == 1 ? Noise(70'000, 1, 9) : mh_test::Weights(70'000, width, 1);
        const Data next = mh_test::StepFrom(base, width, 2);
        CheckBlob(InputOf(1, width, kind, base), preset);
        mh::EntryInput delta = InputOf(2, width, kind, next);
        mh_test::SetBase(1, 0, base, &delta);
        CheckBlob(delta, preset);
      }
    }
  }
}

TEST_CASE("blobs: an empty array and a file come back") {
  CheckBlob(InputOf(1, 4, mh::ValueKind::kFloat, {}), mh::Preset::kDefault);
  const Data text = Noise(5000, 1, 30);
  mh::EntryInput file = InputOf(1, 1, mh::ValueKind::kUnsigned, text);
  file.head.kind = 2;
  CheckBlob(file, mh::Preset::kDefault);
}

TEST_CASE("blobs: a base of another shape or type is mapped") {
  const Data base = mh_test::Weights(10'000, 4, 1);
  Data half = mh_test::FloatsOf(
      10'000, 2, [&](size_t i) { return std::bit_cast<float>(mh::Load<uint32_t>(&base[4 * i])); });
  mh::EntryInput narrower = InputOf(2, 2, mh::ValueKind::kFloat, half);
  mh_test::SetBase(1, 0, base, &narrower);
  narrower.base.type.width = 4;
  narrower.base.shape = {100, 100};
  narrower.conversion = mh::Conversion::kFloatToBfloat;
  CheckBlob(narrower, mh::Preset::kDefault);
  CHECK(Encoded(narrower).size() < half.size() / 2);
  // More rows than before.
  Data more = mh_test::StepFrom(base, 4, 3);
  more.resize(4 * 12'000);
  mh::EntryInput longer = InputOf(2, 4, mh::ValueKind::kFloat, more);
  mh_test::SetBase(1, 0, base, &longer);
  CheckBlob(longer, mh::Preset::kDefault);
}

TEST_CASE("blobs: one with any byte changed, cut off or added is refused") {
  const Data base = mh_test::Weights(700, 4, 1), next = mh_test::StepFrom(base, 4, 2);
  mh::EntryInput delta = InputOf(2, 4, mh::ValueKind::kFloat, next);
  mh_test::SetBase(1, 0, base, &delta);
  const Data good = Encoded(delta);
  Data out(next.size());
  REQUIRE(Decode(good, mh::Bytes(base), &out).ok());
  for (size_t at = 0; at < good.size(); at++) {
    CAPTURE(at);
    for (const int bit : {0, 7}) {
      Data bad = good;
      bad[at] ^= static_cast<uint8_t>(1u << bit);
      CHECK_FALSE(Decode(bad, mh::Bytes(base), &out).ok());
    }
    CHECK_FALSE(
        Decode(Data(good.begin(), good.begin() + static_cast<long>(at)), mh::Bytes(base), &out)
            .ok());
  }
  Data longer = good;
  longer.push_back(0);
  CHECK_FALSE(Decode(longer, mh::Bytes(base), &out).ok());
}

TEST_CASE("blobs: other bytes, versions and lengths say what they are") {
  const Data good = Encoded(InputOf(1, 4, mh::ValueKind::kFloat, mh_test::Weights(300, 4, 1)));
  const auto code = [](const Data& data) { return mh::Blob::Open(data).status().code(); };
  CHECK(code({}) == mh::Code::kCorruption);
  CHECK(code(Noise(500, 1)) == mh::Code::kCorruption);
  Data version = good;
  version[8] = 2;
  CHECK(code(version) == mh::Code::kUnsupportedVersion);
  Data reserved = good;
  reserved[12] = 1;
  CHECK(code(reserved) == mh::Code::kCorruption);
}

TEST_CASE("blobs: an array that declares far more than the blob holds allocates little") {
  mh::Head head;
  head.kind = mh::kKindTensor;
  head.type = {8, mh::ValueKind::kFloat};
  head.block_log2 = mh::kBlockLog2Max;
  head.raw_bytes = uint64_t{1} << 62;
  head.shape = {head.elements()};
  head.segment_bytes.assign(8, 0);
  const std::string text = mh::SerializeHead(head);
  Data blob(mh::kBlobHeaderBytes);
  std::memcpy(blob.data(), mh::kBlobMagic, 8);
  mh::Store(&blob[8], mh::kBlobVersion);
  blob.insert(blob.end(), text.begin(), text.end());
  blob.resize(blob.size() + 1000);
  CHECK(mh::Blob::Open(blob).status().code() == mh::Code::kCorruption);
}
