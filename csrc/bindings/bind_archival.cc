// Storage graphs: what plans cost, and plans.
#include <algorithm>
#include <cmath>
#include <limits>

#include "bindings/graph_hold.h"
#include "mh/archival/solvers.h"
#include "mh/archival/spanning.h"

namespace py = pybind11;

namespace mh_bindings {
namespace {

mh::RetrievalScheme SchemeOf(const std::string& name) {
  if (name == "independent") return mh::RetrievalScheme::kIndependent;
  if (name == "parallel") return mh::RetrievalScheme::kParallel;
  if (name == "reusable") return mh::RetrievalScheme::kReusable;
  Raise(mh::Status(mh::Code::kUsage, "retrieval scheme " + name,
                   "independent, parallel or reusable"));
}

void CopyOut(const std::vector<double>& values, const BufferHold& out, const char* what) {
  const std::span<double> room = ArrayOf<double>(out, what);
  if (room.size() != values.size()) {
    Raise(mh::Status(mh::Code::kUsage,
                     std::string(what) + " of " + std::to_string(room.size()) + " elements",
                     std::to_string(values.size())));
  }
  std::copy(values.begin(), values.end(), room.begin());
}

double Evaluate(const py::tuple& parts, const std::string& scheme, const py::object& plan,
                const py::object& recreation, const py::object& groups) {
  const GraphHold hold(parts, py::none(), scheme);
  const BufferHold plan_hold(plan, /*writable=*/false);
  const BufferHold recreation_hold(recreation, /*writable=*/true);
  const BufferHold groups_hold(groups, /*writable=*/true);
  const std::span<const uint32_t> edges = ArrayOf<uint32_t>(plan_hold, "a plan");
  auto costs = [&] {
    const GilRelease release;
    return mh::EvaluatePlan(hold.graph(), {edges.begin(), edges.end()});
  }();
  const mh::PlanCosts found = ValueOrRaise(std::move(costs));
  CopyOut(found.recreation, recreation_hold, "recreation costs");
  CopyOut(found.groups, groups_hold, "costs of groups");
  return found.storage;
}

void LeastCosts(const py::tuple& parts, const py::object& out) {
  const GraphHold hold(parts, py::none(), "independent");
  const BufferHold out_hold(out, /*writable=*/true);
  const mh::RecreationBounds least = [&] {
    const GilRelease release;
    return mh::LeastCosts(hold.graph());
  }();
  CopyOut(least.whole, out_hold, "recreation costs");
}

mh::Result<mh::ArchivalPlan> PlanBy(const std::string& solver, const mh::StorageGraph& graph,
                                    double alpha) {
  if (solver == "mst") return mh::MinimumStoragePlan(graph);
  if (solver == "spt") return mh::ShortestPathPlan(graph);
  if (graph.scheme == mh::RetrievalScheme::kReusable) {
    return mh::Status(mh::Code::kUsage, "budgets of the retrieval scheme reusable",
                      "independent or parallel: for reusable, plans are only evaluated");
  }
  if (solver == "pas-mt") return mh::SolvePasMt(graph);
  if (solver == "pas-pt") return mh::SolvePasPt(graph);
  if (solver != "last") return mh::Status(mh::Code::kUsage, "solver " + solver, "one of the core");
  if (!(alpha >= 1) || !std::isfinite(alpha)) {
    return mh::Status(mh::Code::kUsage, "alpha of " + std::to_string(alpha), "1 or more");
  }
  return mh::SolveLast(graph, alpha);
}

void Solve(const py::tuple& parts, const py::object& budget, const std::string& scheme,
           const std::string& solver, double alpha, const py::object& plan) {
  const GraphHold hold(parts, budget, scheme);
  const BufferHold plan_hold(plan, /*writable=*/true);
  auto found = [&] {
    const GilRelease release;
    return PlanBy(solver, hold.graph(), alpha);
  }();
  WritePlan(ValueOrRaise(std::move(found)), plan_hold);
}

}  // namespace

template <typename T>
std::span<const T> GraphHold::Hold(const py::handle& part, const char* what) {
  if (part.is_none()) return {};
  return ArrayOf<const T>(holds_.emplace_back(part, /*writable=*/false), what);
}

GraphHold::GraphHold(const py::tuple& parts, const py::object& budget, const std::string& scheme) {
  constexpr size_t kParts = 9;
  if (parts.size() != kParts) {
    Raise(mh::Status(mh::Code::kUsage, "a graph of " + std::to_string(parts.size()) + " parts",
                     std::to_string(kParts)));
  }
  const auto vertices = parts[0].cast<uint64_t>();
  if (vertices > std::numeric_limits<uint32_t>::max()) {
    Raise(mh::Status(mh::Code::kUsage, std::to_string(vertices) + " vertices", "fewer"));
  }
  graph_.vertices = static_cast<uint32_t>(vertices);
  graph_.source = Hold<uint32_t>(parts[1], "source");
  graph_.target = Hold<uint32_t>(parts[2], "target");
  graph_.storage = Hold<double>(parts[3], "storage");
  graph_.recreation = Hold<double>(parts[4], "recreation");
  graph_.high = Hold<double>(parts[5], "high");
  graph_.from_high = Hold<uint8_t>(parts[6], "from_high");
  graph_.group_begin = Hold<uint64_t>(parts[7], "group_begin");
  graph_.members = Hold<uint32_t>(parts[8], "members");
  graph_.budget = Hold<double>(budget, "budget");
  if (budget.is_none()) {
    no_budget_.assign(graph_.groups(), std::numeric_limits<double>::infinity());
    graph_.budget = no_budget_;
  }
  graph_.scheme = SchemeOf(scheme);
  const mh::Status status = [&] {
    const GilRelease release;
    return graph_.Check();
  }();
  RaiseIfError(status);
}

void WritePlan(const mh::ArchivalPlan& plan, const BufferHold& out) {
  const std::span<uint32_t> room = ArrayOf<uint32_t>(out, "a plan");
  if (room.size() != plan.size()) {
    Raise(mh::Status(mh::Code::kUsage, "a plan of " + std::to_string(room.size()) + " vertices",
                     std::to_string(plan.size())));
  }
  std::copy(plan.begin(), plan.end(), room.begin());
}

void RegisterArchival(py::module_& module) {
  using py::literals::operator""_a;
  module.attr("NO_EDGE") = mh::kNoEdge;
  module.def(
      "archival_check", [](const py::tuple& parts) { GraphHold(parts, py::none(), "independent"); },
      "graph"_a, "Raise UsageError unless the arrays are a storage graph.");
  module.def("archival_evaluate", &Evaluate, "graph"_a, "scheme"_a, "plan"_a, "recreation"_a,
             "groups"_a,
             "Return what a plan stores; fill in what it costs to recreate vertices and groups.");
  module.def("archival_least_costs", &LeastCosts, "graph"_a, "recreation"_a,
             "Fill in what recreating each vertex costs at least.");
  module.def("archival_solve", &Solve, "graph"_a, "budget"_a, "scheme"_a, "solver"_a, "alpha"_a,
             "plan"_a, "Fill in the plan of mst, spt, last, pas-mt or pas-pt.");
}

}  // namespace mh_bindings
