// Blobs: arrays coded in memory, without a pack.
#include <mutex>

#include "bindings/handles.h"
#include "mh/base/checksum.h"
#include "mh/base/cpu.h"
#include "mh/chain/chain_decode.h"
#include "mh/pack/blob.h"
#include "mh/pack/entry_estimator.h"

namespace py = pybind11;

namespace mh_bindings {

mh::Preset PresetOf(const std::string& name) {
  for (int i = 0; i < mh::kPresetCount; i++) {
    if (name == mh::kPresetNames[i]) return static_cast<mh::Preset>(i);
  }
  Raise(mh::Status(mh::Code::kUsage, "preset " + name, "fast, default or dense"));
}

uint8_t SmallNumber(int64_t value, const char* what) {
  if (value < 0 || value > 255) {
    Raise(
        mh::Status(mh::Code::kUsage, std::string(what) + " " + std::to_string(value), "0 to 255"));
  }
  return static_cast<uint8_t>(value);
}

void FillType(const TypeNumbers& numbers, const std::vector<int64_t>& shape, uint8_t* dtype_code,
              mh::ElementType* type, std::vector<uint64_t>* dims) {
  *dtype_code = SmallNumber(numbers[0], "dtype_code");
  type->width = SmallNumber(numbers[1], "width");
  type->kind = static_cast<mh::ValueKind>(SmallNumber(numbers[2], "value_kind"));
  for (const int64_t dim : shape) {
    if (dim < 0) Raise(mh::Status(mh::Code::kBadShape, "a dimension of " + std::to_string(dim)));
    dims->push_back(static_cast<uint64_t>(dim));
  }
}

void FillBase(const std::optional<BaseAs>& base_as, mh::Bytes data, mh::EntryInput* input) {
  input->has_base = true;
  input->base.data = data;
  if (base_as) {
    const auto& [dtype_code, width, value_kind, shape, conversion] = *base_as;
    FillType({dtype_code, width, value_kind}, shape, &input->base.dtype_code, &input->base.type,
             &input->base.shape);
    if (conversion < 0 || conversion > mh::kConversionMax) {
      Raise(mh::Status(mh::Code::kUsage, "conversion " + std::to_string(conversion), "0 to 4"));
    }
    input->conversion = static_cast<mh::Conversion>(conversion);
    return;
  }
  input->base.dtype_code = input->head.dtype_code;
  input->base.type = input->head.type;
  input->base.shape = input->head.shape;
  if (data.size() != input->data.size()) {
    Raise(mh::Status(mh::Code::kBadShape, "a base of " + std::to_string(data.size()) + " bytes",
                     std::to_string(input->data.size())));
  }
}

namespace {

// Memory that encoding needs, kept between calls so that it is warm: a page fault costs as much as
// coding the page. One set, and not a large one: a process that codes side by side makes its own. A
// lock that is held, perhaps by a thread that a fork has left behind, is not waited for.
struct Workspace {
  mh::EncodedEntry entry;
  mh::ScratchList scratch;
};
constexpr size_t kKeptBytesMax = size_t{256} << 20;

class Kept {
 public:
  std::unique_ptr<Workspace> Take() {
    const std::unique_lock<std::mutex> lock(mutex_, std::try_to_lock);
    return lock && workspace_ ? std::move(workspace_) : std::make_unique<Workspace>();
  }
  void Give(std::unique_ptr<Workspace> workspace) {
    if (workspace->entry.arena.capacity() > kKeptBytesMax) return;
    const std::unique_lock<std::mutex> lock(mutex_, std::try_to_lock);
    if (lock) workspace_ = std::move(workspace);
  }

