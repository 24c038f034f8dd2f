#include <doctest/doctest.h>

#include "mh/codec/bits/bits_kernel.h"
#include "mh/codec/field/field_codec.h"
#include "tests/cpp/samples.h"

using mh_test::Bytes8;
using mh_test::Data;
using mh_test::Levels;
using mh_test::NameOf;
using mh_test::Noise;
using mh_test::Room;

namespace {

// The room of a split, exactly as long as field_kernel.h says.
struct Parts {
  explicit Parts(size_t n) : symbols(n), signs((n + 7) / 8), rest(n), escapes(n + 64) {}
  mh::FieldParts pointers() { return {symbols.data(), signs.data(), rest.data(), escapes.data()}; }
  Bytes8 symbols, signs, rest;
  Room<uint16_t> escapes;
  size_t escaped = 0;
};

enum class Escapes { kNone, kFew, kNearlyAll };

// A map for the shape that escapes so many of the values of the elements.
mh::FieldMap MapOf(mh::FieldShape shape, Escapes escapes, std::mt19937* random) {
  mh::FieldMap map;
  map.shape = shape;
  std::fill(std::begin(map.symbol), std::end(map.symbol), mh::kFieldEscape);
  map.first = static_cast<int>((*random)() % (1u << shape.bits()));
  uint8_t next = 0;
  // One symbol there must be: noise hardly ever meets it.
  const int symbols = escapes == Escapes::kNearlyAll ? 1 : 63;
  for (int place = 0; place < 255 && next < symbols; place++) {
    if (escapes == Escapes::kNone || (*random)() % 4 != 0) map.symbol[place] = next++;
  }
  map.escape = next;
  return map;
}

// Elements `stride` apart whose field values are mostly in the map's window.
Bytes8 ElementsFor(const mh::FieldMap& map, Escapes escapes, size_t stride, size_t n,
                   std::mt19937* random) {
  Data data = Noise(n * stride, (*random)());
  for (size_t i = 0; i < n; i++) {
    if (escapes == Escapes::kNearlyAll || (escapes == Escapes::kFew && (*random)() % 30 == 0))
      continue;
    const int values = 1 << map.shape.bits();
    const uint32_t v =
        static_cast<uint32_t>((map.first + static_cast<int>((*random)() % 63)) % values);
    uint32_t x = (*random)() % (1u << map.shape.below);
    x |= map.shape.sign_in ? (v >> 1 << map.shape.below) | (v & 1) << 15
                           : v << map.shape.below | ((*random)() & 1) << 15;
    mh::Store(&data[i * stride + stride - 2], static_cast<uint16_t>(x));
  }
  return Bytes8(data, stride == 2 ? 1 : 0);
}

// What the inverse needs, made from what a split left.
struct Merge {
  Merge(const mh::FieldMap& map, const Parts& parts, size_t n)
      : escape_low(n + 64), escape_high(n + 64), packed(mh::PackedBytes(n, map.shape.below)) {
    tables.shape = map.shape;
    tables.escape = map.escape;
    std::memset(tables.low, 0, sizeof(tables.low));
    std::memset(tables.high, 0, sizeof(tables.high));
    for (int i = 0; i < 256; i++) {
      const uint8_t k = map.symbol[i];
      if (k == mh::kFieldEscape) continue;
      const uint16_t bits = BitsOf(static_cast<uint32_t>(map.first + i));
      tables.low[k] = static_cast<uint8_t>(bits);
      tables.high[k] = static_cast<uint8_t>(bits >> 8);
    }
    for (size_t i = 0; i < parts.escaped; i++) {
      const uint16_t bits = BitsOf(parts.escapes.data()[i]);
      escape_low.data()[i] = static_cast<uint8_t>(bits);
      escape_high.data()[i] = static_cast<uint8_t>(bits >> 8);
    }
    mh::PackBits(mh::Cpu::kScalar, parts.rest.data(), n, map.shape.below, 0, packed.data());
  }
  uint16_t BitsOf(uint32_t value) const {
    if (!tables.shape.sign_in) return static_cast<uint16_t>(value << tables.shape.below);
    return static_cast<uint16_t>((value >> 1 << tables.shape.below) | (value & 1) << 15);
  }
  mh::FieldSource source(const Parts& parts, bool is_packed) const {
    return {parts.symbols.data(),
            parts.signs.data(),
            escape_low.data(),
            escape_high.data(),
            is_packed ? nullptr : parts.rest.data(),
            is_packed ? packed.data() : nullptr};
  }
  mh::FieldTables tables;
  Bytes8 escape_low, escape_high, packed;
};

void CheckKernels(mh::FieldShape shape, Escapes kind, size_t stride, size_t n, uint32_t seed) {
  std::mt19937 random(seed);
  const mh::FieldMap map = MapOf(shape, kind, &random);
  const Bytes8 elements = ElementsFor(map, kind, stride, n, &random);
  const uint8_t* leading = elements.data() + stride - 2;
  Data halves;
  for (size_t i = 0; i < n; i++) {
    halves.insert(halves.end(), {leading[i * stride], leading[i * stride + 1]});
  }
  Parts expected(n);
  expected.escaped = mh::SplitField(mh::Cpu::kScalar, leading, stride, n, map, expected.pointers());
  const Merge merge(map, expected, n);
  for (const mh::Cpu level : Levels()) {
    CAPTURE(NameOf(level));
    Parts parts(n);
    parts.escaped = mh::SplitField(level, leading, stride, n, map, parts.pointers());
    REQUIRE(parts.escaped == expected.escaped);
    CHECK(parts.symbols == expected.symbols);
    CHECK(parts.rest == expected.rest);
    if (!shape.sign_in) CHECK(parts.signs == expected.signs);
    CHECK(std::equal(parts.escapes.data(), parts.escapes.data() + parts.escaped,
                     expected.escapes.data()));
    for (const bool packed : {false, true}) {
      Room<uint16_t> merged(n);
      CHECK(mh::MergeField(level, merge.tables, merge.source(parts, packed), n, merged.data()) ==
            parts.escaped);
      CHECK((n == 0 || std::memcmp(merged.data(), halves.data(), 2 * n) == 0));
    }
  }
}

}  // namespace

