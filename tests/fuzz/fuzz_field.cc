// The field codec's payloads, merged with rest bits that are a plane or packed.
#include "mh/codec/bits/bits_kernel.h"
#include "mh/codec/field/field_codec.h"
#include "tests/cpp/samples.h"
#include "tests/fuzz/fuzz_util.h"

namespace {

using mh_fuzz::Bytes8;
using mh_fuzz::Data;
using mh_fuzz::Input;
using mh_fuzz::Output;
using mh_fuzz::Require;
using mh_fuzz::Room;

constexpr size_t kElementsMax = 2048;

std::vector<Data> Seeds() {
  std::vector<Data> seeds;
  size_t kind = 0;
  for (const size_t n : {1, 65, 400, 1500}) {
    for (const mh_test::Sample& sample : mh_test::FloatSamples(n, 2)) {
      kind++;
      const mh::FieldOptions options = {
          {4 + static_cast<int>(kind % 5), kind % 2 == 0}, kind % 3 == 0, false, kind % 4 == 1};
      mh::FieldScratch scratch;
      if (!scratch.Reserve(n)) return {};
      Data out(4 * n + 4096), rest(n);
      out.resize(mh::EncodeField(mh::Cpu::kScalar, options, &scratch, sample.data.data(), 2, n, out,
                                 rest.data()));
      if (!out.empty()) seeds.push_back(Output().Number(n, 1).Byte(kind).With(out));
    }
  }
  return seeds;
}

bool Merge(mh::Cpu level, const mh::FieldBlock& block, const uint8_t* rest, const uint8_t* packed,
           size_t n, Data* output) {
  Room<uint16_t> leading(n);
  const bool good = mh::MergeFieldBlock(level, block, rest, packed, n, leading.data());
  const auto* bytes = reinterpret_cast<const uint8_t*>(leading.data());
  output->assign(bytes, bytes + 2 * n);
  return good;
}

}  // namespace

MH_FUZZ_TARGET(field) {
  Input input(data, size);
  const size_t n = input.Number(1, kElementsMax);
  const uint8_t seed = input.Byte();
  const Bytes8 payload = input.Rest();
  const Data noise = mh_test::Noise(n, seed);
  const Bytes8 rest(noise);
  mh_fuzz::AtEveryLevel([&](mh::Cpu level, Data* output) {
    mh::FieldScratch scratch;
    Require(scratch.Reserve(n), "there is memory");
    mh::FieldBlock block;
    if (!mh::DecodeField(level, &scratch, payload.span(), n, &block)) return false;
    const bool good = Merge(level, block, rest.data(), nullptr, n, output);
    if (block.groups != nullptr) return good;
    // Packed rest bits give what their plane gives.
    const int below = block.tables.shape.below;
    Data low = noise;
    for (uint8_t& byte : low) byte = static_cast<uint8_t>(byte & ((1 << below) - 1));
    Bytes8 packed(mh::PackedBytes(n, below));
    mh::PackBits(mh::Cpu::kScalar, low.data(), n, below, 0, packed.data());
    const Bytes8 plane(low);
    Data expected, again;
    Require(Merge(level, block, plane.data(), nullptr, n, &expected) == good &&
                Merge(level, block, nullptr, packed.data(), n, &again) == good,
            "rest bits do not decide whether a payload is good");
    Require(!good || again == expected, "packed rest bits are those of their plane");
    return good;
  });
  return 0;
}
