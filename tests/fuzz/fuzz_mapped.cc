// Mapped deltas whose base is decoded with them: a chain of two blobs, and the same with the base
// given.
#include "tests/fuzz/entries.h"
#include "tests/fuzz/reseal.h"

namespace {

using mh_fuzz::Bytes8;
using mh_fuzz::Data;
using mh_fuzz::Input;
using mh_fuzz::Output;
using mh_fuzz::Require;

std::vector<Data> Seeds() {
  std::vector<Data> seeds;
  for (const size_t elements : {30, 500}) {
    for (const mh_fuzz::Entry& entry : mh_fuzz::OddEntries(elements)) {
      const bool mapped = entry.input.has_base && entry.base.size() != entry.data.size();
      if (!mapped && (!entry.input.has_base || elements == 30)) continue;
      const auto preset = static_cast<mh::Preset>(seeds.size() % 3);
      const size_t number = seeds.size();
      Output output;
      output.Byte(3).Byte(number).Word(number * 7).Word(number * 31);
      seeds.push_back(output.With(mh_test::Encoded(entry.input, preset)));
    }
  }
  return seeds;
}

// An array such as the head says its base is.
mh::EntryInput BaseOf(const mh::Head& head, const Data& data) {
  mh::EntryInput input;
  input.head.kind = mh::kKindTensor;
  input.head.id = head.base;
  input.head.dtype_code = head.is_mapped() ? head.mapped.dtype_code : head.dtype_code;
  input.head.type = head.is_mapped() ? head.mapped.type : head.type;
  input.head.shape = head.is_mapped() ? head.mapped.shape : head.shape;
  input.data = data;
  return input;
}

}  // namespace

MH_FUZZ_TARGET(mapped) {
  Input input(data, size);
  const uint8_t flags = input.Byte(), planes = input.Byte();
  const uint16_t row_begin = input.Word(), row_end = input.Word();
  Data changed = input.Rest().copy();
  if ((flags & 1) != 0) mh_fuzz::ResealBlob((flags & 2) != 0, &changed);
  const Bytes8 blob(changed);
  const auto opened = mh::Blob::Open(blob.span());
  if (!opened.ok() || !opened.value()->head(0).is_delta()) return 0;
  const mh::Head& head = opened.value()->head(0);
  const uint64_t base_bytes = head.is_mapped() ? head.mapped.raw_bytes : head.raw_bytes;
  if (std::max(head.raw_bytes, base_bytes) > mh_fuzz::kArrayBytesMax / 8) return 0;
  Data array = mh_test::Noise(static_cast<size_t>(base_bytes), flags);
  for (size_t i = 1; i < array.size(); i += 2) array[i] = static_cast<uint8_t>(array[i] & 0x3f);
  const Bytes8 base_blob(mh_test::Encoded(BaseOf(head, array)));
  const auto base = mh::Blob::Open(base_blob.span());
  Require(base.ok(), "what a head says of its base can be an array");
  const mh::Link links[] = {{opened.value(), 0}, {base.value(), 0}};
  const Bytes8 given(array);
  const auto through =
      mh_fuzz::DecodeWholeAndParts(links, std::nullopt, planes, row_begin, row_end);
  const auto direct = mh_fuzz::DecodeWholeAndParts(std::span(links).first(1), given.span(), planes,
                                                   row_begin, row_end);
  Require(through == direct, "a base that is decoded is as good as one that is given");
  return 0;
}