TEST_CASE("field: splits and merges of every shape, stride and number of escapes, alike") {
  uint32_t seed = 0;
  for (int below = 4; below <= 8; below++) {
    for (const bool sign_in : {false, true}) {
      for (const Escapes kind : {Escapes::kNone, Escapes::kFew, Escapes::kNearlyAll}) {
        for (const size_t stride : {2, 4}) {
          for (const size_t n : {0, 1, 7, 8, 9, 63, 64, 65, 127, 128, 191, 200, 1000}) {
            CheckKernels({below, sign_in}, kind, stride, n, ++seed);
          }
        }
      }
    }
  }
}

TEST_CASE("field: tables of 64 symbols and of more merge alike") {
  std::mt19937 random(1);
  for (const int escape : {1, 2, 62, 63, 64, 65, 128, 254, 255}) {
    for (const bool sign_in : {false, true}) {
      const size_t n = 777;
      mh::FieldTables tables;
      tables.escape = escape;
      tables.shape = {7, sign_in};
      for (int k = 0; k < 256; k++) {
        tables.low[k] = k < escape ? static_cast<uint8_t>(random()) : uint8_t{0};
        tables.high[k] = k < escape ? static_cast<uint8_t>(random()) : uint8_t{0};
      }
      const Bytes8 symbols(Noise(n, 2, escape + 1)), rest(Noise(n, 3)), signs(Noise(98, 4));
      const Bytes8 low(Noise(n + 64, 5)), high(Noise(n + 64, 6));
      const Bytes8 packed(Noise(mh::PackedBytes(n, 7), 7));
      for (const bool is_packed : {false, true}) {
        const mh::FieldSource source = {symbols.data(),
                                        signs.data(),
                                        low.data(),
                                        high.data(),
                                        is_packed ? nullptr : rest.data(),
                                        is_packed ? packed.data() : nullptr};
        Room<uint16_t> expected(n), merged(n);
        const size_t escaped = mh::MergeField(mh::Cpu::kScalar, tables, source, n, expected.data());
        for (const mh::Cpu level : Levels()) {
          CAPTURE(NameOf(level));
          CHECK(mh::MergeField(level, tables, source, n, merged.data()) == escaped);
          CHECK(merged == expected);
        }
      }
    }
  }
}

