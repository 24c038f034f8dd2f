// A storage graph in numpy's arrays.
#ifndef BINDINGS_GRAPH_HOLD_H_
#define BINDINGS_GRAPH_HOLD_H_

#include <pybind11/pybind11.h>

#include <deque>
#include <string>
#include <vector>

#include "bindings/handles.h"
#include "mh/archival/graph.h"

namespace mh_bindings {

// The memory of `object` as an array of T. Raises UsageError if it cannot be one. REQUIRES: the
// hold outlives the span
template <typename T>
std::span<T> ArrayOf(const BufferHold& hold, const char* what) {
  const std::span<uint8_t> bytes = hold.span();
  if (bytes.size() % sizeof(T) != 0 ||
      reinterpret_cast<uintptr_t>(bytes.data()) % alignof(T) != 0) {
    Raise(mh::Status(mh::Code::kUsage, std::string(what) + " of another type",
                     "aligned elements of " + std::to_string(sizeof(T)) + " bytes"));
  }
  return {reinterpret_cast<T*>(bytes.data()), bytes.size() / sizeof(T)};
}

// Keeps the arrays of a graph in place. Make and destroy it with the GIL held: declare it before
// the release guard.
class GraphHold {
 public:
  // `parts`: vertices, source, target (uint32), storage, recreation (float64), high (float64 or
  // None), from_high (uint8 or None), group_begin (uint64), members (uint32). `budget`: float64,
  // one for each group, or None where nothing is bounded. `scheme`: independent, parallel or
  // reusable. Raises UsageError unless it is a graph (StorageGraph::Check).
  GraphHold(const pybind11::tuple& parts, const pybind11::object& budget,
            const std::string& scheme);

  const mh::StorageGraph& graph() const { return graph_; }

 private:
  template <typename T>
  std::span<const T> Hold(const pybind11::handle& part, const char* what);

  std::deque<BufferHold> holds_;
  std::vector<double> no_budget_;
  mh::StorageGraph graph_;
};

// Copies a plan into an array of one uint32 for each vertex. Raises UsageError for another length.
void WritePlan(const mh::ArchivalPlan& plan, const BufferHold& out);

void RegisterArchival(pybind11::module_& module);

}  // namespace mh_bindings

#endif  // BINDINGS_GRAPH_HOLD_H_
