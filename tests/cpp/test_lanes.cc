#include <doctest/doctest.h>

#include <numeric>

#include "mh/codec/lanes/lanes_kernel.h"
#include "mh/codec/lanes/lanes_rows.h"
#include "tests/cpp/test_util.h"

using mh_test::Bytes8;
using mh_test::Data;
using mh_test::Levels;
using mh_test::NameOf;
using mh_test::Noise;

namespace {

mh::LaneTable TableOf(const std::vector<int>& freq) {
  mh::LaneTable table;
  for (size_t k = 0; k < freq.size(); k++) table.freq[k] = static_cast<uint16_t>(freq[k]);
  REQUIRE(mh::CompleteLaneTable(&table));
  return table;
}

// Frequencies of odd kinds: one symbol, the most skewed pair, all 64, gaps, the last symbol alone.
std::vector<mh::LaneTable> Tables() {
  std::vector<int> skewed(64, 1), last(64, 0), gaps(64, 0);
  skewed[17] = 256 - 63;
  last[63] = 256;
  for (size_t k = 0; k < 64; k += 3) gaps[k] = 11;
  gaps[63] += 256 - std::accumulate(gaps.begin(), gaps.end(), 0);
  return {TableOf({256}),
          TableOf(last),
          TableOf({255, 1}),
          TableOf({1, 255}),
          TableOf({1, 254, 1}),
          TableOf({128, 128}),
          TableOf({127, 129}),
          TableOf(std::vector<int>(64, 4)),
          TableOf(skewed),
          TableOf(gaps),
          TableOf({0, 0, 100, 0, 56, 50, 30, 20})};
}

// Symbols of a table: as it says they occur, or (`rare`) all as if equally frequent.
void Fill(const mh::LaneTable& table, bool rare, std::mt19937* random, uint8_t* symbols,
          size_t count) {
  std::vector<uint8_t> present;
  for (int k = 0; k < 64; k++) {
    if (table.freq[k] > 0) present.push_back(static_cast<uint8_t>(k));
  }
  for (size_t i = 0; i < count; i++) {
    symbols[i] = rare ? present[(*random)() % present.size()] : table.slot[(*random)() % 256];
  }
}

struct Case {
  std::vector<mh::LaneRun> runs;
  int groups;
  Data symbols, carried;
};

Data Encode(const Case& c, mh::Cpu level) {
  size_t rows = 0;
  for (const mh::LaneRun& run : c.runs) rows += run.rows;
  Bytes8 out(mh::LaneBytesMax(rows, c.groups));
  const Bytes8 symbols(c.symbols), carried(c.carried);
  uint8_t* begin =
      mh::EncodeLanes(level, c.runs, c.groups, symbols.data(), carried.span(), out.end());
  REQUIRE(begin >= out.data());
  return Data(begin, out.end());
}

bool Decode(const Case& c, mh::Cpu level, const Data& data, Data* symbols, Data* carried) {
  const Bytes8 in(data);
  Bytes8 out(c.symbols.size()), rest(c.carried.size());
  const bool good = mh::DecodeLanes(level, c.runs, c.groups, in.span(), out.data(), rest.span());
  *symbols = out.copy();
  *carried = rest.copy();
  return good;
}

// Every level writes the same stream and reads it back.
Data CheckCase(const Case& c) {
  const Data expected = Encode(c, mh::Cpu::kScalar);
  for (const mh::Cpu level : Levels()) {
    CAPTURE(NameOf(level));
    CHECK(Encode(c, level) == expected);
    Data symbols, carried;
    CHECK(Decode(c, level, expected, &symbols, &carried));
    CHECK(symbols == c.symbols);
    CHECK(carried == c.carried);
  }
  return expected;
}

Case RandomCase(const std::vector<mh::LaneTable>& tables, int groups, size_t rows_most,
                std::mt19937* random) {
  Case c{{}, groups, {}, Noise((*random)() % (mh::LaneCarriedMax(groups) + 1), (*random)())};
  for (size_t run = 0; run < 1 + (*random)() % 4; run++) {
    const mh::LaneTable& table = tables[(*random)() % tables.size()];
    const size_t rows = (*random)() % (rows_most + 1), begin = c.symbols.size();
    c.runs.push_back({&table, rows});
    c.symbols.resize(begin + rows * mh::kLanes);
    Fill(table, (*random)() % 2 == 0, random, c.symbols.data() + begin, rows * mh::kLanes);
  }
  return c;
}

}  // namespace

