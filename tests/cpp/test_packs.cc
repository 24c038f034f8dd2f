#include <doctest/doctest.h>

#include <fstream>
#include <iterator>

#include "mh/chain/chain_decode.h"
#include "tests/cpp/samples.h"

using mh_test::Data;
using mh_test::IdOf;
using mh_test::InputOf;
using mh_test::Noise;
using mh_test::ScratchPath;

namespace {

Data ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return Data(std::istreambuf_iterator<char>(file), {});
}

void WriteFile(const std::string& path, const Data& data) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(reinterpret_cast<const char*>(data.data()), static_cast<std::streamsize>(data.size()));
}

// Floats alone and two deltas on them, an empty array and a file.
std::vector<Data> WritePack(const std::string& path, mh::Preset preset) {
  std::vector<Data> arrays{mh_test::Weights(700, 4, 1)};
  arrays.push_back(mh_test::StepFrom(arrays[0], 4, 2));
  arrays.push_back(mh_test::StepFrom(arrays[1], 4, 3));
  arrays.push_back({});
  arrays.push_back(Noise(1000, 4, 7));
  auto writer = mh::PackWriter::Create(path, preset);
  REQUIRE(writer.ok());
  for (uint8_t i = 0; i < 5; i++) {
    mh::EntryInput input = InputOf(i, i == 4 ? 1 : 4, mh::ValueKind::kFloat, arrays[i]);
    if (i == 4) input.head.kind = 2;
    if (i == 1 || i == 2) {
      mh_test::SetBase(static_cast<uint8_t>(i - 1), i - 1u, arrays[i - 1u], &input);
    }
    const auto added = writer.value()->Add(input, 2);
    REQUIRE(added.ok());
    CHECK(added.value().is_delta == (i == 1 || i == 2));
  }
  REQUIRE(writer.value()->Finish().ok());
  return arrays;
}

mh::Status ReadAll(const std::string& path, const std::vector<Data>& arrays) {
  const auto pack = mh::PackReader::Open(path);
  if (!pack.ok()) return pack.status();
  for (const size_t i : {0, 1, 2, 4}) {
    std::vector<mh::Link> chain{{pack.value(), i}};
    for (size_t link = i; i < 3 && link-- > 0;) chain.push_back({pack.value(), link});
    Data out(arrays[i].size());
    const auto bytes = mh::DecodeChain(chain, {}, out);
    if (!bytes.ok()) return bytes.status();
    CHECK(out == arrays[i]);
  }
  return pack.value()->Verify(3);
}

}  // namespace

TEST_CASE("packs: entries of every preset come back and are found by their ids") {
  for (const mh::Preset preset : {mh::Preset::kFast, mh::Preset::kDefault, mh::Preset::kDense}) {
    const ScratchPath path;
    const std::vector<Data> arrays = WritePack(path.str(), preset);
    CHECK(ReadAll(path.str(), arrays).ok());
    const auto pack = mh::PackReader::Open(path.str());
    REQUIRE(pack.ok());
    REQUIRE(pack.value()->count() == 5);
    for (uint8_t i = 0; i < 5; i++) {
      CHECK(pack.value()->Find(IdOf(i)) == i);
      CHECK(pack.value()->Verify(i).ok());
    }
    CHECK(pack.value()->Find(IdOf(9)) == -1);
  }
}

TEST_CASE("packs: one with any byte changed or cut off is refused, or returns what was stored") {
  const ScratchPath path;
  const std::vector<Data> arrays = WritePack(path.str(), mh::Preset::kDefault);
  const Data good = ReadFile(path.str());
  REQUIRE(ReadAll(path.str(), arrays).ok());
  for (size_t at = 0; at < good.size(); at += at < 800 || at + 800 > good.size() ? 1 : 13) {
    CAPTURE(at);
    Data bad = good;
    bad[at] ^= static_cast<uint8_t>(1u << (at % 8));
    WriteFile(path.str(), bad);
    CHECK_FALSE(ReadAll(path.str(), arrays).ok());
    bad.resize(at);
    WriteFile(path.str(), bad);
    CHECK_FALSE(ReadAll(path.str(), arrays).ok());
  }
}

