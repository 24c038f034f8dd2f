#include "bindings/errors.h"

namespace py = pybind11;

namespace mh_bindings {
namespace {

const mh::StatusRow& RowOf(mh::Code code) {
  for (const mh::StatusRow& row : mh::kStatusTable) {
    if (row.code == code) return row;
  }
  return mh::kStatusTable[0];
}

const char* HintOf(mh::Code code) {
  switch (code) {
    case mh::Code::kCorruption:
      return "run `modelhub fsck`";
    case mh::Code::kUnsupportedVersion:
      return "a newer modelhub wrote this file";
    case mh::Code::kNoSpace:
      return "free some room and try again";
    default:
      return "";
  }
}

// Paths are bytes on disk and need not be UTF-8.
py::object TextOf(const std::string& text) {
  return py::reinterpret_steal<py::object>(
      PyUnicode_DecodeFSDefaultAndSize(text.data(), static_cast<Py_ssize_t>(text.size())));
}

}  // namespace

void Raise(const mh::Status& status) {
  using py::literals::operator""_a;
  const mh::StatusRow& row = RowOf(status.code());
  const py::object type = py::module_::import("modelhub.errors").attr(row.error_class);
  const py::object error = type(TextOf(status.found()), "expected"_a = TextOf(status.expected()),
                                "where"_a = TextOf(status.where()),
                                "hint"_a = HintOf(status.code()), "kind"_a = row.kind);
  PyErr_SetObject(type.ptr(), error.ptr());
  throw py::error_already_set();
}

void RegisterErrors(py::module_& module) {
  py::list rows;
  for (const mh::StatusRow& row : mh::kStatusTable) {
    rows.append(py::make_tuple(row.name, row.error_class, row.kind));
  }
  module.attr("STATUS_KINDS") = py::tuple(rows);
}

}  // namespace mh_bindings