TEST_CASE("lanes: every table, row count and number of groups, alike at every level") {
  const std::vector<mh::LaneTable> tables = Tables();
  std::mt19937 random(1);
  for (const mh::LaneTable& table : tables) {
    for (const int groups : {1, mh::kLaneGroupsMax}) {
      for (const size_t rows : {0, 1, 2, 3, 4, 5, 7, 8, 63, 64, 200}) {
        for (const bool rare : {false, true}) {
          Case c{{{&table, rows}}, groups, Data(rows * mh::kLanes), Noise(rows % 100, 3)};
          Fill(table, rare, &random, c.symbols.data(), c.symbols.size());
          CheckCase(c);
        }
      }
    }
  }
}

TEST_CASE("lanes: carried bytes of every length come back") {
  const std::vector<mh::LaneTable> tables = Tables();
  std::mt19937 random(2);
  for (const int groups : {1, mh::kLaneGroupsMax}) {
    for (size_t length = 0; length <= mh::LaneCarriedMax(groups); length++) {
      for (const uint8_t fill : {uint8_t{0}, uint8_t{255}, uint8_t{1}}) {
        Case c{{{&tables[8], 3}}, groups, Data(3 * mh::kLanes), Data(length, fill)};
        if (fill == 1) c.carried = Noise(length, 5);
        Fill(tables[8], true, &random, c.symbols.data(), c.symbols.size());
        CheckCase(c);
      }
    }
  }
}

TEST_CASE("lanes: several runs with tables of their own, also of one symbol, between odd rows") {
  const std::vector<mh::LaneTable> tables = Tables();
  std::mt19937 random(3);
  for (int round = 0; round < 300; round++) {
    CheckCase(RandomCase(tables, round % 2 == 0 ? 1 : mh::kLaneGroupsMax, round % 3 == 0 ? 3 : 40,
                         &random));
  }
}

TEST_CASE("lanes: skewed symbols take a byte each at most, and frequent ones almost nothing") {
  const mh::LaneTable table = TableOf({255, 1});
  Case c{{{&table, 100}}, 1, Data(100 * mh::kLanes), {}};
  CHECK(CheckCase(c).size() < mh::kLaneStateBytes + 60);
  std::fill(c.symbols.begin(), c.symbols.end(), uint8_t{1});
  CHECK(CheckCase(c).size() >= mh::kLaneStateBytes + 99 * mh::kLanes);
}

TEST_CASE("lanes: streams cut short or made longer are refused") {
  const std::vector<mh::LaneTable> tables = Tables();
  std::mt19937 random(4);
  for (const int groups : {1, mh::kLaneGroupsMax}) {
    const Case c = RandomCase(tables, groups, 12, &random);
    const Data good = Encode(c, mh::Cpu::kScalar);
    for (const mh::Cpu level : Levels()) {
      CAPTURE(NameOf(level));
      Data symbols, carried;
      for (size_t size = 0; size < good.size(); size++) {
        CHECK_FALSE(Decode(c, level, Data(good.begin(), good.begin() + static_cast<long>(size)),
                           &symbols, &carried));
      }
      Data longer = good;
      longer.push_back(0);
      CHECK_FALSE(Decode(c, level, longer, &symbols, &carried));
      longer.resize(good.size() + 300, 7);
      CHECK_FALSE(Decode(c, level, longer, &symbols, &carried));
    }
  }
}

