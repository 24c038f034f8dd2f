// The lanes' decoder, with tables of every kind, several runs, and bytes carried.
#include "mh/codec/lanes/lanes_kernel.h"
#include "tests/fuzz/fuzz_util.h"

namespace {

using mh_fuzz::Bytes8;
using mh_fuzz::Data;
using mh_fuzz::Input;
using mh_fuzz::Output;
using mh_fuzz::Require;

constexpr size_t kRunsMax = 4, kRowsMax = 16;

mh::LaneTable TableOf(Input* input) {
  mh::LaneTable table;
  const uint8_t kind = input->Byte(), value = input->Byte();
  const int f = value == 0 ? 1 : value;
  if (kind % 4 == 0) table.freq[value % 64] = 256;
  if (kind % 4 == 1) table.freq[kind / 4] = static_cast<uint16_t>(256 - f);
  if (kind % 4 == 1)
    table.freq[63 - kind / 4] = static_cast<uint16_t>(table.freq[63 - kind / 4] + f);
  if (kind % 4 >= 2) {
    std::mt19937 random(value);
    uint32_t counts[64];
    for (uint32_t& count : counts) count = random() >> (random() % 32);
    counts[0] |= 1;
    mh::NormalizeCounts(counts, kind % 4 == 2 ? 64 : 1 + kind / 4, mh::kLaneScale, table.freq);
  }
  Require(mh::CompleteLaneTable(&table), "the table adds up");
  return table;
}

struct Case {
  std::vector<mh::LaneTable> tables;
  std::vector<mh::LaneRun> runs;
  int groups = 1;
  size_t rows = 0, carried = 0;
};

void Read(Input* input, Case* c) {
  const uint8_t head = input->Byte();
  c->groups = head % 2 == 0 ? 1 : mh::kLaneGroupsMax;
  const size_t runs = 1 + head / 2 % kRunsMax;
  c->tables.reserve(runs);
  for (size_t i = 0; i < runs; i++) {
    c->tables.push_back(TableOf(input));
    c->runs.push_back({&c->tables.back(), input->Byte() % kRowsMax});
    c->rows += c->runs.back().rows;
  }
  c->carried = input->Number(0, mh::LaneCarriedMax(c->groups) + 1);
}

Data Encode(mh::Cpu level, const Case& c, const uint8_t* symbols,
            std::span<const uint8_t> carried) {
  Bytes8 out(mh::LaneBytesMax(c.rows, c.groups));
  uint8_t* begin = mh::EncodeLanes(level, c.runs, c.groups, symbols, carried, out.end());
  return Data(begin, out.end());
}

std::vector<Data> Seeds() {
  std::vector<Data> seeds;
  std::mt19937 random(1);
  for (size_t seed = 0; seed < 24; seed++) {
    Data parameters = {static_cast<uint8_t>(seed)};
    for (size_t i = 0; i < 1 + seed / 2 % kRunsMax; i++) {
      for (int byte = 0; byte < 3; byte++) parameters.push_back(static_cast<uint8_t>(random()));
    }
    Case c;
    const size_t carried = seed % 3 == 0 ? 0 : random() % (mh::LaneCarriedMax(1) + 1);
    parameters.push_back(static_cast<uint8_t>(carried));
    parameters.push_back(0);
    Input input(parameters.data(), parameters.size());
    Read(&input, &c);
    Data symbols;
    for (const mh::LaneRun& run : c.runs) {
      for (size_t i = 0; i < run.rows * mh::kLanes; i++) {
        symbols.push_back(run.table->slot[random() % 256]);
      }
    }
    const Data stream = Encode(mh::Cpu::kScalar, c, symbols.data(), mh_test::Noise(c.carried, 1));
    parameters.insert(parameters.end(), stream.begin(), stream.end());
    seeds.push_back(parameters);
  }
  return seeds;
}

}  // namespace

MH_FUZZ_TARGET(lanes) {
  Input input(data, size);
  Case c;
  Read(&input, &c);
  const Bytes8 stream = input.Rest();
  const auto decoded = mh_fuzz::AtEveryLevel([&](mh::Cpu level, Data* output) {
    Bytes8 symbols(c.rows * mh::kLanes), carried(c.carried);
    const bool good =
        mh::DecodeLanes(level, c.runs, c.groups, stream.span(), symbols.data(), carried.span());
    *output = symbols.copy();
    output->insert(output->end(), carried.data(), carried.end());
    return good;
  });
  if (decoded.empty()) return 0;
  const Bytes8 symbols(std::span(decoded.front()).first(c.rows * mh::kLanes));
  const Bytes8 carried(std::span(decoded.front()).subspan(c.rows * mh::kLanes));
  for (const mh::Cpu level : mh_test::Levels()) {
    const Data again = Encode(level, c, symbols.data(), carried.span());
    Require(std::ranges::equal(again, stream.span()), "what decodes is what an encoder writes");
  }
  return 0;
}
