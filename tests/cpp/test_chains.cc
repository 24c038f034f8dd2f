#include <doctest/doctest.h>

#include "mh/chain/chain_decode.h"
#include "tests/cpp/samples.h"

using mh_test::Bytes8;
using mh_test::Data;
using mh_test::Encoded;
using mh_test::IdOf;
using mh_test::InputOf;
using mh_test::Levels;
using mh_test::NameOf;
using mh_test::Noise;

namespace {

// Blobs of an array and of its versions, each a delta on the one before, and their chain.
struct Chain {
  std::vector<Data> arrays, blobs;
  std::vector<mh::Link> links;  // The last version first.
  void Add(const mh::EntryInput& input) {
    arrays.emplace_back(input.data.begin(), input.data.end());
    blobs.push_back(Encoded(input));
    REQUIRE(!blobs.back().empty());
  }
  void Open() {
    links.clear();
    for (size_t i = blobs.size(); i-- > 0;) {
      const auto blob = mh::Blob::Open(blobs[i]);
      REQUIRE(blob.ok());
      CHECK(blob.value()->head(0).is_delta() == (i > 0));
      links.push_back({blob.value(), 0});
    }
  }
};

Chain ChainOf(int width, mh::ValueKind kind, size_t elements, size_t length) {
  Chain chain;
  Data array = width == 1 ? Noise(elements, 1, 200) : mh_test::Weights(elements, width, 1);
  for (size_t i = 0; i < length; i++) {
    const Data before = array;
    if (i > 0) array = mh_test::StepFrom(array, width, static_cast<uint32_t>(i));
    mh::EntryInput input = InputOf(static_cast<uint8_t>(i), width, kind, array);
    if (i > 0) {
      mh_test::SetBase(static_cast<uint8_t>(i - 1), static_cast<uint32_t>(i - 1), before, &input);
    }
    chain.Add(input);
  }
  chain.Open();
  return chain;
}

Data Leading(Data elements, int width, int planes) {
  mh::KeepLeading(elements.data(), elements.size() / static_cast<size_t>(width), width, planes);
  return elements;
}

void CheckRows(const Chain& chain, int width, const mh::DecodeRequest& request) {
  const auto w = static_cast<size_t>(width);
  const Data expected = Leading(chain.arrays.back(), width, request.planes);
  const size_t begin = static_cast<size_t>(request.row_begin);
  const size_t end = static_cast<size_t>(request.row_end.value_or(expected.size() / w));
  for (const mh::Cpu level : Levels()) {
    CAPTURE(NameOf(level));
    const mh_test::UseCpu use(level);
    Bytes8 out((end - begin) * w);
    REQUIRE(mh::DecodeChain(chain.links, request, out.span()).ok());
    CHECK(std::equal(out.data(), out.end(), expected.begin() + static_cast<long>(begin * w)));
  }
}

}  // namespace

