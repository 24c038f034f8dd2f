#include <doctest/doctest.h>

#include <cmath>

#include "mh/codec/fixed/fixed_codec.h"
#include "mh/codec/planes/planes_kernel.h"
#include "tests/cpp/samples.h"

using mh_test::Bytes8;
using mh_test::Data;
using mh_test::Levels;
using mh_test::NameOf;

namespace {

constexpr mh::FloatForm kFloat{4, 23}, kHalf{2, 10}, kBrain{2, 7};
constexpr mh::FloatForm kForms[] = {kFloat, kHalf, kBrain};

// What an element is worth, from its parts.
double ValueOf(mh::FloatForm form, const uint8_t* element) {
  const uint32_t bits = form.width == 4 ? mh::Load<uint32_t>(element) : mh::Load<uint16_t>(element);
  const uint32_t low = bits & ((1u << form.low_bits()) - 1);
  const int field = static_cast<int>(low >> form.mantissa), bias = form.field_end() / 2;
  const double fraction = low & ((1u << form.mantissa) - 1);
  const double value = field == 0 ? std::ldexp(fraction, 1 - bias - form.mantissa)
                                  : std::ldexp(fraction + std::ldexp(1, form.mantissa),
                                               field - bias - form.mantissa);
  return bits >> form.low_bits() != 0 ? -value : value;
}

// Hands out payloads that follow each other in memory that ends where they do.
class Payloads : public mh::PayloadSource {
 public:
  Payloads(const Data& all, const std::vector<mh::Cell>& cells) {
    size_t at = 0;
    for (const mh::Cell& cell : cells) {
      const size_t size = std::min<size_t>(cell.stored_bytes, all.size() - at);
      each_.emplace_back(mh::Bytes(all).subspan(at, size));
      at += size;
    }
  }
  mh::Status Get(int segment, std::span<uint8_t> into, mh::Bytes* payload) override {
    const Bytes8& from = each_[static_cast<size_t>(segment)];
    if (from.size() != into.size()) return mh::Corruption("cut short");
    *payload = from.span();
    return mh::Status::Ok();
  }

 private:
  std::vector<Bytes8> each_;
};

// A block in the middle of an entry.
struct Block {
  mh::FixedLayout layout;
  mh::FloatForm form;
  uint64_t begin = 0;
  Data elements, exponents;
  std::vector<mh::Cell> cells;
  Data payloads;

  mh::ElementType type() const { return {form.width, mh::ValueKind::kFloat}; }
  size_t n() const { return elements.size() / static_cast<size_t>(form.width); }
  uint64_t group_of(size_t i) const {
    return (begin + i) / layout.group_elements - begin / layout.group_elements;
  }

  void Encode() {
    exponents.assign(layout.GroupsOf(begin, n()), static_cast<uint8_t>(form.exponent_min()));
    for (size_t i = 0; i < n(); i++) {
      const int field = mh::LargestField(form, &elements[i * static_cast<size_t>(form.width)], 1);
      uint8_t& most = exponents[static_cast<size_t>(group_of(i))];
      most = std::max(most, static_cast<uint8_t>(field));
    }
    mh::BlockScratch scratch;
    REQUIRE(scratch.Reserve(type(), n()));
    cells.assign(layout.segments(), {});
    payloads.resize(64 * n() + 200);
    size_t size = 0;
    REQUIRE(mh::EncodeFixedBlock(&scratch, layout, type(), mh::RulesOf(mh::Preset::kDefault), begin,
                                 elements, exponents.data(), true, payloads, cells.data(), &size)
                .ok());
    REQUIRE(size <= payloads.size());
    payloads.resize(size);
  }

