// The rans cell codec.
#include "mh/codec/rans/rans_codec.h"
#include "tests/fuzz/fuzz_util.h"

namespace {

using mh_fuzz::Bytes8;
using mh_fuzz::Data;
using mh_fuzz::Input;
using mh_fuzz::Output;

constexpr size_t kBytesMax = 4096;

std::vector<Data> Seeds() {
  std::vector<Data> seeds;
  for (const size_t size : {125, 126, 200, 1000}) {
    for (const int symbols : {2, 3, 40, 200}) {
      Data plane = mh_test::Noise(size, 1, symbols);
      if (symbols == 3) std::fill(plane.begin(), plane.end() - 1, uint8_t{255});
      if (symbols == 3) plane[0] = 0;
      mh::RansScratch scratch;
      if (!scratch.Reserve(size)) return {};
      Data out(4 * size + 1000);
      out.resize(mh::EncodeRansBytes(&scratch, plane, out));
      if (!out.empty()) seeds.push_back(Output().Number(size, 1).With(out));
    }
  }
  return seeds;
}

}  // namespace

MH_FUZZ_TARGET(rans) {
  Input input(data, size);
  const size_t n = input.Number(1, kBytesMax);
  const Bytes8 payload = input.Rest();
  mh_fuzz::AtEveryLevel([&](mh::Cpu level, Data* output) {
    mh::RansScratch scratch;
    mh_fuzz::Require(scratch.Reserve(n), "there is memory");
    Bytes8 out(n);
    const bool good = mh::DecodeRansBytes(level, &scratch, payload.span(), out.span());
    *output = out.copy();
    return good;
  });
  return 0;
}
