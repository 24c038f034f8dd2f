// PartialEntry.
#include "bindings/handles.h"
#include "mh/pack/partial_entry.h"

namespace py = pybind11;

namespace mh_bindings {
namespace {

using mh::PartialEntry;

std::shared_ptr<PartialEntry> CreatePartial(const py::object& record, const py::object& where) {
  const BufferHold hold(record, /*writable=*/false);
  return ValueOrRaise(PartialEntry::Create(hold.span(), PathBytes(where)));
}

void AddSegment(PartialEntry& partial, const py::object& payload) {
  const BufferHold hold(payload, /*writable=*/false);
  const mh::Status status = [&] {
    const GilRelease release;
    return partial.Add(hold.span());
  }();
  RaiseIfError(status);
}

}  // namespace

mh::Link LinkOf(py::handle item) {
  const auto [source, index] = py::cast<std::pair<py::object, int64_t>>(item);
  if (py::isinstance<PartialEntry>(source)) {
    if (index != 0) {
      Raise(mh::Status(mh::Code::kUsage, "entry " + std::to_string(index) + " of a PartialEntry",
                       "0"));
    }
    return {py::cast<std::shared_ptr<PartialEntry>>(source), 0};
  }
  if (!py::isinstance<ReaderHandle>(source)) {
    throw py::type_error("a chain holds (PackReader or PartialEntry, int) pairs");
  }
  const auto reader = py::cast<std::shared_ptr<ReaderHandle>>(source);
  auto pack = reader->pack();
  const size_t i = CheckIndex(*pack, index);
  return {std::move(pack), i};
}

void RegisterPartial(py::module_& module) {
  using py::literals::operator""_a;
  py::class_<PartialEntry, std::shared_ptr<PartialEntry>>(
      module, "PartialEntry", py::is_final(),
      "An entry in memory of which leading segments are held. Safe to use from several threads.")
      .def(py::init(&CreatePartial), "record"_a, "where"_a = "the entry")
      .def_property_readonly("entry", [](const PartialEntry& p) { return p.entry(); })
      .def_property_readonly("segments", &PartialEntry::segments)
      .def("add", &AddSegment, "payload"_a,
           "Hold a copy of the next segment's payload, its checksums verified; those after it\n"
           "that have no payload are held then, too.");
}

}  // namespace mh_bindings
