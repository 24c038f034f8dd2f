// PackReader and Entry.
#include "bindings/handles.h"

namespace py = pybind11;

namespace mh_bindings {

size_t CheckIndex(const mh::PackReader& pack, int64_t index) {
  if (index < 0 || static_cast<uint64_t>(index) >= pack.count()) {
    Raise(mh::Status(mh::Code::kUsage, "entry " + std::to_string(index),
                     "0 to " + std::to_string(pack.count()) + " (exclusive)", pack.path()));
  }
  return static_cast<size_t>(index);
}

mh::Id IdOf(const py::bytes& bytes) {
  const std::string_view view = bytes;
  mh::Id id;
  if (view.size() != id.size()) {
    Raise(mh::Status(mh::Code::kUsage, "an id of " + std::to_string(view.size()) + " bytes",
                     "32 bytes"));
  }
  std::copy(view.begin(), view.end(), id.begin());
  return id;
}

py::object PathText(const std::string& path) {
  return py::reinterpret_steal<py::object>(
      PyUnicode_DecodeFSDefaultAndSize(path.data(), static_cast<Py_ssize_t>(path.size())));
}

std::string PathBytes(py::handle path) {
  PyObject* encoded = nullptr;
  if (PyUnicode_FSConverter(path.ptr(), &encoded) == 0) throw py::error_already_set();
  return py::cast<std::string>(py::reinterpret_steal<py::bytes>(encoded));
}

namespace {

py::bytes BytesOf(const mh::Id& id) {
  return py::bytes(reinterpret_cast<const char*>(id.data()), id.size());
}

py::tuple TupleOf(const std::vector<uint64_t>& values) {
  py::tuple tuple(values.size());
  for (size_t i = 0; i < values.size(); i++) tuple[i] = values[i];
  return tuple;
}

py::tuple SegmentBits(const mh::IndexEntry& entry) {
  const mh::Head& head = entry.head;
  py::tuple bits(head.segments());
  for (size_t i = 0; i < head.segments(); i++) {
    const size_t fixed = i < head.fixed.bits.size() ? head.fixed.bits[i] : 0;
    bits[i] = head.is_fixed() ? fixed : 8;
  }
  return bits;
}

std::shared_ptr<ReaderHandle> OpenReader(const py::object& path, const py::object& far) {
  const std::string name = PathBytes(path);
  const std::string low = far.is_none() ? std::string() : PathBytes(far);
  auto result = [&] {
    const GilRelease release;
    return mh::PackReader::Open(name, low);
  }();
  return std::make_shared<ReaderHandle>(ValueOrRaise(std::move(result)));
}

py::bytes AllIds(const ReaderHandle& handle) {
  const auto pack = handle.pack();
  std::string ids;
  ids.reserve(pack->count() * sizeof(mh::Id));
  for (size_t i = 0; i < pack->count(); i++) {
    const mh::Id& id = pack->entry(i).head.id;
    ids.append(reinterpret_cast<const char*>(id.data()), id.size());
  }
  return py::bytes(ids);
}

int NearSegments(const ReaderHandle& handle, int64_t index) {
  const auto pack = handle.pack();
  return pack->NearSegments(CheckIndex(*pack, index));
}

py::list RunsOf(const ReaderHandle& handle) {
  py::list runs;
  for (const mh::Run& run : handle.pack()->file().runs()) {
    runs.append(py::make_tuple(run.offset, run.bytes));
  }
  return runs;
}

py::dict CountCodecs(const ReaderHandle& handle, int64_t index) {
  const auto pack = handle.pack();
  const size_t i = CheckIndex(*pack, index);
  auto table = [&] {
    const GilRelease release;
    return pack->ReadTable(i);
  }();
  uint64_t counts[mh::kCodecCount] = {};
  for (const mh::Cell& cell : ValueOrRaise(std::move(table)).cells) {
    counts[static_cast<size_t>(cell.codec)]++;
  }
  py::dict result;
  for (size_t c = 0; c < mh::kCodecCount; c++) {
    if (counts[c] > 0) result[mh::kCodecNames[c]] = counts[c];
  }
  return result;
}

py::bytes ReadRange(const ReaderHandle& handle, int64_t offset, int64_t length) {
  const auto pack = handle.pack();
  const uint64_t size = pack->file_bytes();
  if (offset < 0 || length < 0 || static_cast<uint64_t>(offset) > size ||
      static_cast<uint64_t>(length) > size - static_cast<uint64_t>(offset)) {
    Raise(mh::Status(mh::Code::kUsage,
                     std::to_string(length) + " bytes at " + std::to_string(offset),
                     "a range within " + std::to_string(size) + " bytes", pack->path()));
  }
  auto bytes = py::reinterpret_steal<py::bytes>(PyBytes_FromStringAndSize(nullptr, length));
  if (!bytes) throw py::error_already_set();
  const std::span<uint8_t> out(reinterpret_cast<uint8_t*>(PyBytes_AS_STRING(bytes.ptr())),
                               static_cast<size_t>(length));
  const mh::Status status = [&] {
    const GilRelease release;
    return pack->file().ReadAt(static_cast<uint64_t>(offset), out);
  }();
  RaiseIfError(status);
  return bytes;
}

void Verify(const ReaderHandle& handle, int64_t index, bool near_only) {
  const auto pack = handle.pack();
  const size_t i = CheckIndex(*pack, index);
  const mh::Status status = [&] {
    const GilRelease release;
    return pack->Verify(i, near_only);
  }();
  RaiseIfError(status);
}

void RegisterEntry(py::module_& module) {
  using mh::IndexEntry;
  py::class_<IndexEntry>(module, "Entry", py::is_final(),
                         "What a pack's index says about one entry; immutable.")
      .def_property_readonly("id", [](const IndexEntry& e) { return BytesOf(e.head.id); })
      .def_property_readonly("kind", [](const IndexEntry& e) { return e.head.kind; })
      .def_property_readonly("dtype_code", [](const IndexEntry& e) { return e.head.dtype_code; })
      .def_property_readonly("width", [](const IndexEntry& e) { return e.head.type.width; })
      .def_property_readonly("value_kind",
                             [](const IndexEntry& e) { return static_cast<int>(e.head.type.kind); })
      .def_property_readonly("shape", [](const IndexEntry& e) { return TupleOf(e.head.shape); })
      .def_property_readonly("base",
                             [](const IndexEntry& e) -> py::object {
                               if (!e.head.is_delta()) return py::none();
                               return BytesOf(e.head.base);
                             })
      .def_property_readonly("is_mapped", [](const IndexEntry& e) { return e.head.is_mapped(); })
      .def_property_readonly("is_fixed", [](const IndexEntry& e) { return e.head.is_fixed(); })
      .def_property_readonly("segment_bits", &SegmentBits,
                             "Bits of an element in each segment; 0 for the tail of a fixed entry.")
      .def_property_readonly("group_elements",
                             [](const IndexEntry& e) { return e.head.fixed.group_elements; })
      .def_property_readonly("depth", [](const IndexEntry& e) { return e.head.depth; })
      .def_property_readonly("raw_bytes", [](const IndexEntry& e) { return e.head.raw_bytes; })
      .def_property_readonly("stored_bytes",
                             [](const IndexEntry& e) { return e.record_bytes + e.stored_bytes; })
      .def_property_readonly("segment_bytes",
                             [](const IndexEntry& e) { return TupleOf(e.head.segment_bytes); })
      .def_property_readonly("block_elements",
                             [](const IndexEntry& e) { return e.head.block_elements(); })
      .def_property_readonly("offset", [](const IndexEntry& e) { return e.offset; })
      .def_property_readonly("record_bytes", [](const IndexEntry& e) { return e.record_bytes; });
}

}  // namespace

void RegisterReader(py::module_& module) {
  using py::literals::operator""_a;
  RegisterEntry(module);
  py::class_<ReaderHandle, std::shared_ptr<ReaderHandle>>(
      module, "PackReader", py::is_final(),
      "One pack, its index in memory. Safe to use from several threads and after fork.")
      .def(py::init(&OpenReader), "path"_a, "far"_a = py::none())
      .def_property_readonly("path", [](const ReaderHandle& h) { return PathText(h.path()); })
      .def_property_readonly("count", [](const ReaderHandle& h) { return h.pack()->count(); })
      .def_property_readonly("name",
                             [](const ReaderHandle& h) { return BytesOf(h.pack()->name()); })
      .def_property_readonly("bytes", [](const ReaderHandle& h) { return h.pack()->file_bytes(); })
      .def(
          "find",
          [](const ReaderHandle& h, const py::bytes& id) { return h.pack()->Find(IdOf(id)); },
          "id"_a, "Return the number of the entry with this id, or -1.")
      .def(
          "entry",
          [](const ReaderHandle& h, int64_t index) {
            const auto pack = h.pack();
            return pack->entry(CheckIndex(*pack, index));
          },
          "index"_a)
      .def("ids", &AllIds, "Return all ids in entry order, 32 bytes each.")
      .def("codecs", &CountCodecs, "index"_a, "Count the cells of an entry by codec.")
      .def_property_readonly("is_split",
                             [](const ReaderHandle& h) { return h.pack()->file().is_split(); })
      .def_property_readonly("has_far",
                             [](const ReaderHandle& h) { return h.pack()->file().has_far(); })
      .def_property_readonly("far_bytes",
                             [](const ReaderHandle& h) { return h.pack()->file().far_bytes(); })
      .def_property_readonly(
          "low_sha256",
          [](const ReaderHandle& h) { return BytesOf(h.pack()->file().low_sha256()); })
      .def("runs", &RunsOf, "Return (offset, bytes) of each run that lies in the companion.")
      .def("near_segments", &NearSegments, "index"_a,
           "Return how many leading segments of an entry need no companion.")
      .def("read_range", &ReadRange, "offset"_a, "length"_a,
           "Return bytes of the whole pack as they are stored; no checksum is looked at.")
      .def("verify", &Verify, "index"_a, py::kw_only(), "near_only"_a = false,
           "Check the checksums of an entry's record and cells.")
      .def("close", &ReaderHandle::Close)
      .def("__enter__", [](const std::shared_ptr<ReaderHandle>& h) { return h; })
      .def("__exit__", [](ReaderHandle& h, const py::args&) { h.Close(); });
}

}  // namespace mh_bindings
