#include <doctest/doctest.h>

#include <fstream>
#include <iterator>

#include "mh/base/checksum.h"
#include "mh/base/endian.h"
#include "mh/chain/chain_decode.h"
#include "tests/cpp/samples.h"

using mh_test::Data;
using mh_test::InputOf;
using mh_test::ScratchPath;

namespace {

using Runs = std::vector<std::pair<uint64_t, uint64_t>>;

Data ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return Data(std::istreambuf_iterator<char>(file), {});
}

void WriteFile(const std::string& path, const Data& data) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(reinterpret_cast<const char*>(data.data()), static_cast<std::streamsize>(data.size()));
}

template <typename T>
void Put(Data* data, const T& value) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(&value);
  data->insert(data->end(), bytes, bytes + sizeof(T));
}

void Seal(Data* data) { Put(data, mh::Checksum(data->data(), data->size())); }

// A pack of floats, alone and as a delta, and what splitting it at two segments makes.
struct Split {
  std::vector<Data> arrays;
  Data whole, near, low;
  Runs runs;
  mh::PackFile::Digest name{};
};

Data NearOf(const Split& split, const Runs& runs) {
  Data near(std::begin(mh::kNearMagic), std::end(mh::kNearMagic));
  Put(&near, uint32_t{1});
  Put(&near, uint32_t{0});
  Put(&near, split.name);
  Put(&near, uint64_t{split.whole.size()});
  near.insert(near.end(), 32, 0);
  Put(&near, uint64_t{runs.size()});
  for (const auto& [offset, bytes] : runs) {
    Put(&near, offset);
    Put(&near, bytes);
  }
  Seal(&near);
  uint64_t at = 0;
  const auto copy = [&](uint64_t end) {
    for (; at < end && at < split.whole.size(); at++) near.push_back(split.whole[at]);
  };
  for (const auto& [offset, bytes] : runs) {
    copy(offset);
    at = std::max(at, offset + bytes);
  }
  copy(split.whole.size());
  return near;
}

Data LowOf(const Split& split) {
  Data low(std::begin(mh::kLowMagic), std::end(mh::kLowMagic));
  Put(&low, uint32_t{1});
  Put(&low, uint32_t{0});
  Put(&low, split.name);
  uint64_t sum = 0;
  for (const auto& run : split.runs) sum += run.second;
  Put(&low, sum);
  Seal(&low);
  for (const auto& [offset, bytes] : split.runs) {
    for (uint64_t i = 0; i < bytes; i++) low.push_back(split.whole[offset + i]);
  }
  return low;
}

