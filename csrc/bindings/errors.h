// From Status to the exceptions of modelhub.errors.
#ifndef BINDINGS_ERRORS_H_
#define BINDINGS_ERRORS_H_

#include <pybind11/pybind11.h>

#include "mh/base/status.h"

namespace mh_bindings {

// Raises the class and kind that kStatusTable names. REQUIRES: the GIL is held, !status.ok()
[[noreturn]] void Raise(const mh::Status& status);

inline void RaiseIfError(const mh::Status& status) {
  if (!status.ok()) Raise(status);
}

template <typename T>
T ValueOrRaise(mh::Result<T>&& result) {
  if (!result.ok()) Raise(result.status());
  return std::move(result.value());
}

void RegisterErrors(pybind11::module_& module);

}  // namespace mh_bindings

#endif  // BINDINGS_ERRORS_H_