TEST_CASE("chains: they decode for every width, number of planes and range of rows") {
  for (const int width : {1, 2, 4, 8}) {
    const size_t elements = 140'001;
    const Chain chain = ChainOf(width, mh::ValueKind::kFloat, elements, 3);
    for (int planes = 1; planes <= width; planes++) {
      for (const auto& [begin, end] : {std::pair<size_t, size_t>{0, elements},
                                       {65'535, 65'537},
                                       {131'072, elements},
                                       {131'071, 131'072},
                                       {7, 7},
                                       {elements, elements}}) {
        CheckRows(chain, width, {planes, begin, end, 2});
      }
    }
  }
}

TEST_CASE("chains: numbers that are no floats too") {
  for (const int width : {1, 2, 4, 8}) {
    for (const mh::ValueKind kind : {mh::ValueKind::kUnsigned, mh::ValueKind::kSigned}) {
      const Chain chain = ChainOf(width, kind, 5000, 4);
      for (int planes = 1; planes <= width; planes++)
        CheckRows(chain, width, {planes, 10, 4990, 1});
    }
  }
}

TEST_CASE("chains: outputs too large for the caches come back") {
  const Chain chain = ChainOf(4, mh::ValueKind::kFloat, 1'300'001, 2);
  CheckRows(chain, 4, {4, 0, std::nullopt, 2});
  CheckRows(chain, 4, {2, 3, 1'300'000, 2});
  CheckRows(chain, 4, {1, 0, std::nullopt, 1});
}

TEST_CASE("chains: outputs may begin at any address") {
  for (const int width : {2, 4, 8}) {
    const Chain chain = ChainOf(width, mh::ValueKind::kFloat, 3000, 2);
    for (size_t skew = 0; skew < 9; skew++) {
      Bytes8 out(chain.arrays.back().size(), skew);
      REQUIRE(mh::DecodeChain(chain.links, {}, out.span()).ok());
      CHECK(out.copy() == chain.arrays.back());
      Bytes8 first(chain.arrays.front().size(), skew);
      REQUIRE(mh::DecodeChain(std::span(chain.links).last(1), {}, first.span()).ok());
      CHECK(first.copy() == chain.arrays.front());
    }
  }
}

TEST_CASE("chains: the base of the last delta may be given instead of decoded") {
  const Chain chain = ChainOf(4, mh::ValueKind::kFloat, 3000, 3);
  const std::span<const mh::Link> deltas(chain.links.data(), 2);
  Bytes8 out(chain.arrays[2].size());
  const Bytes8 base(chain.arrays[0], 1);
  REQUIRE(mh::DecodeChain(deltas, {}, out.span(), base.span()).ok());
  CHECK(out.copy() == chain.arrays[2]);
  for (int planes = 1; planes <= 4; planes++) {
    REQUIRE(mh::DecodeChain(deltas, {planes, 0, std::nullopt, 1}, out.span(), base.span()).ok());
    CHECK(out.copy() == Leading(chain.arrays[2], 4, planes));
  }
  const mh::Bytes shorter = base.span().first(8);
  CHECK(mh::DecodeChain(deltas, {}, out.span(), shorter).status().code() == mh::Code::kBadShape);
}

TEST_CASE("chains: through a base of another type and another shape, whole and in part") {
  Chain chain;
  const Data first = mh_test::Weights(6000, 4, 1);  // 60 by 100 float32
  mh::EntryInput input = InputOf(0, 4, mh::ValueKind::kFloat, first);
  input.head.shape = {60, 100};
  chain.Add(input);
  const Data second = mh_test::FloatsOf(
      6000, 2, [&](size_t i) { return std::bit_cast<float>(mh::Load<uint32_t>(&first[4 * i])); });
  input = InputOf(1, 2, mh::ValueKind::kFloat, second);
  input.head.shape = {60, 100};
  mh_test::SetBase(0, 0, first, &input);
  input.base.type.width = 4;
  input.base.shape = {60, 100};
  input.conversion = mh::Conversion::kFloatToBfloat;
  chain.Add(input);
  Data third(2 * 70 * 100);  // More rows.
  std::copy(second.begin(), second.end(), third.begin());
  input = InputOf(2, 2, mh::ValueKind::kFloat, third);
  input.head.shape = {70, 100};
  mh_test::SetBase(1, 1, second, &input);
  input.base.shape = {60, 100};
  chain.Add(input);
  const Data fourth = mh_test::StepFrom(third, 2, 9);
  input = InputOf(3, 2, mh::ValueKind::kFloat, fourth);
  input.head.shape = {70, 100};
  mh_test::SetBase(2, 2, third, &input);
  input.base.shape = {70, 100};
  chain.Add(input);
  chain.Open();
  for (size_t at = 0; at < 4; at++) {
    const std::span<const mh::Link> links = std::span<const mh::Link>(chain.links).subspan(at);
    const Data& expected = chain.arrays[3 - at];
    const int width = at == 3 ? 4 : 2;
    for (int planes = 1; planes <= width; planes++) {
      Bytes8 out(expected.size());
      REQUIRE(mh::DecodeChain(links, {planes, 0, std::nullopt, 1}, out.span()).ok());
      CHECK(out.copy() == Leading(expected, width, planes));
      const size_t row = 100 * static_cast<size_t>(width);
      Bytes8 rows(3 * row);
      REQUIRE(mh::DecodeChain(links, {planes, 50, 53, 1}, rows.span()).ok());
      const Data whole = out.copy();
      CHECK(std::equal(rows.data(), rows.end(), whole.begin() + static_cast<long>(50 * row)));
    }
  }
}

TEST_CASE("chains: calls that do not fit together say what is wrong") {
  const Chain chain = ChainOf(4, mh::ValueKind::kFloat, 3000, 3);
  Data out(chain.arrays[2].size());
  const auto code = [&](std::span<const mh::Link> links, const mh::DecodeRequest& request = {},
                        std::optional<mh::Bytes> base = std::nullopt) {
    return mh::DecodeChain(links, request, out, base).status().code();
  };
  const std::span<const mh::Link> links(chain.links);
  CHECK(code({}) == mh::Code::kUsage);
  CHECK(code(links.first(2)) == mh::Code::kUsage);
  CHECK(code(links, {5, 0, std::nullopt, 1}) == mh::Code::kUsage);
  CHECK(code(links, {-1, 0, std::nullopt, 1}) == mh::Code::kUsage);
  CHECK(code(links, {0, 0, 3001, 1}) == mh::Code::kUsage);
  CHECK(code(links, {0, 2, 1, 1}) == mh::Code::kUsage);
  CHECK(code(links, {0, 1, std::nullopt, 1}) == mh::Code::kUsage);  // `out` is too long.
  CHECK(code(links, {}, mh::Bytes(chain.arrays[0])) == mh::Code::kUsage);
  const mh::Link swapped[] = {chain.links[0], chain.links[2]};
  CHECK(code(swapped) == mh::Code::kUsage);
  const mh::Link beyond[] = {{chain.links[0].source, 1}};
  CHECK(code(beyond) == mh::Code::kUsage);
  const mh::Link longer[] = {chain.links[2], chain.links[1]};
  CHECK(code(longer) == mh::Code::kUsage);
}

TEST_CASE("chains: a base that says it is another's kind is damage") {
  const Data array = mh_test::Weights(3000, 4, 1);
  const Data next = mh_test::StepFrom(array, 4, 2);
  mh::EntryInput delta = InputOf(1, 4, mh::ValueKind::kFloat, next);
  mh_test::SetBase(0, 0, array, &delta);
  const Data blob = Encoded(delta);
  const Data shorter(array.begin(), array.begin() + 4000);
  const Data others[] = {Encoded(InputOf(0, 2, mh::ValueKind::kFloat, array)),
                         Encoded(InputOf(0, 4, mh::ValueKind::kSigned, array)),
                         Encoded(InputOf(0, 4, mh::ValueKind::kFloat, shorter))};
  const auto top = mh::Blob::Open(blob);
  REQUIRE(top.ok());
  for (const Data& other : others) {
    const auto bottom = mh::Blob::Open(other);
    REQUIRE(bottom.ok());
    const mh::Link links[] = {{top.value(), 0}, {bottom.value(), 0}};
    Data out(next.size());
    CHECK(mh::DecodeChain(links, {}, out).status().code() == mh::Code::kCorruption);
  }
}
