// The bits cell codec, and its payloads that are merged without being unpacked first.
#include "mh/codec/bits/bits_codec.h"
#include "mh/codec/bits/bits_kernel.h"
#include "tests/fuzz/fuzz_util.h"

namespace {

using mh_fuzz::Bytes8;
using mh_fuzz::Data;
using mh_fuzz::Input;
using mh_fuzz::Output;
using mh_fuzz::Require;

constexpr size_t kBytesMax = 5000;

std::vector<Data> Seeds() {
  std::vector<Data> seeds;
  for (const size_t size : {1, 63, 64, 65, 500, 1500}) {
    for (const int bits : {1, 3, 6, 7}) {
      Data plane = mh_test::Noise(size, 1, 1 << bits);
      for (size_t i = 0; i < size; i++) {
        if (i / 128 % 3 == 1) plane[i] = static_cast<uint8_t>(plane[i] & 0x30);
        if (i / 64 % 5 == 2) plane[i] = 0;
      }
      plane[0] = static_cast<uint8_t>(1 << (bits - 1));
      Data out(size + 100);
      uint8_t width = 0;
      out.resize(mh::EncodeBits(mh::Cpu::kScalar, plane, out, &width));
      seeds.push_back(Output().Byte(width).Number(size, 1).With(out));
    }
  }
  return seeds;
}

}  // namespace

MH_FUZZ_TARGET(bits) {
  Input input(data, size);
  const uint8_t width = input.Byte();
  const size_t n = input.Number(1, kBytesMax);
  const Bytes8 payload = input.Rest();
  const auto decoded = mh_fuzz::AtEveryLevel([&](mh::Cpu level, Data* output) {
    Bytes8 out(n);
    const bool good = mh::DecodeBits(level, width, payload.span(), out.span());
    *output = out.copy();
    return good;
  });
  const mh::Bytes plain = mh::PlainBits(width, payload.span(), n);
  if (plain.empty()) return 0;
  Require(!decoded.empty(), "packed values are those of a payload that decodes");
  Bytes8 out(n);
  mh::UnpackBits(mh::Cpu::kScalar, plain.data(), n, width, 0, out.data());
  Require(out.copy() == decoded.front(), "packed values are the plane's");
  return 0;
}
