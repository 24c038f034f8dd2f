#include <doctest/doctest.h>

#include "mh/codec/block_planner.h"
#include "tests/cpp/samples.h"

using mh::CodecId;
using mh_test::Bytes8;
using mh_test::Data;
using mh_test::Levels;
using mh_test::NameOf;
using mh_test::Noise;
using mh_test::UseCpu;

namespace {

struct Coded {
  std::vector<mh::Cell> cells;
  std::vector<Data> payloads;
  bool operator==(const Coded& other) const {
    for (size_t s = 0; s < cells.size(); s++) {
      if (cells[s].codec != other.cells[s].codec || cells[s].form != other.cells[s].form ||
          cells[s].param != other.cells[s].param || cells[s].checksum != other.cells[s].checksum) {
        return false;
      }
    }
    return payloads == other.payloads;
  }
};

struct Scratch {
  Scratch(mh::ElementType type, size_t elements) { REQUIRE(blocks.Reserve(type, elements)); }
  mh::BlockScratch blocks;
};

Coded Encode(mh::ElementType type, const mh::PresetRules& rules, const mh::BlockPlan& plan,
             const Data& elements, const Data* base) {
  const size_t n = elements.size() / static_cast<size_t>(type.width);
  Scratch scratch(type, n);
  mh::PrepareBlocks(plan, type, &scratch.blocks);
  const Bytes8 in(elements);
  const Bytes8 from(base == nullptr ? Data() : *base);
  Bytes8 out(elements.size());
  Coded coded;
  coded.cells.resize(static_cast<size_t>(type.width));
  REQUIRE(mh::EncodeBlock(&scratch.blocks, type, rules, plan, in.span(),
                          base == nullptr ? nullptr : from.data(), /*check=*/true, out.span(),
                          coded.cells.data())
              .ok());
  const uint8_t* at = out.data();
  for (const mh::Cell& cell : coded.cells) {
    coded.payloads.emplace_back(at, at + cell.stored_bytes);
    at += cell.stored_bytes;
  }
  return coded;
}

// Hands out each payload in memory of its own, so that reading past it shows; or (`copied`), as a
// file does, where the decoder wants it.
class Payloads : public mh::PayloadSource {
 public:
  Payloads(const Coded& coded, bool copied) : copied_(copied) {
    for (const Data& payload : coded.payloads) payloads_.emplace_back(payload);
  }
  mh::Status Get(int segment, std::span<uint8_t> into, mh::Bytes* payload) override {
    const Bytes8& from = payloads_[static_cast<size_t>(segment)];
    *payload = from.span();
    if (!copied_) return mh::Status::Ok();
    REQUIRE(into.size() >= from.size());
    std::copy(from.data(), from.data() + from.size(), into.data());
    *payload = into.first(from.size());
    return mh::Status::Ok();
  }

 private:
  const bool copied_;
  std::vector<Bytes8> payloads_;
};

mh::Status Decode(mh::ElementType type, const Coded& coded, size_t n, int planes, const Data* base,
                  bool copied, Data* elements) {
  const auto width = static_cast<size_t>(type.width);
  Scratch scratch(type, n);
  const mh::Cell* cells[mh::kWidthMax];
  for (size_t s = 0; s < width; s++) cells[s] = &coded.cells[s];
  Payloads source(coded, copied);
  Bytes8 out(n * width, copied ? 1 : 0);
  const int kept = mh::SegmentsToRead(type, base != nullptr, planes);
  const Bytes8 apart(base == nullptr ? Data() : *base);
  const uint8_t* from = base == nullptr ? nullptr : apart.data();
  if (base != nullptr && copied) {  // In place.
    std::copy(base->begin(), base->end(), out.data());
    from = out.data();
  }
  const mh::Status status =
      mh::DecodeBlock(&scratch.blocks, type, cells, n, kept, &source, from, out.data());
  mh::KeepLeading(out.data(), n, type.width, planes);
  *elements = out.copy();
  return status;
}

// Codes and decodes at every level, and for every number of planes.
Coded CheckBlock(mh::ElementType type, const mh::PresetRules& rules, const mh::BlockPlan& plan,
                 const Data& elements, const Data* base) {
  const size_t n = elements.size() / static_cast<size_t>(type.width);
  const UseCpu scalar(mh::Cpu::kScalar);
  const Coded expected = Encode(type, rules, plan, elements, base);
  for (int s = 0; s < type.width; s++) {
    CHECK(mh::CheckCell(expected.cells[static_cast<size_t>(s)], n, type.width, s).ok());
  }
  for (const mh::Cpu level : Levels()) {
    CAPTURE(NameOf(level));
    const UseCpu use(level);
    if (level != mh::Cpu::kScalar) CHECK(Encode(type, rules, plan, elements, base) == expected);
    for (int planes = 1; planes <= type.width; planes++) {
      CAPTURE(planes);
      Data wanted = elements, again;
      mh::KeepLeading(wanted.data(), n, type.width, planes);
      CHECK(Decode(type, expected, n, planes, base, planes % 2 == 0, &again).ok());
      CHECK(again == wanted);
    }
  }
  return expected;
}

mh::BlockPlan Planned(mh::ElementType type, const mh::PresetRules& rules, const Data& elements,
                      const Data* base) {
  const size_t n = elements.size() / static_cast<size_t>(type.width);
  Scratch scratch(type, std::min(n, mh::kSampleElements));
  mh::BlockPlan plan;
  REQUIRE(mh::PlanBlocks(&scratch.blocks, type, rules, elements,
                         base == nullptr ? nullptr : base->data(), 0, &plan)
              .ok());
  return plan;
}

constexpr mh::ValueKind kKinds[] = {mh::ValueKind::kUnsigned, mh::ValueKind::kSigned,
                                    mh::ValueKind::kFloat};
constexpr mh::Preset kPresets[] = {mh::Preset::kFast, mh::Preset::kDefault, mh::Preset::kDense};

std::vector<mh_test::Sample> SamplesOf(size_t n, int width) {
  if (width > 1) return mh_test::FloatSamples(n, width);
  return {{"noise", Noise(n, 1)}, {"few values", Noise(n, 2, 5)}, {"one value", Data(n, 7)}};
}

}  // namespace

