#include <doctest/doctest.h>

#include "mh/pack/entry_estimator.h"
#include "tests/cpp/samples.h"

using mh_test::Data;
using mh_test::InputOf;

namespace {

mh::EntryEstimate Estimate(const mh::EntryInput& input) {
  mh::ScratchList scratch;
  mh::EncodedEntry entry;
  mh::EntryEstimate estimate;
  REQUIRE(mh::EstimateEntry(input, mh::Preset::kDefault, &scratch, &entry, &estimate).ok());
  return estimate;
}

mh::EncodedEntry Encode(const mh::EntryInput& input) {
  mh::ScratchList scratch;
  mh::EncodedEntry entry;
  REQUIRE(mh::EncodeEntry(input, mh::Preset::kDefault, 1, &scratch, &entry).ok());
  return entry;
}

uint64_t Sum(const std::vector<uint64_t>& segments) {
  uint64_t sum = 0;
  for (const uint64_t bytes : segments) sum += bytes;
  return sum;
}

}  // namespace

TEST_CASE("an array of up to two blocks is coded, not estimated") {
  for (const size_t n : {size_t{1}, size_t{700}, size_t{100000}}) {
    const Data own = mh_test::Weights(n, 4, 1);
    const mh::EntryInput input = InputOf(1, 4, mh::ValueKind::kFloat, own);
    const mh::EncodedEntry entry = Encode(input);
    const mh::EntryEstimate estimate = Estimate(input);
    CHECK(estimate.segment_bytes == entry.head.segment_bytes);
    CHECK(estimate.record_bytes == entry.record.size());
    CHECK(!estimate.delta);
  }
}

TEST_CASE("a long array is estimated within a few per cent, as a delta too") {
  const size_t n = 1000000;
  const Data base = mh_test::Weights(n, 4, 1);
  const Data own = mh_test::StepFrom(base, 4, 2);
  mh::EntryInput input = InputOf(1, 4, mh::ValueKind::kFloat, own);
  for (const bool delta : {false, true}) {
    if (delta) {
      input.has_base = true;
      input.base.id[0] = 9;
      input.base.type = input.head.type;
      input.base.dtype_code = input.head.dtype_code;
      input.base.shape = input.head.shape;
      input.base.data = base;
    }
    const mh::EncodedEntry entry = Encode(input);
    const mh::EntryEstimate estimate = Estimate(input);
    CHECK(estimate.delta == entry.head.is_delta());
    CHECK(estimate.delta == delta);
    CHECK(estimate.record_bytes == entry.record.size());
    const double ratio = static_cast<double>(Sum(estimate.segment_bytes)) /
                         static_cast<double>(Sum(entry.head.segment_bytes));
    CHECK(ratio > 0.95);
    CHECK(ratio < 1.05);
  }
}

TEST_CASE("what cannot be an entry is refused") {
  const Data own = mh_test::Weights(100, 4, 1);
  mh::EntryInput input = InputOf(1, 4, mh::ValueKind::kFloat, own);
  input.head.shape = {0};
  mh::ScratchList scratch;
  mh::EncodedEntry entry;
  mh::EntryEstimate estimate;
  CHECK(!mh::EstimateEntry(input, mh::Preset::kDefault, &scratch, &entry, &estimate).ok());
}
