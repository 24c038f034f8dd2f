#include <doctest/doctest.h>

#include "mh/codec/classes/classes_codec.h"
#include "tests/cpp/samples.h"

using mh_test::Bytes8;
using mh_test::Data;
using mh_test::Levels;
using mh_test::NameOf;
using mh_test::Noise;
using mh_test::Room;

namespace {

// What the codec gets: differences, and the exponents of their base.
struct Case {
  Room<uint16_t> differences;
  Bytes8 exponents;
  size_t n() const { return exponents.size(); }
};

// The leading level of a step from the base, of 2-byte elements.
Case CaseOf(const Data& elements, const Data& base) {
  const size_t n = base.size() / 2;
  Case c{Room<uint16_t>(n), Bytes8(n)};
  const auto scalar = mh::Cpu::kScalar;
  mh::BaseExponents(scalar, base.data(), 2, n, c.exponents.data());
  mh::ClassDifferences(scalar, elements.data(), base.data(), 2, 0, true, n, c.differences.data());
  return c;
}

std::vector<std::pair<const char*, Case>> Cases(size_t n) {
  std::vector<std::pair<const char*, Case>> cases;
  for (const mh_test::Sample& sample : mh_test::FloatSamples(n, 2)) {
    cases.emplace_back(sample.name, CaseOf(mh_test::StepFrom(sample.data, 2, 1), sample.data));
  }
  const Data base = mh_test::Weights(n, 2, 1);
  cases.emplace_back("nothing changed", CaseOf(base, base));
  cases.emplace_back("all changed", CaseOf(Noise(2 * n, 9), base));
  Data one = base;
  one[n / 2 * 2] ^= 1;
  cases.emplace_back("one changed", CaseOf(one, base));
  Case most{Room<uint16_t>(n), Bytes8(Noise(n, 3))};  // Of 16 raw bits each.
  for (size_t i = 0; i < n; i++) most.differences.data()[i] = i % 2 == 0 ? 32'767 : 32'769;
  cases.emplace_back("the longest", std::move(most));
  return cases;
}

mh::ClassPlan Chosen(const Case& c, bool fine, int top) {
  mh::ClassPlanner planner;
  planner.Add(c.differences.data(), c.exponents.data(), c.n());
  mh::ClassPlan plan;
  planner.Choose(fine, top, &plan);
  return plan;
}

// As many contexts as there may be, whatever the data.
mh::ClassPlan ManyContexts(bool fine, bool flagged, bool still) {
  mh::ClassPlan plan;
  plan.fine = fine;
  plan.top = 2;
  plan.popular_count = 4;
  plan.popular[0] = 0;
  plan.popular[1] = 65'535;
  plan.popular[2] = 1;
  plan.popular[3] = 1000;
  plan.flagged = flagged;
  plan.still = still;
  plan.bounds[1].count = still ? 1 : 8;
  plan.bounds[0].count = mh::kClassContextsMax - (flagged ? plan.bounds[1].count : 0);
  for (mh::ClassBounds& bounds : plan.bounds) {
    for (int k = 0; k + 1 < bounds.count; k++) {
      bounds.bound[k] = static_cast<uint8_t>(105 + k);
    }
  }
  return plan;
}

Data Encode(mh::Cpu level, const mh::ClassPlan& plan, const Case& c, size_t room) {
  mh::ClassScratch scratch;
  REQUIRE(scratch.Reserve(c.n()));
  mh::PrepareClasses(plan, &scratch);
  Bytes8 out(room);
  const size_t size = mh::EncodeClasses(level, plan, &scratch, c.differences.data(),
                                        c.exponents.data(), c.n(), out.span());
  return Data(out.data(), out.data() + size);
}

bool Decode(mh::Cpu level, const Data& payload, const Case& c, Data* differences) {
  mh::ClassScratch scratch;
  REQUIRE(scratch.Reserve(c.n()));
  const Bytes8 in(payload);
  Room<uint16_t> out(c.n());
  const bool good =
      mh::DecodeClasses(level, &scratch, in.span(), c.exponents.data(), c.n(), out.data());
  const auto* bytes = reinterpret_cast<const uint8_t*>(out.data());
  differences->assign(bytes, bytes + 2 * c.n());
  return good;
}

Data BytesOf(const Room<uint16_t>& words) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(words.data());
  return Data(bytes, bytes + 2 * words.size());
}

