#include <doctest/doctest.h>

#include "mh/codec/classes/classes_codec.h"
#include "mh/codec/delta/delta_kernel.h"
#include "tests/cpp/samples.h"

using mh_test::Bytes8;
using mh_test::Data;
using mh_test::Levels;
using mh_test::NameOf;
using mh_test::Noise;
using mh_test::Room;

namespace {

constexpr size_t kLengths[] = {0, 1, 31, 32, 33, 63, 64, 65, 127, 128, 129, 200, 1000};

Room<uint16_t> Words(size_t n, uint32_t seed, uint32_t below = 65'536) {
  std::mt19937 random(seed);
  Room<uint16_t> words(n);
  for (size_t i = 0; i < n; i++) words.data()[i] = static_cast<uint16_t>(random() % below);
  return words;
}

size_t GroupsOf(size_t n) { return (n + mh::kClassGroup - 1) / mh::kClassGroup; }

Bytes8 Flags(size_t n, uint32_t seed) { return Bytes8(Noise(GroupsOf(n), seed, 2)); }

}  // namespace

TEST_CASE("classes: exponents of a base are those of its leading half, alike at every level") {
  for (const size_t width : {2, 4}) {
    for (const size_t n : kLengths) {
      const Bytes8 base(Noise(n * width, 1), 1);
      for (const mh::Cpu level : Levels()) {
        CAPTURE(NameOf(level));
        Bytes8 exponents(n);
        mh::BaseExponents(level, base.data(), static_cast<int>(width), n, exponents.data());
        bool same = true;
        for (size_t i = 0; i < n; i++) {
          const auto leading = mh::Load<uint16_t>(base.data() + i * width + width - 2);
          same = same && exponents.data()[i] == static_cast<uint8_t>(leading >> 7);
        }
        CHECK(same);
      }
    }
  }
}

namespace {

// The differences of one level as delta/spec.md says, and negated where the base is negative.
uint16_t DifferenceByHand(uint64_t x, uint64_t b, int bits, int shift, bool is_float) {
  const uint64_t top = uint64_t{1} << (bits - 1), all = 2 * top - 1;
  const auto map = [&](uint64_t v) { return !is_float ? v : (v & top) != 0 ? ~v & all : v | top; };
  const auto d = static_cast<uint16_t>((map(x) >> shift) - (map(b) >> shift));
  return is_float && (b & top) != 0 ? static_cast<uint16_t>(-d) : d;
}

void CheckDifferences(int width, int offset, bool is_float, const Data& elements,
                      const Data& base) {
  const auto w = static_cast<size_t>(width);
  const size_t n = elements.size() / w;
  const Bytes8 x(elements, 1), b(base, 1);
  Room<uint16_t> expected(n);
  for (size_t i = 0; i < n; i++) {
    uint64_t xi = 0, bi = 0;
    std::memcpy(&xi, &elements[i * w], w);
    std::memcpy(&bi, &base[i * w], w);
    expected.data()[i] = DifferenceByHand(xi, bi, 8 * width, 8 * offset, is_float);
  }
  for (const mh::Cpu level : Levels()) {
    CAPTURE(NameOf(level));
    Room<uint16_t> differences(n);
    mh::ClassDifferences(level, x.data(), b.data(), width, offset, is_float, n, differences.data());
    CHECK(differences == expected);
  }
}

// From the differences and the base back to the elements, on every way the decoder has.
void CheckSums(int width, bool is_float, const Data& elements, const Data& base) {
  const auto w = static_cast<size_t>(width);
  const size_t n = elements.size() / w;
  const auto kind = is_float ? mh::ValueKind::kFloat : mh::ValueKind::kUnsigned;
  Room<uint16_t> leading(n), trailing(n);
  const auto scalar = mh::Cpu::kScalar;
  mh::ClassDifferences(scalar, elements.data(), base.data(), width, width - 2, is_float, n,
                       leading.data());
  mh::ClassDifferences(scalar, elements.data(), base.data(), width, 0, is_float, n,
                       trailing.data());
  Data half = elements;
  for (size_t i = 0; i < half.size(); i++) half[i] = i % 4 < 2 ? 0 : half[i];
  for (const mh::Cpu level : Levels()) {
    CAPTURE(NameOf(level));
    const Bytes8 from(base, 1);
    Bytes8 sum(base.size(), 1), in_place(base, 1), ordered(base, 1);
    mh::OrderElements(ordered.data(), n, width, kind, ordered.data());
    if (width == 2) {
      mh::AddToBase(level, leading.data(), is_float, n, from.data(), sum.data());
      mh::AddToBase(level, leading.data(), is_float, n, in_place.data(), in_place.data());
      mh::AddDifferences(level, leading.data(), 2, 0, is_float, n, ordered.data());
    } else {
      const auto add = [&](const uint16_t* low, const uint8_t* in, uint8_t* out) {
        mh::AddBothToBase(level, leading.data(), low, is_float, n, in, out);
      };
      add(trailing.data(), from.data(), sum.data());
      add(trailing.data(), in_place.data(), in_place.data());
      mh::AddDifferences(level, trailing.data(), 4, 0, is_float, n, ordered.data());
      mh::AddDifferences(level, leading.data(), 4, 2, is_float, n, ordered.data());
      Bytes8 high(base.size(), 1);
      add(nullptr, from.data(), high.data());
      CHECK(high.copy() == half);
    }
    CHECK(sum.copy() == elements);
    CHECK(in_place == sum);
    mh::UnorderElements(ordered.data(), n, width, kind);
    CHECK(ordered.copy() == elements);
  }
}

}  // namespace

