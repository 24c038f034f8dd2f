// The classes codec's payloads, against bases of several kinds.
#include "mh/codec/classes/classes_codec.h"
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

// The base's exponents: few of them, as weights have, or any.
Data ExponentsOf(size_t n, uint8_t kind) {
  Data exponents = mh_test::Noise(n, kind, kind % 4 == 0 ? 256 : 1 + kind % 30);
  for (uint8_t& e : exponents) e = static_cast<uint8_t>(e + (kind % 4 == 0 ? 0 : 105));
  return exponents;
}

mh::ClassPlan PlanOf(size_t kind, const Room<uint16_t>& differences, const Data& exponents) {
  mh::ClassPlan plan;
  mh::ClassPlanner planner;
  planner.Add(differences.data(), exponents.data(), differences.size());
  const bool fine = kind % 2 == 0;
  planner.Choose(fine, static_cast<int>(kind / 2 % (fine ? 5 : 3)), &plan);
  if (kind % 5 == 0) {  // More contexts than anybody would choose.
    plan.bounds[0].count = 20;
    for (int k = 0; k < 19; k++) plan.bounds[0].bound[k] = static_cast<uint8_t>(106 + k);
    plan.bounds[1] = mh::ClassBounds();
    plan.flagged = true;
    plan.still = kind % 3 == 0;
  }
  return plan;
}

std::vector<Data> Seeds() {
  std::vector<Data> seeds;
  size_t kind = 0;
  for (const size_t n : {1, 65, 400, 1500}) {
    for (const mh_test::Sample& sample : mh_test::FloatSamples(n, 2)) {
      kind++;
      const Data exponents = ExponentsOf(n, static_cast<uint8_t>(kind));
      const Data next = mh_test::StepFrom(sample.data, 2, 1);
      Room<uint16_t> differences(n);
      mh::ClassDifferences(mh::Cpu::kScalar, next.data(), sample.data.data(), 2, 0, true, n,
                           differences.data());
      const mh::ClassPlan plan = PlanOf(kind, differences, exponents);
      mh::ClassScratch scratch;
      if (!scratch.Reserve(n)) return {};
      mh::PrepareClasses(plan, &scratch);
      Data out(4 * n + 65'536);
      out.resize(mh::EncodeClasses(mh::Cpu::kScalar, plan, &scratch, differences.data(),
                                   exponents.data(), n, out));
      seeds.push_back(Output().Number(n, 1).Byte(kind).With(out));
    }
  }
  return seeds;
}

}  // namespace

MH_FUZZ_TARGET(classes) {
  Input input(data, size);
  const size_t n = input.Number(1, kElementsMax);
  const Bytes8 exponents(ExponentsOf(n, input.Byte()));
  const Bytes8 payload = input.Rest();
  mh_fuzz::AtEveryLevel([&](mh::Cpu level, Data* output) {
    mh::ClassScratch scratch;
    Require(scratch.Reserve(n), "there is memory");
    Room<uint16_t> differences(n);
    const bool good =
        mh::DecodeClasses(level, &scratch, payload.span(), exponents.data(), n, differences.data());
    const auto* bytes = reinterpret_cast<const uint8_t*>(differences.data());
    output->assign(bytes, bytes + 2 * n);
    return good;
  });
  return 0;
}