 private:
  std::mutex mutex_;
  std::unique_ptr<Workspace> workspace_;
};

Kept& KeptWorkspace() {
  // Never destroyed: a thread may still encode while the process ends.
  static Kept* const kept = new Kept;
  return *kept;
}

// What a blob calls its base: the first half is its XXH3-128, the second zero.
mh::Id BaseId(mh::Bytes base) {
  const mh::Checksum128 hash = mh::LongChecksum(base.data(), base.size());
  mh::Id id{};
  std::memcpy(id.data(), &hash.low, 8);
  std::memcpy(id.data() + 8, &hash.high, 8);
  id[16] = 1;  // So that no base is called as the blob itself is, which is all zero.
  return id;
}

// An array to code and its base, if it has one, held until that is done.
struct InputHold {
  InputHold(const TypeNumbers& numbers, const std::vector<int64_t>& shape, const py::object& array,
            const py::object& base_array, const std::optional<BaseAs>& base_as)
      : data(array, /*writable=*/false) {
    input.head.kind = mh::kKindTensor;
    FillType(numbers, shape, &input.head.dtype_code, &input.head.type, &input.head.shape);
    input.data = data.span();
    if (base_array.is_none()) return;
    base.emplace(base_array, /*writable=*/false);
    FillBase(base_as, base->span(), &input);
  }