  mh::Status Decode(size_t kept, Data* out, Data* told) const {
    for (size_t s = 0; s < kept; s++) {
      const mh::Status status =
          mh::CheckFixedCell(layout, cells[s], n(), exponents.size(), form.width, s);
      if (!status.ok()) return status;
    }
    std::vector<const mh::Cell*> each;
    for (const mh::Cell& cell : cells) each.push_back(&cell);
    Payloads source(payloads, cells);
    mh::BlockScratch scratch;
    Bytes8 room(elements.size(), 1), groups(exponents.size());
    const mh::Status status = mh::DecodeFixedBlock(&scratch, layout, type(), each.data(), begin,
                                                   n(), kept, &source, room.data(), groups.data());
    *out = room.copy();
    *told = groups.copy();
    return status;
  }

  // Every prefix holds every value in its box, and all segments every bit.
  void Check() const {
    int bits = 0;
    Data out, told;
    const auto width = static_cast<size_t>(form.width);
    for (size_t kept = 1; kept < layout.segments(); kept++) {
      bits += layout.bits[kept - 1];
      REQUIRE(Decode(kept, &out, &told).ok());
      REQUIRE(told == exponents);
      size_t wrong = 0;
      for (size_t i = 0; i < n(); i++) {
        const int e = exponents[static_cast<size_t>(group_of(i))];
        const double step = std::ldexp(1, e - form.field_end() / 2 + 1 - (bits - 1));
        const double t = ValueOf(form, &out[i * width]), w = ValueOf(form, &elements[i * width]);
        const bool inside = std::signbit(t) == std::signbit(w) && std::abs(t) <= std::abs(w) &&
                            std::abs(w) < std::abs(t) + step;
        wrong += inside ? 0 : 1;
      }
      CHECK(wrong == 0);
    }
    REQUIRE(Decode(layout.segments(), &out, &told).ok());
    CHECK(out == elements);
  }
};

// Elements whose fields are up to `spread` below the largest of `most`.
Data Spread(mh::FloatForm form, size_t n, uint32_t most, uint32_t spread, uint32_t seed) {
  Data data = mh_test::Noise(n * static_cast<size_t>(form.width), seed);
  std::mt19937 random(seed);
  for (size_t i = 0; i < n; i++) {
    uint8_t* const element = &data[i * static_cast<size_t>(form.width)];
    const uint32_t below = static_cast<uint32_t>(random()) % (spread + 1);
    const uint32_t field = most > below ? most - below : 0;
    const uint32_t bits =
        form.width == 4 ? mh::Load<uint32_t>(element) : mh::Load<uint16_t>(element);
    const auto mask = static_cast<uint32_t>(form.field_end()) << form.mantissa;
    const uint32_t made = (bits & ~mask) | field << form.mantissa;
    if (form.width == 4) mh::Store(element, made);
    if (form.width == 2) mh::Store(element, static_cast<uint16_t>(made));
  }
  return data;
}

std::vector<std::vector<uint8_t>> CutsOf(int bits) {
  std::vector<std::vector<uint8_t>> cuts;
  for (const int step : {1, 2, 3, 7, 8}) {
    cuts.emplace_back();
    for (int left = bits; left > 0; left -= step) {
      cuts.back().push_back(static_cast<uint8_t>(std::min(left, step)));
    }
  }
  return cuts;
}

}  // namespace

TEST_CASE("fixed: all finite elements of two bytes come back and lie in the boxes of prefixes") {
  for (const mh::FloatForm form : {kHalf, kBrain}) {
    for (const uint64_t group : {uint64_t{1} << 40, uint64_t{64}, uint64_t{1}}) {
      CAPTURE(form.mantissa);
      CAPTURE(group);
      Block block;
      block.form = form;
      block.layout = mh::FixedLayoutFor(form.mantissa, 1 << 20, 1);
      block.layout.group_elements = group;
      for (uint32_t bits = 0; bits < 1u << 16; bits++) {
        uint8_t element[2];
        mh::Store(element, static_cast<uint16_t>(bits));
        if (mh::LargestField(form, element, 1) == form.field_end()) continue;
        block.elements.insert(block.elements.end(), element, element + 2);
      }
      block.Encode();
      block.Check();
    }
  }
}