Data CheckCodec(const mh::ClassPlan& plan, const Case& c) {
  const Data expected = Encode(mh::Cpu::kScalar, plan, c, 4 * c.n() + 65'536);
  REQUIRE(!expected.empty());
  for (const mh::Cpu level : Levels()) {
    CAPTURE(NameOf(level));
    CHECK(Encode(level, plan, c, expected.size()) == expected);
    CHECK(Encode(level, plan, c, expected.size() - 1).empty());
    Data again;
    CHECK(Decode(level, expected, c, &again));
    CHECK(again == BytesOf(c.differences));
  }
  return expected;
}

}  // namespace

TEST_CASE("classes: every sample comes back by the plans that are chosen for it") {
  for (const size_t n : {1, 63, 64, 65, 1000}) {
    for (const auto& [name, c] : Cases(n)) {
      CAPTURE(name);
      for (int top = 0; top <= 4; top++) {
        CheckCodec(Chosen(c, true, top), c);
        if (top <= 2) CheckCodec(Chosen(c, false, top), c);
      }
    }
  }
}

TEST_CASE("classes: blocks of 65536 come back, every pattern of 16 bits among them") {
  for (const auto& [name, c] : Cases(65'536)) {
    CAPTURE(name);
    CheckCodec(Chosen(c, false, 2), c);
    CheckCodec(Chosen(c, true, 1), c);
  }
}

TEST_CASE("classes: so do they by plans that nobody would choose") {
  for (const size_t n : {1, 65, 5000, 40'000}) {
    for (const auto& [name, c] : Cases(n)) {
      CAPTURE(name);
      for (const bool fine : {false, true}) {
        CheckCodec(ManyContexts(fine, false, false), c);
        CheckCodec(ManyContexts(fine, true, false), c);
        CheckCodec(ManyContexts(fine, true, true), c);
      }
    }
  }
}

TEST_CASE("classes: payloads cut short or made longer are refused") {
  for (const bool fine : {false, true}) {
    for (const auto& [name, c] : Cases(200)) {
      CAPTURE(name);
      const Data good = CheckCodec(Chosen(c, fine, 1), c);
      Data out;
      for (size_t size = 0; size < good.size(); size++) {
        const Data cut(good.begin(), good.begin() + static_cast<long>(size));
        CHECK_FALSE(Decode(Levels().back(), cut, c, &out));
      }
      Data longer = good;
      longer.push_back(0);
      CHECK_FALSE(Decode(Levels().back(), longer, c, &out));
    }
  }
}

TEST_CASE("classes: of damaged payloads every level thinks the same") {
  std::mt19937 random(1);
  for (const auto& [name, c] : Cases(300)) {
    CAPTURE(name);
    std::vector<Data> payloads;
    for (const bool fine : {false, true}) {
      payloads.push_back(CheckCodec(Chosen(c, fine, 1), c));
      payloads.push_back(CheckCodec(ManyContexts(fine, true, false), c));
      payloads.push_back(CheckCodec(ManyContexts(fine, true, true), c));
    }
    for (int round = 0; round < 300; round++) {
      Data bad = payloads[static_cast<size_t>(round) % payloads.size()];
      bad[random() % (round % 2 == 0 ? std::min<size_t>(bad.size(), 40) : bad.size())] =
          static_cast<uint8_t>(random());
      Data expected, out;
      const bool good = Decode(mh::Cpu::kScalar, bad, c, &expected);
      for (const mh::Cpu level : Levels()) {
        CAPTURE(NameOf(level));
        CHECK(Decode(level, bad, c, &out) == good);
        if (good) CHECK(out == expected);
      }
    }
  }
}
