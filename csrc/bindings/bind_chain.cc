// decode() and checksum().
#include <optional>
#include <utility>
#include <vector>

#include "bindings/handles.h"
#include "mh/chain/chain_decode.h"

namespace py = pybind11;

namespace mh_bindings {
namespace {

uint64_t Row(int64_t row) {
  if (row < 0) Raise(mh::Status(mh::Code::kUsage, "row " + std::to_string(row), "0 or more"));
  return static_cast<uint64_t>(row);
}

uint64_t Decode(const py::sequence& chain, const py::object& out, std::optional<int> planes,
                int64_t row_begin, std::optional<int64_t> row_end, int threads) {
  std::vector<mh::Link> links;
  for (const py::handle item : chain) links.push_back(LinkOf(item));
  mh::DecodeRequest request;
  // 0 means all to the core; a caller who says 0 made a mistake.
  if (planes) request.planes = *planes == 0 ? -1 : *planes;
  request.row_begin = Row(row_begin);
  if (row_end) request.row_end = Row(*row_end);
  request.threads = threads;
  const BufferHold hold(out, /*writable=*/true);
  auto result = [&] {
    const GilRelease release;
    return mh::DecodeChain(links, request, hold.span());
  }();
  return ValueOrRaise(std::move(result));
}

uint64_t DecodePrefix(const py::object& link, const py::object& out, const py::object& exponents,
                      int64_t segments, int threads) {
  const mh::Link from = LinkOf(link);
  if (segments < 0) {
    Raise(mh::Status(mh::Code::kUsage, std::to_string(segments) + " segments", "1 or more"));
  }
  const BufferHold hold(out, /*writable=*/true), exponents_hold(exponents, /*writable=*/true);
  auto result = [&] {
    const GilRelease release;
    return mh::DecodePrefix(from, static_cast<size_t>(segments), threads, hold.span(),
                            exponents_hold.span());
  }();
  return ValueOrRaise(std::move(result));
}

uint64_t ChecksumOf(const py::object& data) {
  const BufferHold hold(data, /*writable=*/false);
  const GilRelease release;
  return mh::Checksum(hold.span().data(), hold.span().size());
}

}  // namespace

void RegisterChain(py::module_& module) {
  using py::literals::operator""_a;
  module.def(
      "decode", &Decode, "chain"_a, "out"_a, py::kw_only(), "planes"_a = py::none(),
      "row_begin"_a = 0, "row_end"_a = py::none(), "threads"_a = 1,
      "Decode an entry through its chain of (PackReader or PartialEntry, entry number) pairs\n"
      "into `out`, which has the length of the rows asked for; return the payload bytes\n"
      "read from packs.");
  module.def("decode_prefix", &DecodePrefix, "link"_a, "out"_a, "exponents"_a, "segments"_a,
             "threads"_a = 1,
             "Decode the leading segments of a fixed entry, a (reader, entry number) pair: its\n"
             "truncated elements into `out`, as long as the whole array, and into `exponents` a\n"
             "byte for each group (docs/formats/pack.md); return the payload bytes read.");
  module.def("checksum", &ChecksumOf, "data"_a, "Return the XXH3-64 that packs use.");
}

}  // namespace mh_bindings