Split MakeSplit() {
  Split split;
  const ScratchPath path;
  auto writer = mh::PackWriter::Create(path.str(), mh::Preset::kDefault);
  REQUIRE(writer.ok());
  split.arrays.push_back(mh_test::Weights(70'000, 4, 1));
  split.arrays.push_back(mh_test::StepFrom(split.arrays[0], 4, 2));
  split.arrays.push_back(mh_test::Weights(500, 4, 5));
  for (uint8_t i = 0; i < 3; i++) {
    mh::EntryInput input = InputOf(i, 4, mh::ValueKind::kFloat, split.arrays[i]);
    if (i == 1) mh_test::SetBase(0, 0, split.arrays[0], &input);
    REQUIRE(writer.value()->Add(input, 1).ok());
  }
  REQUIRE(writer.value()->Finish().ok());
  split.whole = ReadFile(path.str());
  const auto pack = mh::PackReader::Open(path.str());
  REQUIRE(pack.ok());
  split.name = pack.value()->name();
  for (const size_t i : {0, 1}) {
    const mh::IndexEntry& entry = pack.value()->entry(i);
    const auto& segments = entry.head.segment_bytes;
    const uint64_t bytes = segments[2] + segments[3];
    REQUIRE(bytes > 0);
    split.runs.push_back({entry.offset + entry.record_bytes + entry.stored_bytes - bytes, bytes});
  }
  split.near = NearOf(split, split.runs);
  split.low = LowOf(split);
  return split;
}

// Decodes entry `i` of a split pack, by `planes` (0: all).
mh::Status ReadOne(const std::shared_ptr<const mh::PackReader>& pack, size_t i, int planes,
                   Data* out) {
  std::vector<mh::Link> chain{{pack, i}};
  if (i == 1) chain.push_back({pack, 0});
  mh::DecodeRequest request;
  request.planes = planes;
  out->assign(pack->head(i).raw_bytes, 0xa5);
  return mh::DecodeChain(chain, request, *out).status();
}

mh::Status OpenStatus(const Data& near, const Data* low = nullptr) {
  const ScratchPath near_path, low_path;
  WriteFile(near_path.str(), near);
  if (low != nullptr) WriteFile(low_path.str(), *low);
  return mh::PackReader::Open(near_path.str(), low == nullptr ? "" : low_path.str()).status();
}

}  // namespace

TEST_CASE("split: with its companion a pack reads as before") {
  const Split split = MakeSplit();
  const ScratchPath near, low, copied;
  WriteFile(near.str(), split.near);
  WriteFile(low.str(), split.low);
  const auto pack = mh::PackReader::Open(near.str(), low.str());
  REQUIRE(pack.ok());
  CHECK(pack.value()->name() == split.name);
  CHECK(pack.value()->file_bytes() == split.whole.size());
  CHECK(pack.value()->file().has_far());
  CHECK(pack.value()->file().far_bytes() == split.runs[0].second + split.runs[1].second);
  for (size_t i = 0; i < 3; i++) {
    Data out;
    CHECK(ReadOne(pack.value(), i, 0, &out).ok());
    CHECK(out == split.arrays[i]);
    CHECK(pack.value()->Verify(i).ok());
  }
  auto writer = mh::PackWriter::Create(copied.str(), mh::Preset::kDefault);
  REQUIRE(writer.ok());
  for (size_t i = 0; i < 3; i++) REQUIRE(writer.value()->Copy(*pack.value(), i).ok());
  REQUIRE(writer.value()->Finish().ok());
  CHECK(ReadFile(copied.str()) == split.whole);
}

TEST_CASE("split: any range reads as it was, across runs and gaps") {
  const Split split = MakeSplit();
  const ScratchPath near, low;
  WriteFile(near.str(), split.near);
  WriteFile(low.str(), split.low);
  const auto file = mh::PackFile::Open(near.str(), low.str());
  REQUIRE(file.ok());
  std::vector<uint64_t> edges{0, 1, split.whole.size() - 1, split.whole.size()};
  for (const auto& [offset, bytes] : split.runs) {
    for (const uint64_t edge : {offset, offset + bytes}) {
      edges.insert(edges.end(), {edge - 1, edge, edge + 1});
    }
  }
  for (const uint64_t begin : edges) {
    for (const uint64_t end : edges) {
      if (begin > end) continue;
      Data out(end - begin);
      REQUIRE(file.value()->ReadAt(begin, out).ok());
      CHECK(std::equal(out.begin(), out.end(), split.whole.begin() + static_cast<long>(begin)));
    }
  }
  Data beyond(2);
  CHECK(file.value()->ReadAt(split.whole.size() - 1, beyond).code() == mh::Code::kCorruption);
}

TEST_CASE("split: without its companion, what needs no far byte reads, through deltas too") {
  const Split split = MakeSplit();
  const ScratchPath near;
  WriteFile(near.str(), split.near);
  const auto pack = mh::PackReader::Open(near.str());
  REQUIRE(pack.ok());
  const int expected[] = {2, 2, 4};
  for (size_t i = 0; i < 3; i++) {
    CHECK(pack.value()->NearSegments(i) == expected[i]);
    CHECK(pack.value()->Verify(i, /*near_only=*/true).ok());
    for (int planes = 1; planes <= 4; planes++) {
      Data out;
      const mh::Status status = ReadOne(pack.value(), i, planes, &out);
      if (planes > expected[i]) {
        CHECK(status.code() == mh::Code::kTier);
        continue;
      }
      REQUIRE(status.ok());
      Data leading = split.arrays[i];
      for (size_t at = 0; at < leading.size(); at++) {
        if (static_cast<int>(at % 4) < 4 - planes) leading[at] = 0;
      }
      CHECK(out == leading);
    }
  }
  CHECK(pack.value()->Verify(0).code() == mh::Code::kTier);
}

TEST_CASE("split: tables that no writer makes are refused") {
  const Split split = MakeSplit();
  REQUIRE(OpenStatus(split.near, &split.low).ok());
  const auto [first, second] = std::pair(split.runs[0], split.runs[1]);
  const uint64_t size = split.whole.size(), most = ~uint64_t{0};
  const std::vector<Runs> hostile{
      {second, first},                                // Not in order.
      {first, first},                                 // Twice.
      {first, {first.first + 1, first.second - 1}},   // One in the other.
      {{first.first, 0}, second},                     // Empty.
      {{first.first + 1, first.second - 1}, second},  // Not where a segment begins.
      {{first.first, first.second - 1}, second},      // Not to the end of the entry.
      {{first.first, first.second + 1}},              // Into the next record.
      {{16, 8}},                                      // In a record.
      {{0, 16}},                                      // The header.
      {{0, size}},
      {{size - 48, 48}},
      {{size - 60, 20}},
      {{size, 1}},
      {{first.first, most}},
      {{most, 1}},
      {{most, most}},
      {{first.first, size - first.first}},
  };
  for (const Runs& runs : hostile) {
    CAPTURE(&runs - hostile.data());
    CHECK(OpenStatus(NearOf(split, runs)).code() == mh::Code::kCorruption);
  }
  Split other = split;
  other.name[3] ^= 1;
  CHECK(OpenStatus(NearOf(other, split.runs)).code() == mh::Code::kCorruption);
  const Data wrong = LowOf(other);
  CHECK(OpenStatus(split.near, &wrong).code() == mh::Code::kCorruption);
  // Sizes that only a run could make up are never believed.
  Data grown = split.near;
  const size_t table = mh::kNearHeaderBytes + 32;
  mh::Store(grown.data() + 48, uint64_t{size} + (uint64_t{1} << 60));
  mh::Store(grown.data() + mh::kNearHeaderBytes + 24, second.second + (uint64_t{1} << 60));
  mh::Store(grown.data() + table, mh::Checksum(grown.data(), table));
  CHECK(OpenStatus(grown).code() == mh::Code::kCorruption);
  Data newer = split.near;
  newer[8] = 2;
  CHECK(OpenStatus(newer).code() == mh::Code::kUnsupportedVersion);
  newer = split.low;
  newer[8] = 2;
  CHECK(OpenStatus(split.near, &newer).code() == mh::Code::kUnsupportedVersion);
}

TEST_CASE("split: files with a byte changed or cut off are refused, or return what was stored") {
  const Split split = MakeSplit();
  const ScratchPath near, low;
  const auto read = [&](const Data& near_data, const Data& low_data) {
    WriteFile(near.str(), near_data);
    WriteFile(low.str(), low_data);
    const auto pack = mh::PackReader::Open(near.str(), low.str());
    if (!pack.ok()) return pack.status();
    for (size_t i = 0; i < 3; i++) {
      Data out;
      MH_RETURN_IF_ERROR(ReadOne(pack.value(), i, 0, &out));
      CHECK(out == split.arrays[i]);
    }
    return mh::Status::Ok();
  };
  REQUIRE(read(split.near, split.low).ok());
  // The digest of the companion is for those who fetch it; the table's checksum covers it.
  for (size_t at = 0; at < split.near.size(); at += at < 400 ? 1 : 3989) {
    CAPTURE(at);
    Data bad = split.near;
    bad[at] ^= static_cast<uint8_t>(1u << (at % 8));
    CHECK_FALSE(read(bad, split.low).ok());
    bad.resize(at);
    CHECK_FALSE(read(bad, split.low).ok());
  }
  for (size_t at = 0; at < split.low.size(); at += at < 80 ? 1 : 3989) {
    CAPTURE(at);
    Data bad = split.low;
    bad[at] ^= static_cast<uint8_t>(1u << (at % 8));
    CHECK(read(split.near, bad).code() != mh::Code::kOk);
    bad.resize(at);
    CHECK(read(split.near, bad).code() == mh::Code::kCorruption);
  }
}