TEST_CASE("packs: entries are copied as they are stored") {
  const ScratchPath from, to;
  const std::vector<Data> arrays = WritePack(from.str(), mh::Preset::kDefault);
  const auto pack = mh::PackReader::Open(from.str());
  REQUIRE(pack.ok());
  auto writer = mh::PackWriter::Create(to.str(), mh::Preset::kDense);
  REQUIRE(writer.ok());
  for (size_t i = 0; i < 5; i++) CHECK(writer.value()->Copy(*pack.value(), i).ok());
  CHECK(writer.value()->Copy(*pack.value(), 0).code() == mh::Code::kConflict);
  REQUIRE(writer.value()->Finish().ok());
  CHECK(ReadFile(to.str()) == ReadFile(from.str()));
}

TEST_CASE("packs: a writer removes what it did not finish, and says so afterwards") {
  const ScratchPath path;
  const Data data = Noise(100, 1);
  {
    auto writer = mh::PackWriter::Create(path.str(), mh::Preset::kDefault);
    REQUIRE(writer.ok());
    const mh::EntryInput input = InputOf(1, 4, mh::ValueKind::kFloat, data);
    CHECK(writer.value()->Add(input, 1).ok());
    CHECK(writer.value()->Add(input, 1).status().code() == mh::Code::kConflict);
    mh::EntryInput wrong = InputOf(2, 4, mh::ValueKind::kFloat, data);
    wrong.head.shape = {0};
    CHECK(writer.value()->Add(wrong, 1).status().code() == mh::Code::kBadShape);
    CHECK(writer.value()->count() == 1);
    writer.value()->Abort();
    CHECK(writer.value()->Add(input, 1).status().code() == mh::Code::kUsage);
  }
  CHECK(mh::PackReader::Open(path.str()).status().code() == mh::Code::kNotFound);
}

TEST_CASE("packs: heads are refused at one past each limit") {
  mh::Head head;
  head.type = {4, mh::ValueKind::kFloat};
  head.raw_bytes = 16;
  head.shape = {4};
  CHECK(mh::CheckHead(head).ok());
  const auto refused = [&](auto change) {
    mh::Head other = head;
    change(other);
    return !mh::CheckHead(other).ok();
  };
  CHECK(refused([](mh::Head& h) { h.type.width = 16; }));
  CHECK(refused([](mh::Head& h) { h.type.kind = static_cast<mh::ValueKind>(3); }));
  CHECK(refused([](mh::Head& h) { h.raw_bytes = 18; }));
  CHECK(refused([](mh::Head& h) { h.raw_bytes = uint64_t{1} << 63; }));
  CHECK(refused([](mh::Head& h) { h.shape = {0}; }));
  CHECK(refused([](mh::Head& h) { h.shape = {uint64_t{1} << 63}; }));
  CHECK(refused([](mh::Head& h) { h.shape.assign(65, 1); }));
  CHECK_FALSE(refused([](mh::Head& h) { h.shape.assign(64, 1); }));
  CHECK(refused([](mh::Head& h) { h.block_log2 = 7; }));
  CHECK_FALSE(refused([](mh::Head& h) { h.block_log2 = 8; }));
  CHECK_FALSE(refused([](mh::Head& h) { h.block_log2 = 20; }));
  CHECK(refused([](mh::Head& h) { h.block_log2 = 21; }));
  CHECK(refused([](mh::Head& h) { h.depth = 1; }));
  CHECK(refused([](mh::Head& h) { h.scheme = mh::Scheme::kDelta; }));
  const auto deep = [](uint32_t depth) {
    return [depth](mh::Head& h) {
      h.scheme = mh::Scheme::kDelta;
      h.base = IdOf(1);
      h.depth = depth;
    };
  };
  CHECK_FALSE(refused(deep(65535)));
  CHECK(refused(deep(65536)));
}

namespace {

mh::Head MappedHead() {
  mh::Head head;
  head.kind = 3;
  head.type = {2, mh::ValueKind::kFloat};
  head.scheme = mh::Scheme::kMapped;
  head.depth = 4;
  head.raw_bytes = 12;
  head.id = IdOf(5);
  head.base = IdOf(6);
  head.shape = {2, 3};
  head.mapped = {mh::Conversion::kFloatToHalf, 7, {4, mh::ValueKind::kFloat}, 16, {4}};
  head.segment_bytes = {6, 0};
  return head;
}

}  // namespace

