// The palette codec's payloads.
#include "mh/codec/palette/palette_codec.h"
#include "tests/fuzz/fuzz_util.h"

namespace {

using mh_fuzz::Bytes8;
using mh_fuzz::Data;
using mh_fuzz::Input;
using mh_fuzz::Output;
using mh_fuzz::Require;

constexpr size_t kElementsMax = 2048;

std::vector<Data> Seeds() {
  std::vector<Data> seeds;
  std::mt19937 random(1);
  for (size_t kind = 0; kind < 3; kind++) {
    for (const uint32_t values : {1, 2, 37, 256}) {
      for (const size_t n : {1, 300, 1500}) {
        const size_t width = size_t{2} << kind;
        Data elements(n * width);
        for (size_t i = 0; i < n; i++) {
          elements[i * width] =
              static_cast<uint8_t>(n == 1500 && random() % 8 != 0 ? 0 : random() % values);
        }
        mh::RansScratch scratch;
        if (!scratch.Reserve(n)) return {};
        Data indexes(n), out(elements.size() + 4096);
        out.resize(mh::EncodePalette(mh::Cpu::kScalar, &scratch, elements.data(), n,
                                     static_cast<int>(width), indexes.data(), out));
        seeds.push_back(Output().Byte(kind).Number(n, 1).With(out));
      }
    }
  }
  return seeds;
}

}  // namespace

MH_FUZZ_TARGET(palette) {
  Input input(data, size);
  const size_t width = size_t{2} << input.Byte() % 3;
  const size_t n = input.Number(1, kElementsMax);
  const Bytes8 payload = input.Rest();
  mh_fuzz::AtEveryLevel([&](mh::Cpu level, Data* output) {
    mh::RansScratch scratch;
    Require(scratch.Reserve(n), "there is memory");
    Bytes8 indexes(n), elements(n * width, 1);
    const bool good = mh::DecodePalette(level, &scratch, payload.span(), n, static_cast<int>(width),
                                        indexes.data(), elements.data());
    *output = elements.copy();
    return good;
  });
  return 0;
}
