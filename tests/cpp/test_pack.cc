#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <iterator>

#include "mh/chain/chain_decode.h"
#include "tests/cpp/test_util.h"

using mh_test::Data;
using mh_test::IdOf;
using mh_test::InputOf;
using mh_test::Noise;
using mh_test::ScratchPath;

namespace {

Data Nearby(const Data& data, uint32_t seed) {
  Data near = data;
  const Data steps = Noise(data.size(), seed, 3);
  for (size_t i = 0; i < data.size(); i += 8) near[i] = static_cast<uint8_t>(near[i] + steps[i]);
  return near;
}

Data ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return Data(std::istreambuf_iterator<char>(file), {});
}

void WriteFile(const std::string& path, const Data& data) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(reinterpret_cast<const char*>(data.data()), static_cast<std::streamsize>(data.size()));
}

// One entry alone and two deltas on it, of `width`, then an empty one.
std::vector<Data> WriteChain(const std::string& path, int width, size_t elements) {
  std::vector<Data> arrays{Noise(elements * static_cast<size_t>(width), 1)};
  arrays.push_back(Nearby(arrays[0], 2));
  arrays.push_back(Nearby(arrays[1], 3));
  arrays.push_back({});
  auto writer = mh::PackWriter::Create(path, 1);
  REQUIRE(writer.ok());
  for (uint8_t i = 0; i < 4; i++) {
    mh::EntryInput input = InputOf(i, width, mh::ValueKind::kFloat, arrays[i]);
    if (i == 1 || i == 2) {
      input.has_base = true;
      input.base_id = IdOf(static_cast<uint8_t>(i - 1));
      input.base_depth = i - 1u;
      input.base = arrays[i - 1u];
    }
    const auto added = writer.value()->Add(input, 2);
    REQUIRE(added.ok());
    CHECK(added.value().is_delta == (i == 1 || i == 2));
  }
  REQUIRE(writer.value()->Finish().ok());
  return arrays;
}

}  // namespace

TEST_CASE("chains decode for every width, plane count and row range") {
  for (const int width : {1, 2, 4, 8}) {
    const ScratchPath path;
    const size_t elements = 140'001;
    const auto w = static_cast<size_t>(width);
    const std::vector<Data> arrays = WriteChain(path.str(), width, elements);
    const auto pack = mh::PackReader::Open(path.str());
    REQUIRE(pack.ok());
    const mh::Link chain[] = {{pack.value(), 2}, {pack.value(), 1}, {pack.value(), 0}};
    for (int planes = 1; planes <= width; planes++) {
      Data expected = arrays[2];
      for (size_t i = 0; i < elements; i++) {
        std::memset(&expected[i * w], 0, w - static_cast<size_t>(planes));
      }
      for (const auto& [begin, end] : {std::pair<size_t, size_t>{0, elements},
                                       {65'535, 65'537},
                                       {131'072, elements},
                                       {7, 7}}) {
        Data out((end - begin) * w, 0xa5);
        mh::DecodeRequest request{planes, begin, end, 2};
        REQUIRE(mh::DecodeChain(chain, request, out).ok());
        const auto first = expected.begin() + static_cast<std::ptrdiff_t>(begin * w);
        CHECK(std::equal(out.begin(), out.end(), first));
      }
    }
    Data all(elements * w);
    CHECK(mh::DecodeChain(std::span(chain).first(2), {}, all).status().code() == mh::Code::kUsage);
    CHECK(pack.value()->Find(IdOf(3)) == 3);
    CHECK(pack.value()->Find(IdOf(9)) == -1);
    for (size_t i = 0; i < 4; i++) CHECK(pack.value()->Verify(i).ok());
  }
}

TEST_CASE("a pack with any byte changed or cut off is refused, or returns what was stored") {
  const ScratchPath path;
  const std::vector<Data> arrays = WriteChain(path.str(), 4, 700);
  const Data good = ReadFile(path.str());
  const auto read = [&]() -> mh::Status {
    const auto pack = mh::PackReader::Open(path.str());
    if (!pack.ok()) return pack.status();
    for (size_t i = 0; i < 3; i++) {
      std::vector<mh::Link> chain;
      for (size_t link = i + 1; link-- > 0;) chain.push_back({pack.value(), link});
      Data out(arrays[i].size());
      const auto bytes = mh::DecodeChain(chain, {}, out);
      if (!bytes.ok()) return bytes.status();
      CHECK(out == arrays[i]);
    }
    return pack.value()->Verify(3);
  };
  REQUIRE(read().ok());
  for (size_t at = 0; at < good.size(); at += at < 2000 ? 1 : 37) {
    Data bad = good;
    bad[at] ^= static_cast<uint8_t>(1u << (at % 8));
    WriteFile(path.str(), bad);
    CHECK_FALSE(read().ok());
    bad.resize(at);
    WriteFile(path.str(), bad);
    CHECK_FALSE(read().ok());
  }
}

TEST_CASE("heads are refused at one past each limit") {
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

TEST_CASE("a head that is serialised parses to itself, and not when cut short") {
  mh::Head head;
  head.kind = 3;
  head.type = {2, mh::ValueKind::kSigned};
  head.scheme = mh::Scheme::kDelta;
  head.depth = 4;
  head.raw_bytes = 12;
  head.id = IdOf(5);
  head.base = IdOf(6);
  head.shape = {2, 3};
  head.segment_bytes = {6, 0};
  const std::string text = mh::SerializeHead(head);
  const mh::Bytes bytes(reinterpret_cast<const uint8_t*>(text.data()), text.size());
  size_t used = 0;
  const auto again = mh::ParseHead(bytes, &used);
  REQUIRE(again.ok());
  CHECK(used == text.size());
  CHECK(mh::SerializeHead(again.value()) == text);
  for (size_t size = 0; size < text.size(); size++) {
    CHECK_FALSE(mh::ParseHead(bytes.first(size), &used).ok());
  }
}

TEST_CASE("numbers on disk do not change") {
  CHECK(static_cast<int>(mh::CodecId::kConstant) == 0);
  CHECK(static_cast<int>(mh::CodecId::kRaw) == 1);
  CHECK(static_cast<int>(mh::CodecId::kLz4) == 2);
  CHECK(static_cast<int>(mh::CodecId::kZstd) == 3);
  CHECK(static_cast<int>(mh::Scheme::kAlone) == 0);
  CHECK(static_cast<int>(mh::Scheme::kDelta) == 1);
  CHECK(static_cast<int>(mh::ValueKind::kUnsigned) == 0);
  CHECK(static_cast<int>(mh::ValueKind::kSigned) == 1);
  CHECK(static_cast<int>(mh::ValueKind::kFloat) == 2);
  CHECK(mh::kPackVersion == 1);
  CHECK(mh::kKindTensor == 1);
}
