#include <pybind11/pybind11.h>

#include "bindings/errors.h"
#include "bindings/graph_hold.h"
#include "bindings/handles.h"

PYBIND11_MODULE(_ext, module) {
  module.doc() = "The compiled core; imported by modelhub._core alone.";
  module.attr("FORMAT_VERSION") = mh::kPackVersion;
  mh_bindings::RegisterErrors(module);
  mh_bindings::RegisterCodec(module);
  mh_bindings::RegisterReader(module);
  mh_bindings::RegisterPartial(module);
  mh_bindings::RegisterWriter(module);
  mh_bindings::RegisterChain(module);
  mh_bindings::RegisterArchival(module);
}
