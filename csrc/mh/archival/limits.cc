#include "mh/archival/limits.h"

#include <algorithm>
#include <limits>

namespace mh {

std::vector<double> VertexLimits(const StorageGraph& graph, const RecreationBounds& least,
                                 double slack) {
  std::vector<double> limit(graph.vertices, std::numeric_limits<double>::infinity());
  const bool parallel = graph.scheme == RetrievalScheme::kParallel;
  for (size_t g = 0; g < graph.groups(); g++) {
    double least_sum = 0;
    for (const uint32_t v : graph.group(g)) least_sum += least.whole[v];
    for (const uint32_t v : graph.group(g)) {
      const double others = parallel ? 0 : least_sum - least.whole[v];
      limit[v] = std::min(limit[v], graph.budget[g] * (1 + slack) - others);
    }
  }
  for (uint32_t v = 1; v < graph.vertices; v++) {
    limit[v] = std::max(limit[v], least.whole[v] * (1 + slack));
  }
  return limit;
}

}  // namespace mh