TEST_CASE("fixed: any layout, length and place in the entry") {
  uint32_t seed = 0;
  for (const mh::FloatForm form : kForms) {
    for (const auto& bits : CutsOf(1 + form.mantissa)) {
      for (const uint64_t group : {uint64_t{1}, uint64_t{3}, uint64_t{64}, uint64_t{INT64_MAX}}) {
        for (const size_t n : {1, 2, 63, 65, 257, 700}) {
          const auto most = static_cast<uint32_t>(form.field_end() - 1);
          Block block;
          block.form = form;
          block.layout = {form.mantissa, group, bits};
          block.begin = seed % 2 == 0 ? 0 : 65'536;
          block.elements = Spread(form, n, seed % 3 == 0 ? most : most / 2, seed % 40, seed);
          seed++;
          REQUIRE(mh::CheckFixedLayout(block.layout, block.type()).ok());
          block.Encode();
          block.Check();
        }
      }
    }
  }
}

TEST_CASE("fixed: blocks are the same bytes at every level, and decode at each") {
  for (const mh::FloatForm form : kForms) {
    Block block;
    block.form = form;
    block.layout = mh::FixedLayoutFor(form.mantissa, 1 << 20, 100);
    block.begin = 65'536;
    block.elements =
        form.mantissa == 10 ? Spread(form, 5000, 20, 4, 1) : mh_test::Weights(5000, form.width, 1);
    block.Encode();
    const Data payloads = block.payloads;
    for (const mh::Cpu level : Levels()) {
      CAPTURE(NameOf(level));
      const mh_test::UseCpu use(level);
      block.Encode();
      CHECK(block.payloads == payloads);
      block.Check();
    }
  }
}

TEST_CASE("fixed: what a writer lays out") {
  for (const mh::FloatForm form : kForms) {
    for (const uint64_t elements : {uint64_t{256}, uint64_t{16'383}, uint64_t{16'384}}) {
      const mh::FixedLayout layout = mh::FixedLayoutFor(form.mantissa, elements, 27);
      CHECK(mh::CheckFixedLayout(layout, {form.width, mh::ValueKind::kFloat}).ok());
      CHECK(layout.group_elements == 81);
      CHECK(layout.bits[0] == 4);
      CHECK(layout.bits[1] == (elements < 16'384 ? 2 : 1));
    }
    CHECK(mh::FixedLayoutFor(form.mantissa, 1000, 1).group_elements == 64);
    CHECK(mh::FixedLayoutFor(form.mantissa, 1000, 1000).group_elements == 1000);
  }
}

TEST_CASE("fixed: damaged cells and payloads are refused, or decode to finite numbers") {
  std::mt19937 random(7);
  size_t refused = 0, decoded = 0;
  for (int round = 0; round < 6000; round++) {
    Block block;
    block.form = kForms[round % 3];
    block.layout = mh::FixedLayoutFor(block.form.mantissa, 100, 20);
    block.elements = Spread(block.form, 150, 25, static_cast<uint32_t>(round % 15), 3);
    block.Encode();
    for (int change = 0; change <= round % 3; change++) {
      mh::Cell& cell = block.cells[random() % block.cells.size()];
      switch (random() % 6) {
        case 0:
          cell.param = static_cast<uint8_t>(random());
          break;
        case 1:
          cell.codec = static_cast<mh::CodecId>(random() % mh::kCodecCount);
          break;
        case 2:
          cell.stored_bytes = static_cast<uint32_t>(random() % 300);
          break;
        default:
          block.payloads[random() % block.payloads.size()] ^=
              static_cast<uint8_t>(1u << random() % 8);
      }
    }
    Data out, told;
    const size_t kept = 1 + random() % block.layout.segments();
    if (!block.Decode(kept, &out, &told).ok()) {
      refused++;
      continue;
    }
    decoded++;
    CHECK(mh::LargestField(block.form, out.data(), block.n()) < block.form.field_end());
  }
  CHECK(refused > 500);
  CHECK(decoded > 500);
}
