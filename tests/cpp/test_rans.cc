#include <doctest/doctest.h>

#include "mh/codec/rans/rans_codec.h"
#include "tests/cpp/test_util.h"

using mh_test::Bytes8;
using mh_test::Data;
using mh_test::Levels;
using mh_test::NameOf;
using mh_test::Noise;

namespace {

mh::RansTable TableOf(const std::vector<std::pair<int, int>>& freq) {
  mh::RansTable table;
  std::memset(table.freq, 0, sizeof(table.freq));
  for (const auto& [symbol, f] : freq) table.freq[symbol] = static_cast<uint16_t>(f);
  REQUIRE(mh::CompleteRansTable(&table));
  return table;
}

const std::vector<mh::RansTable>& Tables() {
  static const std::vector<mh::RansTable> tables = [] {
    std::vector<std::pair<int, int>> even, skewed;
    for (int s = 0; s < 256; s++) {
      even.emplace_back(s, 16);
      skewed.emplace_back(s, s == 200 ? 4096 - 255 : 1);
    }
    return std::vector<mh::RansTable>{TableOf({{0, 4096}}),
                                      TableOf({{255, 4096}}),
                                      TableOf({{3, 4095}, {4, 1}}),
                                      TableOf({{0, 1}, {255, 4095}}),
                                      TableOf({{7, 2048}, {9, 2048}}),
                                      TableOf({{1, 1}, {2, 4094}, {3, 1}}),
                                      TableOf(even),
                                      TableOf(skewed)};
  }();
  return tables;
}

struct Case {
  std::vector<mh::RansRun> runs;
  Data symbols, carried;
};

void AddRun(const mh::RansTable& table, size_t rows, bool rare, std::mt19937* random, Case* c) {
  std::vector<uint8_t> present;
  for (int s = 0; s < 256; s++) {
    if (table.freq[s] > 0) present.push_back(static_cast<uint8_t>(s));
  }
  c->runs.push_back({&table, rows});
  for (size_t i = 0; i < rows * mh::kRansLanes; i++) {
    c->symbols.push_back(rare ? present[(*random)() % present.size()]
                              : static_cast<uint8_t>(table.entry[(*random)() % 4096]));
  }
}

Data Encode(const Case& c) {
  size_t rows = 0;
  for (const mh::RansRun& run : c.runs) rows += run.rows;
  Bytes8 out(mh::RansBytesMax(rows));
  const Bytes8 symbols(c.symbols), carried(c.carried);
  uint8_t* begin = mh::EncodeRans(c.runs, symbols.data(), carried.span(), out.end());
  REQUIRE(begin >= out.data());
  return Data(begin, out.end());
}

bool Decode(const Case& c, mh::Cpu level, const Data& data, Data* symbols, Data* carried) {
  const Bytes8 in(data);
  Bytes8 out(c.symbols.size()), rest(c.carried.size());
  const bool good = mh::DecodeRans(level, c.runs, in.span(), out.data(), rest.span());
  *symbols = out.copy();
  *carried = rest.copy();
  return good;
}

void CheckCase(const Case& c) {
  const Data stream = Encode(c);
  for (const mh::Cpu level : Levels()) {
    CAPTURE(NameOf(level));
    Data symbols, carried;
    CHECK(Decode(c, level, stream, &symbols, &carried));
    CHECK(symbols == c.symbols);
    CHECK(carried == c.carried);
  }
}

Case RandomCase(std::mt19937* random) {
  Case c;
  c.carried = Noise((*random)() % (mh::kRansCarriedMax + 1), (*random)());
  for (size_t run = 0; run < 1 + (*random)() % 4; run++) {
    AddRun(Tables()[(*random)() % Tables().size()], (*random)() % 20, (*random)() % 2 == 0, random,
           &c);
  }
  return c;
}

Data EncodeBytes(const Data& data) {
  mh::RansScratch scratch;
  REQUIRE(scratch.Reserve(data.size()));
  Bytes8 out(data.size());
  const size_t size = mh::EncodeRansBytes(&scratch, Bytes8(data).span(), out.span());
  return Data(out.data(), out.data() + size);
}

bool DecodeBytes(mh::Cpu level, const Data& payload, size_t size, Data* data) {
  mh::RansScratch scratch;
  REQUIRE(scratch.Reserve(size));
  Bytes8 out(size);
  const bool good = mh::DecodeRansBytes(level, &scratch, Bytes8(payload).span(), out.span());
  *data = out.copy();
  return good;
}

}  // namespace

TEST_CASE("rans: every table and row count, alike at every level") {
  std::mt19937 random(1);
  for (const mh::RansTable& table : Tables()) {
    for (const size_t rows : {0, 1, 2, 3, 8, 63, 200}) {
      for (const bool rare : {false, true}) {
        Case c;
        c.carried = Noise(rows % 125, 3);
        AddRun(table, rows, rare, &random, &c);
        CheckCase(c);
      }
    }
  }
}

