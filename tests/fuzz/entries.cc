#include "tests/fuzz/entries.h"

#include "tests/cpp/samples.h"

namespace mh_fuzz {
namespace {

void Add(int width, mh::ValueKind kind, Data data, std::vector<Entry>* entries) {
  entries->emplace_back();
  Entry& entry = entries->back();
  entry.data = std::move(data);
  entry.input = mh_test::InputOf(static_cast<uint8_t>(entries->size() - 1), width, kind, {});
  entry.input.head.shape = {entry.data.size() / static_cast<size_t>(width)};
}

void AddDelta(int width, mh::ValueKind kind, Data data, Data base, std::vector<Entry>* entries) {
  Add(width, kind, std::move(data), entries);
  Entry& entry = entries->back();
  entry.base = std::move(base);
  entry.input.has_base = true;
  entry.input.base.id = mh_test::IdOf(static_cast<uint8_t>(entries->size() - 2));
  entry.input.base.type = entry.input.head.type;
  entry.input.base.shape = {entry.base.size() / static_cast<size_t>(width)};
}

void AddMapped(size_t elements, mh::Conversion conversion, std::vector<Entry>* entries) {
  const int before = conversion == mh::Conversion::kNone ? 4 : mh::WidthBefore(conversion);
  const int after = conversion == mh::Conversion::kNone ? 4 : mh::WidthAfter(conversion);
  Data base = mh_test::Weights(elements, before, 5), mapped(elements * static_cast<size_t>(after));
  if (conversion == mh::Conversion::kNone) {
    mapped = base;
  } else {
    mh::ConvertElements(conversion, base.data(), elements, mapped.data());
  }
  mapped.resize(mapped.size() / 2);  // A shape of its own too.
  AddDelta(after, mh::ValueKind::kFloat, mapped, base, entries);
  mh::EntryInput& input = entries->back().input;
  input.conversion = conversion;
  input.base.type.width = before;
  input.base.shape = {elements};
}

// A fixed entry, and a delta on it.
void AddFixed(size_t elements, int mantissa, std::vector<Entry>* entries) {
  const int width = mantissa == 23 ? 4 : 2;
  Data weights = mh_test::Weights(elements, width, 8);
  if (mantissa == 10) {
    weights.resize(2 * elements);
    const Data single = mh_test::Weights(elements, 4, 8);
    mh::ConvertElements(mh::Conversion::kFloatToHalf, single.data(), elements, weights.data());
  }
  Add(width, mh::ValueKind::kFloat, weights, entries);
  entries->back().input.fixed_mantissa = mantissa;
  entries->back().input.fixed_elements_min = 0;
  AddDelta(width, mh::ValueKind::kFloat, mh_test::StepFrom(weights, width, 2), weights, entries);
}

// Prefixes of a fixed entry are its elements truncated.
void CheckPrefixes(const mh::Link& link, const Data& whole) {
  const mh::Head& head = link.source->head(link.index);
  const auto width = static_cast<size_t>(head.type.width);
  const uint64_t group = head.fixed.group_elements;
  const auto groups = static_cast<size_t>((head.elements() + group - 1) / group);
  const int low_bits = 8 * head.type.width - 1;
  for (size_t segments = 1; segments <= head.segments(); segments++) {
    const auto part = AtEveryLevel([&](mh::Cpu, Data* output) {
      Bytes8 out(whole.size(), 1), exponents(groups);
      const bool good = mh::DecodePrefix(link, segments, 1, out.span(), exponents.span()).ok();
      *output = out.copy();
      return good;
    });
    // Blocks may differ in the exponent of a group that they share.
    if (part.empty()) continue;
    for (size_t i = 0; i < whole.size(); i += width) {
      uint32_t whole_bits = 0, part_bits = 0;
      std::memcpy(&whole_bits, &whole[i], width);
      std::memcpy(&part_bits, &part.front()[i], width);
      Require(whole_bits >> low_bits == part_bits >> low_bits, "a prefix has the sign");
      Require(part_bits <= whole_bits, "a prefix is truncated");
    }
    if (segments == head.segments()) Require(part.front() == whole, "all segments are the whole");
  }
}

}  // namespace

std::vector<Entry> OddEntries(size_t elements) {
  std::vector<Entry> entries;
  for (const int width : {1, 2, 4, 8}) {
    for (const mh::ValueKind kind : {mh::ValueKind::kFloat, mh::ValueKind::kUnsigned}) {
      const Data weights =
          width == 1 ? mh_test::Noise(elements, 1, 100) : mh_test::Weights(elements, width, 1);
      Add(width, kind, weights, &entries);
      AddDelta(width, kind, mh_test::StepFrom(weights, width, 2), weights, &entries);
    }
  }
  for (const mh_test::Sample& sample : mh_test::FloatSamples(elements, 2)) {
    Add(2, mh::ValueKind::kFloat, sample.data, &entries);
  }
  for (int conversion = 0; conversion <= mh::kConversionMax; conversion++) {
    AddMapped(elements, static_cast<mh::Conversion>(conversion), &entries);
  }
  for (const int mantissa : {23, 10, 7}) AddFixed(elements, mantissa, &entries);
  Add(4, mh::ValueKind::kFloat, {}, &entries);
  Add(1, mh::ValueKind::kUnsigned, mh_test::Noise(2 * elements, 1, 20), &entries);
  entries.back().input.head.kind = 2;
  Add(4, mh::ValueKind::kFloat, mh_test::Weights(66'000 * (elements > 500 ? 1 : 0) + 10, 4, 1),
      &entries);
  for (Entry& entry : entries) {
    entry.input.data = entry.data;
    entry.input.base.data = entry.base;
  }
  return entries;
}

std::vector<Data> DecodeWholeAndParts(std::span<const mh::Link> chain,
                                      std::optional<mh::Bytes> base, uint8_t planes,
                                      uint16_t row_begin, uint16_t row_end) {
  const mh::Head& head = chain[0].source->head(chain[0].index);
  const auto width = static_cast<size_t>(head.type.width);
  const auto decode = [&](const mh::DecodeRequest& request, size_t bytes) {
    return AtEveryLevel([&](mh::Cpu, Data* output) {
      Bytes8 out(bytes, 1);
      const bool good = mh::DecodeChain(chain, request, out.span(), base).ok();
      *output = out.copy();
      return good;
    });
  };
  const std::vector<Data> whole = decode({}, static_cast<size_t>(head.raw_bytes));
  const int kept = 1 + planes % head.type.width;
  const std::vector<Data> leading =
      decode({kept, 0, std::nullopt, 1}, static_cast<size_t>(head.raw_bytes));
  if (whole.empty()) return whole;
  Data expected = whole.front();
  mh::KeepLeading(expected.data(), expected.size() / width, head.type.width, kept);
  Require(leading.size() == 1 && leading.front() == expected, "leading bytes are the whole's");
  if (head.is_fixed() && head.elements() > 0) CheckPrefixes(chain[0], whole.front());
  const uint64_t rows = head.shape.empty() ? 1 : head.shape[0];
  if (rows == 0 || head.elements() % rows != 0) return whole;
  const auto row = static_cast<size_t>(head.raw_bytes / rows);
  const size_t end = row_end % (rows + 1), begin = end == 0 ? 0 : row_begin % end;
  const std::vector<Data> part = decode({0, begin, end, 1}, (end - begin) * row);
  Require(part.size() == 1 && std::equal(part.front().begin(), part.front().end(),
                                         whole.front().begin() + static_cast<long>(begin * row)),
          "rows are the whole's");
  return whole;
}

}  // namespace mh_fuzz