TEST_CASE("field: halves are joined to elements alike") {
  for (const size_t n : {0, 1, 63, 64, 65, 127, 128, 200, 1000}) {
    const Bytes8 leading(Noise(2 * n, 1)), third(Noise(n, 2)), fourth(Noise(n, 3));
    for (const mh::Cpu level : Levels()) {
      CAPTURE(NameOf(level));
      Bytes8 elements(4 * n, 1);
      mh::JoinHalves(level, reinterpret_cast<const uint16_t*>(leading.data()), third.data(),
                     fourth.data(), n, elements.data());
      for (size_t i = 0; i < n; i++) {
        REQUIRE(mh::Load<uint16_t>(elements.data() + 4 * i + 2) ==
                mh::Load<uint16_t>(leading.data() + 2 * i));
        REQUIRE(elements.data()[4 * i + 1] == third.data()[i]);
        REQUIRE(elements.data()[4 * i] == fourth.data()[i]);
      }
    }
  }
}

namespace {

struct Coded {
  Data payload, rest;
};

Coded Encode(mh::Cpu level, const mh::FieldOptions& options, const Data& elements, size_t stride,
             size_t room) {
  const size_t n = elements.size() / stride;
  mh::FieldScratch scratch;
  REQUIRE(scratch.Reserve(n));
  const Bytes8 in(elements);
  Bytes8 out(room), rest(n);
  const size_t size = mh::EncodeField(level, options, &scratch, in.data() + stride - 2, stride, n,
                                      out.span(), rest.data());
  return {Data(out.data(), out.data() + size), rest.copy()};
}

bool Decode(mh::Cpu level, const Data& payload, const Data& rest, size_t n, Data* leading) {
  mh::FieldScratch scratch;
  REQUIRE(scratch.Reserve(n));
  const Bytes8 in(payload), bits(rest);
  mh::FieldBlock block;
  Room<uint16_t> out(n);
  bool good = mh::DecodeField(level, &scratch, in.span(), n, &block) &&
              mh::MergeFieldBlock(level, block, bits.data(), nullptr, n, out.data());
  const int below = block.tables.shape.below;
  const bool fits = std::all_of(rest.begin(), rest.end(), [&](int b) { return b >> below == 0; });
  if (good && block.groups == nullptr && fits) {
    // The same with the rest bits packed.
    Bytes8 packed(mh::PackedBytes(n, below));
    mh::PackBits(mh::Cpu::kScalar, bits.data(), n, below, 0, packed.data());
    Room<uint16_t> again(n);
    good = mh::MergeFieldBlock(level, block, nullptr, packed.data(), n, again.data());
    CHECK(again == out);
  }
  leading->assign(reinterpret_cast<uint8_t*>(out.data()),
                  reinterpret_cast<uint8_t*>(out.data()) + 2 * n);
  return good;
}

Data LeadingHalves(const Data& elements, size_t stride) {
  Data halves;
  for (size_t i = stride - 2; i < elements.size(); i += stride) {
    halves.insert(halves.end(), {elements[i], elements[i + 1]});
  }
  return halves;
}

// Codes with every level and reads back; returns the payload, which is empty if it had no room.
Coded CheckCodec(const mh::FieldOptions& options, const Data& elements, size_t stride) {
  const size_t n = elements.size() / stride;
  const Coded expected = Encode(mh::Cpu::kScalar, options, elements, stride, 4 * n + 4096);
  if (expected.payload.empty()) return expected;
  for (const mh::Cpu level : Levels()) {
    CAPTURE(NameOf(level));
    // Exactly as much room as it takes, and a byte less.
    const size_t size = expected.payload.size();
    const Coded coded = Encode(level, options, elements, stride, size);
    CHECK(coded.payload == expected.payload);
    CHECK(coded.rest == expected.rest);
    CHECK(Encode(level, options, elements, stride, size - 1).payload.empty());
    Data leading;
    CHECK(Decode(level, expected.payload, expected.rest, n, &leading));
    CHECK(leading == LeadingHalves(elements, stride));
  }
  return expected;
}

std::vector<mh::FieldOptions> AllOptions() {
  std::vector<mh::FieldOptions> all;
  for (int below = 4; below <= 8; below++) {
    for (const bool sign_in : {false, true}) {
      for (const bool fine : {false, true}) {
        for (const bool grouped : {false, true}) {
          all.push_back({{below, sign_in}, fine, (below + (fine ? 1 : 0)) % 2 == 0, grouped});
        }
      }
    }
  }
  return all;
}

}  // namespace