TEST_CASE("lanes: of damaged streams every level thinks the same") {
  const std::vector<mh::LaneTable> tables = Tables();
  std::mt19937 random(5);
  for (int round = 0; round < 500; round++) {
    const Case c = RandomCase(tables, round % 2 == 0 ? 1 : mh::kLaneGroupsMax, 10, &random);
    Data bad = Encode(c, mh::Cpu::kScalar);
    for (uint32_t change = 0; change <= random() % 3; change++) {
      bad[random() % bad.size()] ^= static_cast<uint8_t>(1u << random() % 8);
    }
    if (round % 5 == 0) std::fill_n(bad.begin(), mh::kLaneStateBytes, uint8_t{0});
    Data expected, expected_carried, symbols, carried;
    const bool good = Decode(c, mh::Cpu::kScalar, bad, &expected, &expected_carried);
    for (const mh::Cpu level : Levels()) {
      CAPTURE(NameOf(level));
      CHECK(Decode(c, level, bad, &symbols, &carried) == good);
      if (good) CHECK(symbols == expected);
      if (good) CHECK(carried == expected_carried);
    }
  }
}

TEST_CASE("lanes: what decodes is what an encoder writes") {
  const std::vector<mh::LaneTable> tables = Tables();
  std::mt19937 random(6);
  int decoded = 0;
  for (int round = 0; round < 20'000; round++) {
    // One row whose states fit the carried bits, and now and then one that no encoder leaves.
    Case c{{{&tables[2], 1}}, 1, Data(mh::kLanes), Data(mh::LaneCarriedMax(1))};
    Data stream = Noise(mh::kLaneStateBytes + random() % 3, random(), 255);
    for (size_t i = 1; i < mh::kLaneStateBytes; i += 2) {
      stream[i] = random() % 100 == 0 ? uint8_t{0} : static_cast<uint8_t>(2 + random() % 100);
    }
    Data symbols, carried;
    if (!Decode(c, mh::Cpu::kScalar, stream, &symbols, &carried)) continue;
    decoded++;
    c.symbols = symbols;
    c.carried = carried;
    CHECK(Encode(c, mh::Cpu::kScalar) == stream);
  }
  CHECK(decoded > 100);
}

namespace {

// Of one level: a row of 64 states pushed or popped, with the bytes that go in or out.
using PushRow = uint8_t* (*)(const mh::LaneTable&, mh::lanes::States* const*, int, size_t,
                             const uint8_t*, uint8_t*);
using PopRow = const uint8_t* (*)(const mh::LaneTable&, mh::lanes::States* const*, int, size_t*,
                                  const uint8_t*, const uint8_t*, uint8_t*);

struct Row {
  mh::lanes::States states;
  Data bytes, symbols;
  bool operator==(const Row& other) const {
    return std::equal(states.x, states.x + mh::kLanes, other.states.x) && bytes == other.bytes &&
           symbols == other.symbols;
  }
};

Row Push(PushRow kernel, const mh::LaneTable& table, Row row) {
  mh::lanes::States* const states[] = {&row.states};
  Bytes8 out(mh::LaneBytesMax(1, 1));
  uint8_t* begin = kernel(table, states, 1, 1, row.symbols.data(), out.end());
  row.bytes.assign(begin, out.end());
  return row;
}

Row Pop(PopRow kernel, const mh::LaneTable& table, Row row) {
  mh::lanes::States* const states[] = {&row.states};
  row.symbols.assign(mh::kLanes, 0);
  row.bytes.resize(3 * mh::kLanes);  // So that no kernel leaves the row to the scalar one.
  size_t rows = 1;
  const uint8_t* from = row.bytes.data();
  const uint8_t* end =
      kernel(table, states, 1, &rows, from, from + row.bytes.size(), row.symbols.data());
  CHECK(rows == 0);
  row.bytes.resize(static_cast<size_t>(end - from));
  return row;
}

const uint8_t* PopScalar(const mh::LaneTable& table, mh::lanes::States* const* states, int groups,
                         size_t* rows, const uint8_t* in, const uint8_t* end, uint8_t* symbols) {
  const uint8_t* at = mh::lanes::DecodeRowsScalar(table, states, groups, *rows, in, end, symbols);
  *rows = 0;
  return at;
}

}  // namespace