  BufferHold data;
  std::optional<BufferHold> base;
  mh::EntryInput input;
};

py::bytes EncodeBlob(int64_t dtype_code, int64_t width, int64_t value_kind,
                     const std::vector<int64_t>& shape, const py::object& data,
                     const std::string& preset, const py::object& base,
                     const std::optional<BaseAs>& base_as, int threads) {
  const mh::Preset chosen = PresetOf(preset);
  InputHold hold({dtype_code, width, value_kind}, shape, data, base, base_as);
  mh::EntryInput& input = hold.input;
  std::unique_ptr<Workspace> workspace = KeptWorkspace().Take();
  const mh::Status status = [&] {
    const GilRelease release;
    if (input.has_base) input.base.id = BaseId(input.base.data);
    return mh::EncodeEntry(input, chosen, threads, &workspace->scratch, &workspace->entry);
  }();
  RaiseIfError(status);
  const size_t size = mh::BlobBytes(workspace->entry);
  auto blob = py::reinterpret_steal<py::bytes>(
      PyBytes_FromStringAndSize(nullptr, static_cast<Py_ssize_t>(size)));
  if (!blob) throw py::error_already_set();
  const std::span<uint8_t> out(reinterpret_cast<uint8_t*>(PyBytes_AS_STRING(blob.ptr())), size);
  {
    const GilRelease release;
    mh::WriteBlob(workspace->entry, out);
    KeptWorkspace().Give(std::move(workspace));
  }
  return blob;
}

py::dict Estimate(int64_t dtype_code, int64_t width, int64_t value_kind,
                  const std::vector<int64_t>& shape, const py::object& data,
                  const std::string& preset, const py::object& base,
                  const std::optional<BaseAs>& base_as) {
  const mh::Preset chosen = PresetOf(preset);
  InputHold hold({dtype_code, width, value_kind}, shape, data, base, base_as);
  mh::EntryInput& input = hold.input;
  if (input.has_base) input.base.id[16] = 1;  // Any but the array's own.
  std::unique_ptr<Workspace> workspace = KeptWorkspace().Take();
  mh::EntryEstimate estimate;
  const mh::Status status = [&] {
    const GilRelease release;
    return mh::EstimateEntry(input, chosen, &workspace->scratch, &workspace->entry, &estimate);
  }();
  RaiseIfError(status);
  KeptWorkspace().Give(std::move(workspace));
  py::tuple segments(estimate.segment_bytes.size());
  for (size_t i = 0; i < segments.size(); i++) segments[i] = estimate.segment_bytes[i];
  py::dict result;
  result["is_delta"] = estimate.delta;
  result["record_bytes"] = estimate.record_bytes;
  result["segment_bytes"] = segments;
  return result;
}

py::dict BlobInfo(const py::object& data) {
  const BufferHold hold(data, /*writable=*/false);
  const auto blob = ValueOrRaise(mh::Blob::Open(hold.span()));
  const mh::Head& head = blob->head(0);
  py::tuple shape(head.shape.size()), segments(head.segment_bytes.size());
  for (size_t i = 0; i < head.shape.size(); i++) shape[i] = head.shape[i];
  for (size_t i = 0; i < head.segment_bytes.size(); i++) segments[i] = head.segment_bytes[i];
  py::dict codecs;
  const auto table = ValueOrRaise(blob->ReadTable(0));
  uint64_t counts[mh::kCodecCount] = {};
  for (const mh::Cell& cell : table.cells) counts[static_cast<size_t>(cell.codec)]++;
  for (size_t c = 0; c < mh::kCodecCount; c++) {
    if (counts[c] > 0) codecs[mh::kCodecNames[c]] = counts[c];
  }
  py::dict info;
  info["dtype_code"] = head.dtype_code;
  info["width"] = head.type.width;
  info["shape"] = shape;
  info["raw_bytes"] = head.raw_bytes;
  info["is_delta"] = head.is_delta();
  info["segment_bytes"] = segments;
  info["codecs"] = codecs;
  return info;
}

uint64_t DecodeBlob(const py::object& data, const py::object& out, std::optional<int> planes,
                    const py::object& base, int64_t row_begin, std::optional<int64_t> row_end,
                    int threads) {
  const BufferHold hold(data, /*writable=*/false);
  const BufferHold out_hold(out, /*writable=*/true);
  std::optional<BufferHold> base_hold;
  if (!base.is_none()) base_hold.emplace(base, /*writable=*/false);
  mh::DecodeRequest request;
  // 0 means all to the core; a caller who says 0 made a mistake.
  if (planes) request.planes = *planes == 0 ? -1 : *planes;
  request.threads = threads;
  if (row_begin < 0 || (row_end && *row_end < 0)) {
    Raise(mh::Status(mh::Code::kUsage, "a negative row", "0 or more"));
  }
  request.row_begin = static_cast<uint64_t>(row_begin);
  if (row_end) request.row_end = static_cast<uint64_t>(*row_end);
  auto result = [&]() -> mh::Result<uint64_t> {
    const GilRelease release;
    auto blob = mh::Blob::Open(hold.span());
    if (!blob.ok()) return blob.status();
    std::optional<mh::Bytes> base_bytes;
    if (base_hold) {
      base_bytes = base_hold->span();
      const mh::Head& head = blob.value()->head(0);
      if (head.is_delta() && head.base != BaseId(*base_bytes)) {
        return mh::Status(mh::Code::kBadInput, "another base than the one it was coded against",
                          "the same bytes");
      }
      // An array that was smaller alone is coded so, whatever base was at hand.
      if (!head.is_delta()) base_bytes.reset();
    }
    const mh::Link link = {blob.value(), 0};
    return mh::DecodeChain({&link, 1}, request, out_hold.span(), base_bytes);
  }();
  return ValueOrRaise(std::move(result));
}

}  // namespace

void RegisterCodec(py::module_& module) {
  using py::literals::operator""_a;
  constexpr const char* kCpuNames[] = {"scalar", "avx2", "avx512"};
  module.def(
      "cpu",
      [kCpuNames] {
        RaiseIfError(mh::CheckCpu());
        return kCpuNames[static_cast<int>(mh::ActiveCpu())];
      },
      "Return the name of the instruction set in use.");
  module.def("encode_blob", &EncodeBlob, "dtype_code"_a, "width"_a, "value_kind"_a, "shape"_a,
             "data"_a, py::kw_only(), "preset"_a = "default", "base"_a = py::none(),
             "base_as"_a = py::none(), "threads"_a = 1,
             "Code an array as a blob, against `base` where that is smaller.");
  module.def("estimate", &Estimate, "dtype_code"_a, "width"_a, "value_kind"_a, "shape"_a, "data"_a,
             py::kw_only(), "preset"_a = "default", "base"_a = py::none(), "base_as"_a = py::none(),
             "Return what an array would take as an entry, from a sample: is_delta, record_bytes\n"
             "and segment_bytes.");
  module.def("blob_info", &BlobInfo, "data"_a, "Return what a blob's record says.");
  module.def("decode_blob", &DecodeBlob, "data"_a, "out"_a, py::kw_only(), "planes"_a = py::none(),
             "base"_a = py::none(), "row_begin"_a = 0, "row_end"_a = py::none(), "threads"_a = 1,
             "Decode a blob into `out`; return the payload bytes looked at.");
}

}  // namespace mh_bindings
