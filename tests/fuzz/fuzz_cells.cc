// Cells of one plane, of every codec that has them: lz4 and zstd above all.
#include "mh/codec/codec.h"
#include "mh/codec/lz4/lz4_codec.h"
#include "mh/codec/zstd/zstd_codec.h"
#include "tests/fuzz/fuzz_util.h"

namespace {

using mh_fuzz::Bytes8;
using mh_fuzz::Data;
using mh_fuzz::Input;
using mh_fuzz::Output;
using mh_fuzz::Require;

constexpr size_t kBytesMax = 8192;
constexpr mh::CodecId kCodecs[] = {mh::CodecId::kLz4, mh::CodecId::kZstd, mh::CodecId::kRaw,
                                   mh::CodecId::kConstant};

std::vector<Data> Seeds() {
  std::vector<Data> seeds;
  mh::CodecState state;
  for (const size_t n : {20, 300, 3000}) {
    for (const int symbols : {1, 3, 60}) {
      Data plane = mh_test::Noise(n, 1, symbols);
      for (size_t i = 0; i + 50 < n; i += 150)
        std::copy_n(plane.begin(), 50, plane.begin() + static_cast<long>(i));
      for (size_t codec = 0; codec < 2; codec++) {
        Data out(2 * n + 200);
        out.resize(codec == 0 ? mh::Lz4Compress(&state, plane, out, false)
                              : mh::ZstdCompress(&state, n == 20 ? 19 : 3, plane, out));
        if (out.size() < n) seeds.push_back(Output().Byte(codec).Byte(0).Number(n, 1).With(out));
      }
    }
  }
  seeds.push_back(Output().Byte(2).Byte(0).Number(10, 1).With(mh_test::Noise(10, 1)));
  seeds.push_back(Output().Byte(3).Byte(77).Number(10, 1).With(Data()));
  return seeds;
}

}  // namespace

MH_FUZZ_TARGET(cells) {
  static mh::CodecState state;  // As in a thread that decodes many: what one leaves, others meet.
  Input input(data, size);
  mh::Cell cell;
  cell.codec = kCodecs[input.Byte() % std::size(kCodecs)];
  cell.param = input.Byte();
  const size_t n = input.Number(1, kBytesMax);
  const Bytes8 payload = input.Rest();
  cell.stored_bytes = static_cast<uint32_t>(payload.size());
  if (!mh::CheckCell(cell, n, 1, 0).ok()) return 0;
  Require(state.rans.Reserve(n), "there is memory");
  mh_fuzz::AtEveryLevel([&](mh::Cpu level, Data* output) {
    Bytes8 out(n);
    const bool good = mh::DecodeCell(&state, level, cell, payload.span(), out.span()).ok();
    *output = out.copy();
    return good;
  });
  return 0;
}
