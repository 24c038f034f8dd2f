// PackWriter.
#include <optional>

#include "bindings/handles.h"

namespace py = pybind11;

namespace mh_bindings {
namespace {

using mh::PackWriter;
using Base = std::tuple<py::bytes, int64_t, py::object>;

std::shared_ptr<PackWriter> CreateWriter(const py::object& path, const std::string& preset) {
  const std::string name = PathBytes(path);
  return ValueOrRaise(PackWriter::Create(name, PresetOf(preset)));
}

// The mantissa bits of the floats of a fixed entry, 0 for none.
int FixedMantissa(const std::string& layout, int64_t mantissa_bits) {
  if (layout == "ordinary") return 0;
  if (layout != "progressive") {
    Raise(mh::Status(mh::Code::kUsage, "layout " + layout, "ordinary or progressive"));
  }
  return SmallNumber(mantissa_bits, "mantissa_bits");
}

py::tuple AddEntry(PackWriter& writer, const py::bytes& id, int64_t kind, int64_t dtype_code,
                   int64_t width, int64_t value_kind, const std::vector<int64_t>& shape,
                   const py::object& data, const std::optional<Base>& base,
                   const std::optional<BaseAs>& base_as, int threads, const std::string& layout,
                   int64_t mantissa_bits) {
  mh::EntryInput input;
  input.fixed_mantissa = FixedMantissa(layout, mantissa_bits);
  input.head.id = IdOf(id);
  input.head.kind = SmallNumber(kind, "kind");
  FillType({dtype_code, width, value_kind}, shape, &input.head.dtype_code, &input.head.type,
           &input.head.shape);
  const BufferHold data_hold(data, /*writable=*/false);
  input.data = data_hold.span();
  std::optional<BufferHold> base_hold;
  if (base) {
    const auto& [base_id, depth, base_data] = *base;
    if (depth < 0 || depth > mh::kDepthMax) {
      Raise(mh::Status(mh::Code::kUsage, "a base of depth " + std::to_string(depth), "0 to 65535"));
    }
    base_hold.emplace(base_data, /*writable=*/false);
    FillBase(base_as, base_hold->span(), &input);
    input.base.id = IdOf(base_id);
    input.base.depth = static_cast<uint32_t>(depth);
  }
  auto result = [&] {
    const GilRelease release;
    return writer.Add(input, threads);
  }();
  const PackWriter::Added added = ValueOrRaise(std::move(result));
  return py::make_tuple(added.stored_bytes, added.is_delta);
}

void CopyEntry(PackWriter& writer, const ReaderHandle& reader, int64_t index) {
  const auto pack = reader.pack();
  const size_t i = CheckIndex(*pack, index);
  const mh::Status status = [&] {
    const GilRelease release;
    return writer.Copy(*pack, i);
  }();
  RaiseIfError(status);
}

py::bytes Finish(PackWriter& writer) {
  auto result = [&] {
    const GilRelease release;
    return writer.Finish();
  }();
  const auto name = ValueOrRaise(std::move(result));
  return py::bytes(reinterpret_cast<const char*>(name.data()), name.size());
}

}  // namespace

void RegisterWriter(py::module_& module) {
  using py::literals::operator""_a;
  const auto abort = [](PackWriter& writer) {
    const GilRelease release;
    writer.Abort();
  };
  py::class_<PackWriter, std::shared_ptr<PackWriter>>(
      module, "PackWriter", py::is_final(),
      "Writes one pack. Safe to use from several threads; removes its file unless finished.")
      .def(py::init(&CreateWriter), "path"_a, py::kw_only(), "preset"_a = "default")
      .def_property_readonly("path", [](const PackWriter& w) { return PathText(w.path()); })
      .def_property_readonly("count", &PackWriter::count)
      .def_property_readonly("bytes", &PackWriter::bytes)
      .def("add", &AddEntry, "id"_a, "kind"_a, "dtype_code"_a, "width"_a, "value_kind"_a, "shape"_a,
           "data"_a, "base"_a = py::none(), "base_as"_a = py::none(), "threads"_a = 1,
           py::kw_only(), "layout"_a = "ordinary", "mantissa_bits"_a = 0,
           "Store an array, as a delta against `base` (id, its depth, its bytes) where that is\n"
           "smaller; return the bytes stored and whether it is a delta. `base_as` says what the\n"
           "base is if it is not of the same type and shape: dtype_code, width, value_kind, shape\n"
           "and the number of a conversion (docs/formats/pack.md).\n"
           "The layout `progressive` makes a fixed entry without a base of floats of so many\n"
           "mantissa bits (23, 10 or 7), where the array is for one; else it changes nothing.")
      .def("copy", &CopyEntry, "reader"_a, "index"_a,
           "Take over an entry as it is stored, every checksum verified.")
      .def("finish", &Finish, "Write the index, sync, close; return the content name.")
      .def("abort", abort, "Close and remove the file; does nothing once finished.")
      .def("__enter__", [](const std::shared_ptr<PackWriter>& w) { return w; })
      .def("__exit__", [abort](PackWriter& w, const py::args&) { abort(w); });
}

}  // namespace mh_bindings