TEST_CASE("classes: differences follow their definition and lead back, alike at every level") {
  for (const int width : {2, 4}) {
    for (const bool is_float : {false, true}) {
      for (const size_t n : kLengths) {
        const size_t bytes = n * static_cast<size_t>(width);
        Data elements = Noise(bytes, 1), base = Noise(bytes, 2);
        if (n > 100) std::memcpy(&base[bytes / 2], &elements[bytes / 2], bytes / 4);
        for (int offset = 0; offset < width; offset += 2) {
          CheckDifferences(width, offset, is_float, elements, base);
        }
        CheckSums(width, is_float, elements, base);
      }
      for (const mh_test::Sample& sample : mh_test::FloatSamples(65'536, width)) {
        CAPTURE(sample.name);
        CheckSums(width, is_float, mh_test::StepFrom(sample.data, width, 3), sample.data);
      }
    }
  }
}

TEST_CASE("classes: every magnitude has a class that holds it") {
  for (int top = 0; top <= 4; top++) {
    mh::ClassSymbols table;
    mh::ListClassSymbols(nullptr, 0, top, &table);
    REQUIRE(table.count == mh::ClassCount(top));
    bool good = true;
    for (uint32_t magnitude = 1; magnitude <= 32'768; magnitude++) {
      const int k = mh::ClassOf(magnitude, top);
      good = good && k >= 0 && k < table.count && table.bits[k] >= 1 && table.bits[k] <= 16 &&
             magnitude >= table.value[k] && magnitude - table.value[k] < 1u << (table.bits[k] - 1);
    }
    CHECK(good);
  }
}

TEST_CASE("classes: differences find their symbols alike, be popular values near, far or many") {
  for (const int far : {0, 1, 2, mh::kClassFarMax, mh::kClassFarMax + 1, 40}) {
    mh::ClassPlan plan;
    plan.top = far % 2;
    plan.popular_count = far + 1;
    plan.popular[0] = 0;
    std::mt19937 random(1);
    for (int i = 1; i <= far; i++) {
      plan.popular[i] = static_cast<uint16_t>(i == 1 ? 32'768 : i % 5 == 0 ? i : random());
    }
    mh::ClassScratch scratch;
    REQUIRE(scratch.Reserve(1));
    mh::PrepareClasses(plan, &scratch);
    for (const size_t n : {size_t{65'536}, size_t{31}, size_t{32}, size_t{33}, size_t{0}}) {
      Room<uint16_t> differences(n);
      for (size_t i = 0; i < n; i++) differences.data()[i] = static_cast<uint16_t>(i * 40'503);
      for (const mh::Cpu level : Levels()) {
        CAPTURE(NameOf(level));
        Bytes8 symbols(n);
        mh::FindSymbols(level, scratch.lookup, differences.data(), n, symbols.data());
        bool same = true;
        for (size_t i = 0; i < n; i++) {
          same = same && symbols.data()[i] == scratch.symbol_of.data()[differences.data()[i]];
        }
        CHECK(same);
      }
    }
  }
}

TEST_CASE("classes: contexts are mapped and counted alike") {
  for (const size_t n : kLengths) {
    for (const auto& [plain, flagged] :
         {std::pair<int, int>{1, 0}, {1, 1}, {12, 6}, {3, 1}, {1, 20}, {23, 1}, {24, 0}}) {
      const Bytes8 exponents(Noise(n, 1));
      const Bytes8 flags = flagged == 0 ? Bytes8(Data(GroupsOf(n))) : Flags(n, 2);
      const mh::ClassLayout layout = {plain, flagged, false, 0};
      Room<uint8_t> maps(512);
      for (int e = 0; e < 256; e++) {
        maps.data()[e] = static_cast<uint8_t>(e % plain);
        maps.data()[256 + e] = static_cast<uint8_t>(plain + (flagged > 0 ? e % flagged : 0));
      }
      const auto* map = reinterpret_cast<const uint8_t(*)[256]>(maps.data());
      Bytes8 expected(n);
      std::vector<uint32_t> counts(mh::kClassContextsMax);
      for (size_t i = 0; i < n; i++) {
        expected.data()[i] = map[flags.data()[i / mh::kClassGroup]][exponents.data()[i]];
        counts[expected.data()[i]]++;
      }
      for (const mh::Cpu level : Levels()) {
        CAPTURE(NameOf(level));
        Bytes8 contexts(n);
        mh::MapContexts(level, exponents.data(), flags.data(), n, map, contexts.data());
        CHECK(contexts == expected);
        Room<uint32_t> totals(mh::kClassContextsMax);
        mh::CountContexts(level, contexts.data(), flags.data(), n, layout, totals.data());
        CHECK(totals.copy() == counts);
      }
    }
  }
}

namespace {

// Buckets of whole rows of `lanes`, as the codec lays them out.
struct Buckets {
  std::vector<uint32_t> begin = std::vector<uint32_t>(mh::kClassContextsMax);
  std::vector<uint32_t> totals = begin;
  size_t bytes = 0;
};

struct Scattered {
  mh::ClassLayout layout;
  Bytes8 flags, contexts, symbols;
  Buckets buckets;
};

Scattered ScatterCase(size_t n, int plain, int flagged, bool still, uint32_t seed) {
  std::mt19937 random(seed);
  Scattered c{{plain, flagged, still, 7},
              flagged == 0 ? Bytes8(Data(GroupsOf(n))) : Flags(n, seed),
              Bytes8(n),
              Bytes8(Noise(n, seed)),
              {}};
  for (size_t i = 0; i < n; i++) {
    const bool flag = c.flags.data()[i / mh::kClassGroup] != 0;
    c.contexts.data()[i] = static_cast<uint8_t>(
        flag ? plain + static_cast<int>(random() % static_cast<uint32_t>(flagged))
             : static_cast<int>(random() % static_cast<uint32_t>(plain)));
    if (flag && still) c.symbols.data()[i] = c.layout.still_symbol;
    c.buckets.totals[c.contexts.data()[i]]++;
  }
  for (size_t k = 0; k < mh::kClassContextsMax; k++) {
    c.buckets.begin[k] = static_cast<uint32_t>(c.buckets.bytes);
    c.buckets.bytes += (c.buckets.totals[k] + 31) / 32 * 32;
  }
  return c;
}

void CheckScatter(const Scattered& c) {
  const size_t n = c.symbols.size();
  Data expected(c.buckets.bytes + 64, 0xa5);
  std::vector<uint32_t> cursor = c.buckets.begin;
  for (size_t i = 0; i < n; i++) {
    if (c.layout.still && c.flags.data()[i / mh::kClassGroup] != 0) continue;
    expected[cursor[c.contexts.data()[i]]++] = c.symbols.data()[i];
  }
  for (const mh::Cpu level : Levels()) {
    CAPTURE(NameOf(level));
    Bytes8 buckets(c.buckets.bytes + 64), again(n);
    Room<uint32_t> at(c.buckets.begin);
    mh::ScatterSymbols(level, c.symbols.data(), c.contexts.data(), c.flags.data(), n, c.layout,
                       at.data(), buckets.data());
    CHECK(buckets.copy() == expected);
    Room<uint32_t> from(c.buckets.begin);
    mh::GatherSymbols(level, buckets.data(), c.contexts.data(), c.flags.data(), n, c.layout,
                      from.data(), again.data());
    CHECK(again == c.symbols);
  }
}

}  // namespace

TEST_CASE("classes: symbols go to buckets and come back alike") {
  for (const size_t n : kLengths) {
    for (const auto& [plain, flagged] :
         {std::pair<int, int>{1, 0}, {1, 1}, {12, 6}, {3, 1}, {23, 1}, {24, 0}}) {
      CheckScatter(ScatterCase(n, plain, flagged, false, 1));
      if (flagged == 1) CheckScatter(ScatterCase(n, plain, flagged, true, 2));
    }
  }
}

TEST_CASE("classes: raw bits are written and read alike, and never past their end") {
  for (const int top : {0, 1, 2, 3}) {
    for (const int popular : {1, 5}) {
      mh::ClassPlan plan;
      plan.top = top;
      plan.popular_count = popular;
      for (int i = 0; i < popular; i++) plan.popular[i] = static_cast<uint16_t>(-i * i);
      mh::ClassScratch scratch;
      REQUIRE(scratch.Reserve(1));
      mh::PrepareClasses(plan, &scratch);
      mh::ClassSymbols table;
      mh::ListClassSymbols(plan.popular, popular, top, &table);
      for (const size_t n : kLengths) {
        const Room<uint16_t> differences = Words(n, 1, n % 2 == 0 ? 65'536 : 20);
        Bytes8 symbols(n), expected(2 * n + 16);
        const auto scalar = mh::Cpu::kScalar;
        mh::FindSymbols(scalar, scratch.lookup, differences.data(), n, symbols.data());
        const size_t size =
            mh::WriteRawBits(scalar, differences.data(), symbols.data(), table, n, expected.data());
        REQUIRE(size <= 2 * n);
        for (const mh::Cpu level : Levels()) {
          CAPTURE(NameOf(level));
          Bytes8 raw(2 * n + 16), readable(size + mh::kRawSlack);
          CHECK(mh::WriteRawBits(level, differences.data(), symbols.data(), table, n, raw.data()) ==
                size);
          CHECK(std::equal(raw.data(), raw.data() + size, expected.data()));
          std::copy(raw.data(), raw.data() + size, readable.data());
          Room<uint16_t> again(n);
          const uint64_t bits = mh::ReadRawBits(level, readable.data(), 8 * size, symbols.data(),
                                                table, n, again.data());
          CHECK((bits + 7) / 8 == size);
          CHECK(again == differences);
          // Too few: it says so, and reads no further than it may.
          if (size < 2) continue;
          Bytes8 less(size / 2 + mh::kRawSlack);
          CHECK(mh::ReadRawBits(level, less.data(), 8 * (size / 2), symbols.data(), table, n,
                                again.data()) > 8 * (size / 2));
        }
      }
    }
  }
}
