// Blobs, alone or as deltas on a base that the caller has, with their checksums put right.
#include "tests/fuzz/entries.h"
#include "tests/fuzz/reseal.h"

namespace {

using mh_fuzz::Bytes8;
using mh_fuzz::Data;
using mh_fuzz::Input;
using mh_fuzz::Output;

// Seal, repair, planes, rows from and to.
Output Parameters(size_t number) {
  Output output;
  return output.Byte(3).Byte(number).Word(number * 7).Word(number * 31);
}

std::vector<Data> Seeds() {
  std::vector<Data> seeds;
  for (const size_t elements : {40, 600}) {
    for (const mh_fuzz::Entry& entry : mh_fuzz::OddEntries(elements)) {
      const auto preset = static_cast<mh::Preset>(seeds.size() % 3);
      const Data blob = mh_test::Encoded(entry.input, preset);
      if (blob.size() < 6000) seeds.push_back(Parameters(seeds.size()).With(blob));
    }
  }
  return seeds;
}

}  // namespace

MH_FUZZ_TARGET(blob) {
  Input input(data, size);
  const uint8_t flags = input.Byte(), planes = input.Byte();
  const uint16_t row_begin = input.Word(), row_end = input.Word();
  Data changed = input.Rest().copy();
  if ((flags & 1) != 0) mh_fuzz::ResealBlob((flags & 2) != 0, &changed);
  const Bytes8 blob(changed);
  const auto opened = mh::Blob::Open(blob.span());
  if (!opened.ok()) return 0;
  const mh::Head& head = opened.value()->head(0);
  const uint64_t base_bytes = head.is_mapped() ? head.mapped.raw_bytes : head.raw_bytes;
  if (std::max(head.raw_bytes, base_bytes) > mh_fuzz::kArrayBytesMax) {
    (void)opened.value()->ReadTable(0).ok();
    return 0;
  }
  const mh::Link link = {opened.value(), 0};
  const Bytes8 base(mh_test::Noise(head.is_delta() ? static_cast<size_t>(base_bytes) : 0, flags));
  const auto given = head.is_delta() ? std::optional<mh::Bytes>(base.span()) : std::nullopt;
  mh_fuzz::DecodeWholeAndParts({&link, 1}, given, planes, row_begin, row_end);
  return 0;
}