TEST_CASE("packs: what a mapped delta says of its base is checked") {
  const auto refused = [&](auto change) {
    mh::Head other = MappedHead();
    change(other);
    return !mh::CheckHead(other).ok();
  };
  CHECK_FALSE(refused([](mh::Head&) {}));
  CHECK(refused([](mh::Head& h) { h.mapped.type.width = 2; }));
  CHECK(refused([](mh::Head& h) { h.mapped.type.kind = mh::ValueKind::kSigned; }));
  CHECK(refused([](mh::Head& h) { h.mapped.conversion = mh::Conversion::kHalfToFloat; }));
  CHECK(refused([](mh::Head& h) { h.mapped.conversion = mh::Conversion::kNone; }));
  CHECK(refused([](mh::Head& h) { h.mapped.raw_bytes = 15; }));
  CHECK(refused([](mh::Head& h) { h.mapped.shape = {0}; }));
  CHECK(refused([](mh::Head& h) { h.mapped.shape.assign(65, 1); }));
  CHECK(refused([](mh::Head& h) { h.base = h.id; }));
  CHECK_FALSE(refused([](mh::Head& h) {
    h.mapped = {mh::Conversion::kNone, h.dtype_code, h.type, 40, {20}};
  }));
}

TEST_CASE("packs: a head that is serialised parses to itself, and not when cut short") {
  mh::Head delta = MappedHead();
  delta.scheme = mh::Scheme::kDelta;
  delta.mapped = mh::BaseShape();
  mh::Head alone = delta;
  alone.scheme = mh::Scheme::kAlone;
  alone.depth = 0;
  alone.base = mh::Id{};
  for (const mh::Head& head : {MappedHead(), delta, alone}) {
    const std::string text = mh::SerializeHead(head);
    CHECK(text.size() == mh::HeadBytes(head));
    const mh_test::Bytes8 bytes(
        std::span(reinterpret_cast<const uint8_t*>(text.data()), text.size()));
    size_t used = 0;
    const auto again = mh::ParseHead(bytes.span(), &used);
    REQUIRE(again.ok());
    CHECK(used == text.size());
    CHECK(mh::SerializeHead(again.value()) == text);
    for (size_t size = 0; size < text.size(); size++) {
      const mh_test::Bytes8 cut(bytes.span().first(size));
      CHECK_FALSE(mh::ParseHead(cut.span(), &used).ok());
    }
  }
}

TEST_CASE("packs: numbers on disk do not change") {
  const char* const codecs[] = {"constant", "raw",   "lz4",     "zstd",    "rans",
                                "bits",     "field", "classes", "palette", "joined"};
  for (int i = 0; i < mh::kCodecCount; i++) CHECK(std::string(mh::kCodecNames[i]) == codecs[i]);
  CHECK(static_cast<int>(mh::CodecId::kConstant) == 0);
  CHECK(static_cast<int>(mh::CodecId::kRaw) == 1);
  CHECK(static_cast<int>(mh::CodecId::kLz4) == 2);
  CHECK(static_cast<int>(mh::CodecId::kZstd) == 3);
  CHECK(static_cast<int>(mh::CodecId::kRans) == 4);
  CHECK(static_cast<int>(mh::CodecId::kBits) == 5);
  CHECK(static_cast<int>(mh::CodecId::kField) == 6);
  CHECK(static_cast<int>(mh::CodecId::kClasses) == 7);
  CHECK(static_cast<int>(mh::CodecId::kPalette) == 8);
  CHECK(static_cast<int>(mh::CodecId::kJoined) == 9);
  CHECK(static_cast<int>(mh::Form::kDifference) == 0);
  CHECK(static_cast<int>(mh::Form::kAlone) == 1);
  CHECK(static_cast<int>(mh::Form::kXor) == 2);
  CHECK(static_cast<int>(mh::Conversion::kNone) == 0);
  CHECK(static_cast<int>(mh::Conversion::kFloatToBfloat) == 1);
  CHECK(static_cast<int>(mh::Conversion::kFloatToHalf) == 2);
  CHECK(static_cast<int>(mh::Conversion::kBfloatToFloat) == 3);
  CHECK(static_cast<int>(mh::Conversion::kHalfToFloat) == 4);
  CHECK(static_cast<int>(mh::Scheme::kAlone) == 0);
  CHECK(static_cast<int>(mh::Scheme::kDelta) == 1);
  CHECK(static_cast<int>(mh::Scheme::kMapped) == 2);
  CHECK(static_cast<int>(mh::ValueKind::kUnsigned) == 0);
  CHECK(static_cast<int>(mh::ValueKind::kSigned) == 1);
  CHECK(static_cast<int>(mh::ValueKind::kFloat) == 2);
  CHECK(mh::kPackVersion == 1);
  CHECK(mh::kBlobVersion == 1);
  CHECK(mh::kKindTensor == 1);
}