TEST_CASE("rans: carried bytes of every length come back") {
  std::mt19937 random(2);
  for (size_t length = 0; length <= mh::kRansCarriedMax; length++) {
    for (const uint8_t fill : {uint8_t{0}, uint8_t{255}, uint8_t{1}}) {
      Case c;
      c.carried = fill == 1 ? Noise(length, 5) : Data(length, fill);
      AddRun(Tables()[7], 3, true, &random, &c);
      CheckCase(c);
    }
  }
}

TEST_CASE("rans: several runs with tables of their own, also of one symbol") {
  std::mt19937 random(3);
  for (int round = 0; round < 200; round++) CheckCase(RandomCase(&random));
}

TEST_CASE("rans: streams cut short or made longer are refused") {
  std::mt19937 random(4);
  const Case c = RandomCase(&random);
  const Data good = Encode(c);
  for (const mh::Cpu level : Levels()) {
    CAPTURE(NameOf(level));
    Data symbols, carried;
    for (size_t size = 0; size < good.size(); size++) {
      CHECK_FALSE(Decode(c, level, Data(good.begin(), good.begin() + static_cast<long>(size)),
                         &symbols, &carried));
    }
    Data longer = good;
    longer.resize(good.size() + 2);
    CHECK_FALSE(Decode(c, level, longer, &symbols, &carried));
  }
}

TEST_CASE("rans: of damaged streams every level thinks the same, and what decodes is canonical") {
  std::mt19937 random(5);
  for (int round = 0; round < 500; round++) {
    Case c = RandomCase(&random);
    Data bad = Encode(c);
    if (round % 2 == 0) bad[random() % bad.size()] ^= static_cast<uint8_t>(1u << random() % 8);
    if (round % 5 == 0) std::memset(&bad[2], 0, 2);  // A state that no encoder leaves.
    Data expected, expected_carried, symbols, carried;
    const bool good = Decode(c, mh::Cpu::kScalar, bad, &expected, &expected_carried);
    for (const mh::Cpu level : Levels()) {
      CAPTURE(NameOf(level));
      CHECK(Decode(c, level, bad, &symbols, &carried) == good);
      if (good) CHECK(symbols == expected);
      if (good) CHECK(carried == expected_carried);
    }
    if (!good) continue;
    c.symbols = expected;
    c.carried = expected_carried;
    CHECK(Encode(c) == bad);
  }
}

TEST_CASE("rans: bytes of every kind come back, or are left to others") {
  std::vector<Data> kinds;
  for (const size_t size : {125, 126, 156, 157, 1000, 1023, 4096, 65'536}) {
    kinds.push_back(Noise(size, 1, 2));
    kinds.push_back(Noise(size, 2, 17));
    kinds.push_back(Noise(size, 3));
    kinds.push_back(Data(size, 9));
    kinds.emplace_back(size, uint8_t{0});
    kinds.back()[size / 3] = 255;  // One that is rare.
    kinds.back()[0] = 255;
  }
  int coded = 0;
  for (const Data& data : kinds) {
    const Data payload = EncodeBytes(data);
    if (payload.empty()) continue;
    coded++;
    for (const mh::Cpu level : Levels()) {
      CAPTURE(NameOf(level));
      Data again;
      CHECK(DecodeBytes(level, payload, data.size(), &again));
      CHECK(again == data);
      CHECK_FALSE(DecodeBytes(level, payload, data.size() + 100, &again));
    }
  }
  CHECK(coded > 10);
}

TEST_CASE("rans: payloads cut short are refused, damaged ones looked at alike") {
  const Data data = Noise(700, 1, 5), good = EncodeBytes(data);
  REQUIRE(!good.empty());
  Data out;
  for (size_t size = 0; size < good.size(); size++) {
    const Data cut(good.begin(), good.begin() + static_cast<long>(size));
    for (const mh::Cpu level : Levels()) CHECK_FALSE(DecodeBytes(level, cut, data.size(), &out));
  }
  std::mt19937 random(6);
  for (int round = 0; round < 2000; round++) {
    Data bad = good;
    bad[random() % (round % 2 == 0 ? 12 : bad.size())] = static_cast<uint8_t>(random());
    Data expected;
    const bool decodes = DecodeBytes(mh::Cpu::kScalar, bad, data.size(), &expected);
    for (const mh::Cpu level : Levels()) {
      CHECK(DecodeBytes(level, bad, data.size(), &out) == decodes);
      if (decodes) CHECK(out == expected);
    }
  }
}

TEST_CASE("rans: tables that do not add up are refused") {
  mh::RansTable table;
  std::memset(table.freq, 0, sizeof(table.freq));
  CHECK_FALSE(mh::CompleteRansTable(&table));
  table.freq[0] = 4095;
  CHECK_FALSE(mh::CompleteRansTable(&table));
  table.freq[255] = 2;
  CHECK_FALSE(mh::CompleteRansTable(&table));
  table.freq[255] = 1;
  CHECK(mh::CompleteRansTable(&table));
  CHECK(table.count == 2);
}