TEST_CASE("field: every sample comes back from every shape, coder and grouping") {
  for (const size_t stride : {2, 4}) {
    for (const size_t n : {1, 2, 63, 64, 65, 1000}) {
      for (const mh_test::Sample& sample : mh_test::FloatSamples(n, static_cast<int>(stride))) {
        CAPTURE(sample.name);
        for (const mh::FieldOptions& options : AllOptions()) {
          CAPTURE(options.shape.below);
          CheckCodec(options, sample.data, stride);
        }
      }
    }
  }
}

TEST_CASE("field: blocks of 65536 come back, every pattern of 16 bits among them") {
  for (const mh_test::Sample& sample : mh_test::FloatSamples(65'536, 2)) {
    CAPTURE(sample.name);
    for (const bool fine : {false, true}) {
      for (const bool grouped : {false, true}) {
        CheckCodec({{7, false}, fine, true, grouped}, sample.data, 2);
      }
    }
    CheckCodec({{6, true}, false, false, false}, sample.data, 2);
  }
}

TEST_CASE("field: payloads cut short are refused") {
  for (const bool fine : {false, true}) {
    for (const bool grouped : {false, true}) {
      for (const mh_test::Sample& sample : mh_test::FloatSamples(300, 2)) {
        CAPTURE(sample.name);
        const Coded coded = CheckCodec({{6, false}, fine, false, grouped}, sample.data, 2);
        Data leading;
        for (size_t size = 0; size < coded.payload.size(); size++) {
          const Data cut(coded.payload.begin(), coded.payload.begin() + static_cast<long>(size));
          CHECK_FALSE(Decode(Levels().back(), cut, coded.rest, 300, &leading));
        }
        if (coded.payload.empty()) continue;
        Data longer = coded.payload;
        longer.push_back(0);
        CHECK_FALSE(Decode(Levels().back(), longer, coded.rest, 300, &leading));
      }
    }
  }
}

TEST_CASE("field: of damaged payloads every level thinks the same") {
  std::mt19937 random(1);
  for (const mh::FieldOptions& options : AllOptions()) {
    const std::vector<mh_test::Sample> samples = mh_test::FloatSamples(300, 2);
    for (int round = 0; round < 120; round++) {
      const Data& elements = samples[static_cast<size_t>(round) % samples.size()].data;
      Coded bad = Encode(mh::Cpu::kScalar, options, elements, 2, 4096);
      if (bad.payload.empty()) continue;
      const size_t most =
          round % 2 == 0 ? std::min<size_t>(20, bad.payload.size()) : bad.payload.size();
      bad.payload[random() % most] = static_cast<uint8_t>(random());
      Data expected, leading;
      const bool good = Decode(mh::Cpu::kScalar, bad.payload, bad.rest, 300, &expected);
      for (const mh::Cpu level : Levels()) {
        CAPTURE(NameOf(level));
        CHECK(Decode(level, bad.payload, bad.rest, 300, &leading) == good);
        if (good) CHECK(leading == expected);
      }
    }
  }
}

TEST_CASE("field: an escape's value beyond the value's bits is refused") {
  // One symbol for exponents 0x3e and 0x3f, of 7 bits; everything else escapes.
  const mh::FieldOptions options = {{8, false}, false, false, false};
  Data elements(2 * 3000, 0x3f);
  elements[2 * 17 + 1] = 0x11;
  Coded coded = Encode(mh::Cpu::kScalar, options, elements, 2, 8192);
  Data leading;
  REQUIRE(Decode(mh::Cpu::kScalar, coded.payload, coded.rest, 3000, &leading));
  const auto escape = std::find(coded.payload.begin() + 8, coded.payload.end(), uint8_t{0x11});
  REQUIRE(escape != coded.payload.end());
  *escape |= 0x80;
  for (const mh::Cpu level : Levels()) {
    CHECK_FALSE(Decode(level, coded.payload, coded.rest, 3000, &leading));
  }
}
