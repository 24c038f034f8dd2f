// The encoder: what it writes of any array, on any base, is the same at every level, and comes
// back.
#include "tests/cpp/samples.h"
#include "tests/fuzz/entries.h"

namespace {

using mh_fuzz::Bytes8;
using mh_fuzz::Data;
using mh_fuzz::Input;
using mh_fuzz::Output;
using mh_fuzz::Require;

constexpr size_t kElementsMax = 6000;

std::vector<Data> Seeds() {
  std::vector<Data> seeds;
  for (size_t kind = 0; kind < 12; kind++) {
    const int width = 1 << kind % 4;
    const auto samples = mh_test::FloatSamples(60, std::max(width, 2));
    seeds.push_back(Output()
                        .Byte(kind)
                        .Byte(kind * 5)
                        .Word(kind * 997)
                        .With(samples[kind % samples.size()].data));
  }
  return seeds;
}

// Elements made of the input's bytes, which come again with small changes.
Data Repeated(const Bytes8& bytes, size_t size, uint8_t how) {
  Data data(size);
  std::mt19937 random(how);
  for (size_t i = 0; i < size; i++) {
    const uint8_t byte = bytes.size() == 0 ? how : bytes.data()[i % bytes.size()];
    const bool change = how % 4 != 0 && i >= bytes.size() && random() % 8 == 0;
    data[i] = static_cast<uint8_t>(change ? byte + random() % (how % 4) : byte);
  }
  return data;
}

}  // namespace

MH_FUZZ_TARGET(entry) {
  Input input(data, size);
  const uint8_t type = input.Byte(), how = input.Byte();
  const size_t n = input.Word() % kElementsMax;
  const int width = 1 << type % 4;
  const auto kind = static_cast<mh::ValueKind>(type / 4 % 3);
  const auto preset = static_cast<mh::Preset>(type / 12 % 3);
  const Data elements = Repeated(input.Rest(), n * static_cast<size_t>(width), how);
  mh::EntryInput entry = mh_test::InputOf(1, width, kind, elements);
  if (type >= 216) entry.head.kind = 2;
  constexpr int kMantissas[] = {0, 23, 10, 7};
  entry.fixed_mantissa = kMantissas[how / 16 % 4];
  entry.fixed_elements_min = how / 64;
  const Data base = mh_test::StepFrom(elements, width, how);
  if (how % 3 != 0 && n > 0) mh_test::SetBase(0, 0, base, &entry);
  const auto blobs = mh_fuzz::AtEveryLevel([&](mh::Cpu, Data* output) {
    *output = mh_test::Encoded(entry, preset);
    return !output->empty();
  });
  Require(blobs.size() == 1, "every array can be coded");
  const Bytes8 blob(blobs.front());
  const auto opened = mh::Blob::Open(blob.span());
  Require(opened.ok(), "what was written opens");
  const mh::Link link = {opened.value(), 0};
  const bool is_delta = opened.value()->head(0).is_delta();
  const auto again = mh_fuzz::DecodeWholeAndParts(
      {&link, 1}, is_delta ? std::optional<mh::Bytes>(base) : std::nullopt, how, type, how);
  Require(again.size() == 1 && again.front() == elements, "an array comes back");
  return 0;
}