TEST_CASE("blocks: every type, preset and sample comes back by its own plan, alone and as delta") {
  for (const int width : {1, 2, 4, 8}) {
    for (const mh::ValueKind kind : kKinds) {
      const mh::ElementType type{width, kind};
      for (const mh::Preset preset : kPresets) {
        const mh::PresetRules& rules = mh::RulesOf(preset);
        for (const size_t n : {1, 65, 3000}) {
          for (const mh_test::Sample& sample : SamplesOf(n, width)) {
            CAPTURE(sample.name);
            const Data next = mh_test::StepFrom(sample.data, width, 1);
            CheckBlock(type, rules, Planned(type, rules, sample.data, nullptr), sample.data,
                       nullptr);
            mh::BlockPlan plan = Planned(type, rules, next, &sample.data);
            plan.delta = true;  // Whether it pays or not.
            CheckBlock(type, rules, plan, next, &sample.data);
          }
        }
      }
    }
  }
}

TEST_CASE("blocks: whole ones of floats come back by their own plans") {
  for (const int width : {2, 4}) {
    const mh::ElementType type{width, mh::ValueKind::kFloat};
    for (const mh::Preset preset : kPresets) {
      const mh::PresetRules& rules = mh::RulesOf(preset);
      for (const mh_test::Sample& sample : SamplesOf(65'536, width)) {
        CAPTURE(sample.name);
        const Data next = mh_test::StepFrom(sample.data, width, 1);
        CheckBlock(type, rules, Planned(type, rules, next, nullptr), next, nullptr);
        mh::BlockPlan plan = Planned(type, rules, next, &sample.data);
        plan.delta = true;
        CheckBlock(type, rules, plan, next, &sample.data);
      }
    }
  }
}

TEST_CASE("blocks: a plan made for other data falls back to what works") {
  const mh::PresetRules& rules = mh::RulesOf(mh::Preset::kDefault);
  for (const int width : {2, 4, 8}) {
    const mh::ElementType type{width, mh::ValueKind::kFloat};
    const std::vector<mh_test::Sample> samples = SamplesOf(2000, width);
    for (const mh_test::Sample& planned : samples) {
      const Data other = mh_test::StepFrom(planned.data, width, 5);
      const mh::BlockPlan alone = Planned(type, rules, planned.data, nullptr);
      mh::BlockPlan delta = Planned(type, rules, other, &planned.data);
      delta.delta = true;
      for (const mh_test::Sample& sample : samples) {
        CAPTURE(planned.name);
        CAPTURE(sample.name);
        CheckBlock(type, rules, alone, sample.data, nullptr);
        CheckBlock(type, rules, delta, sample.data, &planned.data);
      }
    }
  }
}

namespace {

// Levels by classes or planes of either form, in every combination.
std::vector<mh::BlockPlan> DeltaPlans(mh::ElementType type, const Data& elements,
                                      const Data& base) {
  mh::BlockPlan best = Planned(type, mh::RulesOf(mh::Preset::kDefault), elements, &base);
  best.delta = true;
  best.alone_bytes = 1e9;  // Never alone instead.
  std::vector<mh::BlockPlan> plans;
  const int ways = type.width == 2 || type.width == 4 ? 3 : 2;
  for (int first = 0; first < ways; first++) {
    for (int second = 0; second < (mh::LevelCount(type.width) == 2 ? ways : 1); second++) {
      mh::BlockPlan plan = best;
      for (int level = 0; level < 2; level++) {
        const int way = level == 0 ? first : second;
        mh::LevelPlan& how = plan.levels[level];
        how.form = way == 1 ? mh::Form::kXor : mh::Form::kDifference;
        how.classes = way == 2;
        if (how.classes && how.plan.popular_count == 0) {
          how.plan.popular_count = 1;
          how.plan.popular[0] = 0;
        }
      }
      plans.push_back(plan);
    }
  }
  return plans;
}

}  // namespace

TEST_CASE("blocks: levels of a delta may each be coded in their own way") {
  for (const int width : {1, 2, 4, 8}) {
    for (const mh::ValueKind kind : kKinds) {
      const mh::ElementType type{width, kind};
      const Data base = SamplesOf(1500, width)[width == 1 ? 0 : 3].data;
      const Data elements = mh_test::StepFrom(base, width, 1);
      bool met[3] = {};
      for (const mh::BlockPlan& plan : DeltaPlans(type, elements, base)) {
        const Coded coded =
            CheckBlock(type, mh::RulesOf(mh::Preset::kDefault), plan, elements, &base);
        met[0] = met[0] || coded.cells[0].form == mh::Form::kDifference;
        met[1] = met[1] || coded.cells[0].form == mh::Form::kXor;
        met[2] = met[2] || coded.cells[0].codec == CodecId::kClasses;
      }
      CHECK(met[0]);
      CHECK(met[1]);
      CHECK(met[2] == (width == 2 || width == 4));
    }
  }
}

TEST_CASE("blocks: in a delta one that is far from its base stands alone") {
  const mh::ElementType type{4, mh::ValueKind::kFloat};
  const Data base = mh_test::Weights(3000, 4, 1), near = mh_test::StepFrom(base, 4, 1);
  const Data far = mh_test::Weights(3000, 4, 99);
  const mh::PresetRules& rules = mh::RulesOf(mh::Preset::kDefault);
  mh::BlockPlan plan = Planned(type, rules, near, &base);
  REQUIRE(plan.delta);
  CHECK(CheckBlock(type, rules, plan, near, &base).cells[0].form != mh::Form::kAlone);
  CHECK(CheckBlock(type, rules, plan, far, &base).cells[0].form == mh::Form::kAlone);
}

TEST_CASE("blocks: cells that do not belong together are refused, and payloads of others") {
  std::mt19937 random(1);
  for (const int width : {1, 2, 4, 8}) {
    const mh::ElementType type{width, mh::ValueKind::kFloat};
    const size_t n = 300;
    std::vector<Coded> blocks;
    const Data base = SamplesOf(n, width)[width == 1 ? 0 : 3].data;
    const Data next = mh_test::StepFrom(base, width, 1);
    const mh::PresetRules& rules = mh::RulesOf(mh::Preset::kDefault);
    for (const mh_test::Sample& sample : SamplesOf(n, width)) {
      blocks.push_back(
          Encode(type, rules, Planned(type, rules, sample.data, nullptr), sample.data, nullptr));
    }
    for (const mh::BlockPlan& plan : DeltaPlans(type, next, base)) {
      blocks.push_back(Encode(type, rules, plan, next, &base));
    }
    for (int round = 0; round < 1500; round++) {
      Coded mixed = blocks[random() % blocks.size()];
      for (uint32_t change = 0; change <= random() % 3; change++) {
        const size_t s = random() % mixed.cells.size();
        const Coded& other = blocks[random() % blocks.size()];
        const size_t from = random() % 2 == 0 ? s : random() % mixed.cells.size();
        mixed.cells[s] = other.cells[from];
        mixed.payloads[s] = other.payloads[from];
        if (random() % 4 == 0) mixed.cells[s].form = static_cast<mh::Form>(random() % 3);
        if (random() % 4 == 0) mixed.cells[s].codec = static_cast<CodecId>(random() % 10);
        if (!mh::CheckCell(mixed.cells[s], n, width, static_cast<int>(s)).ok()) {
          mixed.cells[s] = mh::Cell();
          mixed.payloads[s].clear();
        }
      }
      for (const Data* on : {static_cast<const Data*>(nullptr), &base}) {
        const UseCpu scalar(mh::Cpu::kScalar);
        Data expected, out;
        const bool good = Decode(type, mixed, n, width, on, false, &expected).ok();
        for (const mh::Cpu level : Levels()) {
          CAPTURE(NameOf(level));
          const UseCpu use(level);
          CHECK(Decode(type, mixed, n, width, on, true, &out).ok() == good);
          if (good) CHECK(out == expected);
        }
      }
    }
  }
}

TEST_CASE("blocks: what must be read for some leading bytes") {
  const auto read = [](int width, bool delta, int planes) {
    return mh::SegmentsToRead({width, mh::ValueKind::kFloat}, delta, planes);
  };
  for (int planes = 1; planes <= 8; planes++) {
    CHECK(read(8, false, planes) == planes);
    CHECK(read(8, true, planes) == (planes <= 4 ? 4 : 8));
  }
  CHECK(read(4, true, 1) == 2);
  CHECK(read(4, true, 3) == 4);
  CHECK(read(2, true, 1) == 2);
  CHECK(read(1, true, 1) == 1);
}