TEST_CASE("lanes: every state with every frequency goes in and comes out, alike") {
  std::vector<std::pair<PushRow, PopRow>> kernels;
#ifdef MH_X86
  if (mh::BestCpu() >= mh::Cpu::kAvx2) {
    kernels.emplace_back(mh::lanes::EncodeRowsAvx2, mh::lanes::DecodeRowsAvx2);
  }
  if (mh::BestCpu() >= mh::Cpu::kAvx512) {
    kernels.emplace_back(mh::lanes::EncodeRowsAvx512, mh::lanes::DecodeRowsAvx512);
  }
#endif
  for (int f = 1; f < 256; f++) {
    const mh::LaneTable table = TableOf({f, 256 - f});
    // Every state, of every 7th frequency; of others a part, which differs.
    const uint32_t step = f % 7 == 1 || f > 250 ? 64 : 64 * 11;
    for (uint32_t first = 256 + static_cast<uint32_t>(f) % 64; first < 65'536 - 64; first += step) {
      Row row;
      for (uint32_t lane = 0; lane < 64; lane++) {
        row.states.x[lane] = static_cast<uint16_t>(first + lane);
      }
      row.symbols.assign(mh::kLanes, 0);
      const Row pushed = Push(mh::lanes::EncodeRowsScalar, table, row);
      Row popped = Pop(PopScalar, table, pushed);
      popped.bytes.clear();
      REQUIRE(popped == row);
      for (const auto& [push, pop] : kernels) {
        REQUIRE(Push(push, table, row) == pushed);
        Row again = Pop(pop, table, pushed);
        again.bytes.clear();
        REQUIRE(again == row);
      }
    }
  }
}

TEST_CASE("lanes: counts become frequencies that add up, at least 1 for what occurs") {
  std::mt19937 random(7);
  for (int round = 0; round < 3000; round++) {
    const uint32_t scale = round % 2 == 0 ? 256 : 4096;
    const int symbols = 1 + static_cast<int>(random() % (round % 2 == 0 ? 64 : 256));
    std::vector<uint32_t> counts(static_cast<size_t>(symbols));
    for (uint32_t& count : counts) count = random() >> (random() % 32);
    if (round % 3 == 0) counts[random() % counts.size()] = UINT32_MAX;
    if (round % 7 == 0) std::fill(counts.begin(), counts.end(), 1u);
    counts[random() % counts.size()] |= 1;
    std::vector<uint16_t> freq(counts.size());
    mh::NormalizeCounts(counts.data(), symbols, scale, freq.data());
    uint32_t sum = 0;
    for (size_t k = 0; k < counts.size(); k++) {
      CHECK((freq[k] > 0) == (counts[k] > 0));
      sum += freq[k];
    }
    CHECK(sum == scale);
  }
}

TEST_CASE("lanes: tables that do not add up are refused") {
  mh::LaneTable table;
  CHECK_FALSE(mh::CompleteLaneTable(&table));
  table.freq[3] = 255;
  CHECK_FALSE(mh::CompleteLaneTable(&table));
  table.freq[4] = 2;
  CHECK_FALSE(mh::CompleteLaneTable(&table));
  table.freq[4] = 65535;
  CHECK_FALSE(mh::CompleteLaneTable(&table));
  table.freq[4] = 1;
  CHECK(mh::CompleteLaneTable(&table));
  CHECK(table.count == 2);
}
