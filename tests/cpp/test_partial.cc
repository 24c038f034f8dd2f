#include <doctest/doctest.h>

#include <atomic>
#include <thread>

#include "mh/chain/chain_decode.h"
#include "mh/pack/pack_reader.h"
#include "mh/pack/pack_writer.h"
#include "mh/pack/partial_entry.h"
#include "tests/cpp/samples.h"

using mh_test::Data;
using mh_test::InputOf;
using mh_test::ScratchPath;

namespace {

// The bytes of a pack from `offset` on.
Data RangeOf(const mh::PackReader& pack, uint64_t offset, uint64_t bytes) {
  Data data(static_cast<size_t>(bytes));
  REQUIRE(pack.file().ReadAt(offset, data).ok());
  return data;
}

}  // namespace

TEST_CASE("A partial entry decodes while segments are added to it") {
  const Data array = mh_test::Weights(200'000, 4, 1);
  const ScratchPath scratch;
  const std::string path = scratch.str();
  {
    auto writer = mh::PackWriter::Create(path, mh::Preset::kDefault);
    REQUIRE(writer.ok());
    mh::EntryInput input = InputOf(1, 4, mh::ValueKind::kFloat, array);
    REQUIRE(writer.value()->Add(input, 1).ok());
    REQUIRE(writer.value()->Finish().ok());
  }
  auto pack = mh::PackReader::Open(path);
  REQUIRE(pack.ok());
  const mh::IndexEntry& entry = pack.value()->entry(0);
  const Data record = RangeOf(*pack.value(), entry.offset, entry.record_bytes);
  auto partial = mh::PartialEntry::Create(record, "here");
  REQUIRE(partial.ok());
  const mh::Link link = {partial.value(), 0};
  std::atomic<int> others{0};
  std::thread reader([&] {
    Data out(array.size());
    mh::DecodeRequest request;
    request.planes = 1;
    // What is not there yet is an error, never other bytes.
    for (int i = 0; i < 50; i++) {
      const auto read = mh::DecodeChain({&link, 1}, request, out);
      if (!read.ok()) {
        others += read.status().code() != mh::Code::kUsage;
        continue;
      }
      for (size_t b = 3; b < out.size(); b += 4) others += out[b] != array[b];
    }
  });
  uint64_t at = entry.offset + entry.record_bytes;
  for (const uint64_t bytes : entry.head.segment_bytes) {
    REQUIRE(partial.value()->Add(RangeOf(*pack.value(), at, bytes)).ok());
    at += bytes;
  }
  reader.join();
  CHECK(others == 0);
  CHECK(partial.value()->segments() == 4);
  Data out(array.size());
  REQUIRE(mh::DecodeChain({&link, 1}, {}, out).ok());
  CHECK(out == array);
  CHECK(partial.value()->Add({}).code() == mh::Code::kUsage);
}
