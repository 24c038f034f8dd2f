#include "mh/chain/chain_decode.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <mutex>

#include "mh/base/parallel.h"
#include "mh/base/stream_copy.h"
#include "mh/pack/entry_encoder.h"

namespace mh {
namespace {

std::string Text(uint64_t n) { return std::to_string(n); }

const Head& HeadOf(const Link& link) { return link.source->head(link.index); }

Status CheckBase(const Head& head, const Head& base) {
  if (head.base != base.id) {
    return Status(Code::kUsage, "base " + HexOf(base.id), HexOf(head.base));
  }
  const bool fits =
      head.is_mapped()
          ? base.raw_bytes == head.mapped.raw_bytes && base.type.width == head.mapped.type.width &&
                base.type.kind == head.mapped.type.kind && base.shape == head.mapped.shape
          : base.raw_bytes == head.raw_bytes && base.type.width == head.type.width &&
                base.type.kind == head.type.kind && base.dtype_code == head.dtype_code;
  return fits ? Status::Ok() : Corruption("a base of other length or type", "one like the delta");
}

Status CheckLinks(std::span<const Link> chain, const std::optional<Bytes>& base) {
  if (chain.empty()) return Status(Code::kUsage, "an empty chain", "one entry at least");
  for (const Link& link : chain) {
    if (link.index >= link.source->count()) {
      return Status(Code::kUsage, "entry " + Text(link.index),
                    "below " + Text(link.source->count()), link.source->path());
    }
  }
  for (size_t i = 0; i < chain.size(); i++) {
    const Head& head = HeadOf(chain[i]);
    const std::string where = chain[i].source->Where(chain[i].index);
    if (i + 1 < chain.size()) {
      if (!head.is_delta()) {
        return Status(Code::kUsage, "an entry without base", "the end of the chain", where);
      }
      if (const Status status = CheckBase(head, HeadOf(chain[i + 1])); !status.ok()) {
        return status.Within(where);
      }
    } else if (head.is_delta() && !base) {
      return Status(Code::kUsage, "a chain that ends in a delta",
                    "base " + HexOf(head.base) + " after it", where);
    } else if (base && !head.is_delta()) {
      return Status(Code::kUsage, "a base for an entry without one", "no base", where);
    }
  }
  return Status::Ok();
}

// Memory of threads that decoded, kept for the next ones so that it is warm: a page fault costs as
// much as decoding the page. A lock that is held, by another thread or by one that a fork has left
// behind, is not waited for.
class ScratchPool {
 public:
  std::unique_ptr<BlockScratch> Take() {
    const std::unique_lock<std::mutex> lock(mutex_, std::try_to_lock);
    if (!lock || idle_.empty()) return std::make_unique<BlockScratch>();
    auto scratch = std::move(idle_.back());
    idle_.pop_back();
    return scratch;
  }
  void Give(std::unique_ptr<BlockScratch> scratch) {
    // Blocks of 2^20 elements are rare, and so large that a process should not sit on them.
    if (std::max(scratch->unit.capacity(), scratch->fixed.merged.capacity()) > kKeptBytesMax)
      return;
    const std::unique_lock<std::mutex> lock(mutex_, std::try_to_lock);
    if (lock && idle_.size() < kIdleMax) idle_.push_back(std::move(scratch));
  }
  // Never destroyed: a thread may still decode while the process ends.
  static ScratchPool& Get() {
    static ScratchPool* const pool = new ScratchPool;
    return *pool;
  }

 private:
  static constexpr size_t kKeptBytesMax = size_t{1} << 20, kIdleMax = 4;
  std::mutex mutex_;
  std::vector<std::unique_ptr<BlockScratch>> idle_;
};

// One chain without mapped deltas but for the last one, whose base is mapped already.
// More than a second-level cache holds: the output will not be found there anyway.
constexpr size_t kStreamedBytesMin = size_t{4} << 20;

class Decoder {
 public:
  Decoder(std::span<const Link> chain, const DecodeRequest& request, const uint8_t* base,
          std::span<uint8_t> out)
      : chain_(chain), request_(request), base_(base), out_(out), head_(HeadOf(chain[0])) {}

  Result<uint64_t> Run();

 private:
  Status SetRange();
  Status SetPlanes();
  Status ReadTables();
  Status DecodeUnit(int worker, uint64_t unit);
  Status ApplyLink(BlockScratch* scratch, size_t link, uint64_t begin, uint64_t end,
                   const uint8_t* base, uint8_t* elements, uint64_t* bytes_read) const;

  std::span<const Link> chain_;
  const DecodeRequest& request_;
  const uint8_t* const base_;  // The whole base of the chain's end, as its own shape; or null.
  std::span<uint8_t> out_;
  const Head& head_;
  uint64_t begin_ = 0, end_ = 0;  // Elements asked for.
  int planes_ = 0;                // Planes asked for.
  int read_ = 0;                  // Planes to read: up to the end of a level through deltas.
  int unit_log2_ = 0;             // The largest block of the chain, a whole number of each link's.
  std::vector<EntryTable> tables_;
  std::vector<std::unique_ptr<BlockScratch>> scratch_;
  std::atomic<uint64_t> bytes_read_{0};
};

Status Decoder::SetRange() {
  const uint64_t rows = head_.shape.empty() ? 1 : head_.shape[0];
  const uint64_t end = request_.row_end.value_or(rows);
  if (request_.row_begin > end || end > rows) {
    return Status(Code::kUsage, "rows " + Text(request_.row_begin) + " to " + Text(end),
                  "a range within " + Text(rows) + " rows");
  }
  uint64_t row_elements = 0;
  if (rows > 0 && (request_.row_begin != 0 || end != rows)) {
    row_elements = head_.elements() / rows;
    if (row_elements * rows != head_.elements()) {
      return Status(Code::kUsage, "rows that do not end at an element", "all rows");
    }
    begin_ = request_.row_begin * row_elements;
    end_ = end * row_elements;
  } else {
    end_ = head_.elements();
  }
  const uint64_t size = (end_ - begin_) * static_cast<uint64_t>(head_.type.width);
  if (out_.size() != size) {
    return Status(Code::kUsage, "an output of " + Text(out_.size()) + " bytes",
                  Text(size) + " for the rows asked for");
  }
  return Status::Ok();
}

Status Decoder::SetPlanes() {
  const int width = head_.type.width;
  planes_ = request_.planes == 0 ? width : request_.planes;
  if (planes_ < 1 || planes_ > width) {
    return Status(Code::kUsage, std::to_string(planes_) + " planes",
                  "1 to " + std::to_string(width));
  }
  read_ = head_.is_fixed() ? width : SegmentsToRead(head_.type, head_.is_delta(), planes_);
  return Status::Ok();
}

Status Decoder::ReadTables() {
  for (const Link& link : chain_) {
    auto table = link.source->ReadTable(link.index);
    if (!table.ok()) return table.status();
    tables_.push_back(std::move(table.value()));
    unit_log2_ = std::max(unit_log2_, HeadOf(link).block_log2);
  }
  return Status::Ok();
}

constexpr size_t kSegmentsMax = kFixedPartsMax + 1;

// Hands out the payloads of one block, and counts their bytes.
class BlockPayloads : public PayloadSource {
 public:
  BlockPayloads(const Link& link, const EntryTable& table, uint64_t block, uint64_t* bytes_read)
      : link_(link), table_(table), block_(block), bytes_read_(*bytes_read) {}
  Status Get(int segment, std::span<uint8_t> into, Bytes* payload) override {
    MH_RETURN_IF_ERROR(link_.source->GetPayload(link_.index, table_, static_cast<size_t>(segment),
                                                block_, into, payload));
    bytes_read_ += payload->size();
    last_ = segment;
    return Status::Ok();
  }
  // The block's cell of each segment, kSegmentsMax at most.
  void Cells(const Cell** cells) const {
    const Head& head = HeadOf(link_);
    const auto blocks = static_cast<size_t>(head.blocks());
    for (size_t s = 0; s < head.segments(); s++) cells[s] = &table_.cells[s * blocks + block_];
  }
  // An error, with the place where it arose.
  Status Located(const Status& status) const {
    // What the source found says where already.
    if (status.ok() || !status.where().empty()) return status;
    return status.Within(link_.source->CellWhere(link_.index, static_cast<size_t>(last_), block_));
  }

 private:
  const Link& link_;
  const EntryTable& table_;
  const uint64_t block_;
  uint64_t& bytes_read_;
  int last_ = 0;
};

// Reads the blocks of a link that cover elements [begin, end) and applies them to `base` (which may
// be `elements`, or null for a link without one).
Status Decoder::ApplyLink(BlockScratch* scratch, size_t link, uint64_t begin, uint64_t end,
                          const uint8_t* base, uint8_t* elements, uint64_t* bytes_read) const {
  const Link& at_link = chain_[link];
  const Head& head = HeadOf(at_link);
  const EntryTable& table = tables_[link];
  const auto width = static_cast<size_t>(head.type.width);
  for (uint64_t at = begin; at < end;) {
    const uint64_t block = at >> head.block_log2;
    const size_t n = head.ElementsOf(block);
    const size_t skip = static_cast<size_t>(at - begin) * width;
    BlockPayloads source(at_link, table, block, bytes_read);
    const Cell* cells[kSegmentsMax];
    source.Cells(cells);
    const Status status =
        head.is_fixed() ? DecodeFixedBlock(scratch, head.fixed, head.type, cells, at, n,
                                           head.segments(), &source, elements + skip, nullptr)
                        : DecodeBlock(scratch, head.type, cells, n, read_, &source,
                                      base == nullptr ? nullptr : base + skip, elements + skip);
    MH_RETURN_IF_ERROR(source.Located(status));
    at += n;
  }
  return Status::Ok();
}

Status Decoder::DecodeUnit(int worker, uint64_t unit) {
  BlockScratch* scratch = scratch_[static_cast<size_t>(worker)].get();
  const auto width = static_cast<uint64_t>(head_.type.width);
  const uint64_t first = unit << unit_log2_;
  const uint64_t last = std::min(first + (uint64_t{1} << unit_log2_), head_.elements());
  const uint64_t from = std::max(first, begin_), to = std::min(last, end_);
  // Large outputs take their blocks past the caches, in which the next block is decoded.
  const bool streamed = out_.size() >= kStreamedBytesMin;
  const bool whole = from == first && to == last && !streamed;
  uint8_t* target = out_.data() + static_cast<size_t>((from - begin_) * width);
  uint8_t* elements = whole ? target : scratch->unit.data();
  uint64_t bytes_read = 0;
  // The chain's end stands on what the caller gave, or on nothing; each other link on what is
  // decoded.
  const uint8_t* base = base_ == nullptr ? nullptr : base_ + static_cast<size_t>(first * width);
  for (size_t link = chain_.size(); link-- > 0;) {
    MH_RETURN_IF_ERROR(ApplyLink(scratch, link, first, last, base, elements, &bytes_read));
    base = elements;
  }
  const size_t size = static_cast<size_t>((to - from) * width);
  uint8_t* const wanted = elements + (from - first) * width;
  if (planes_ < read_) KeepLeading(wanted, size / width, head_.type.width, planes_);
  if (!whole) StreamCopy(ActiveCpu(), wanted, size, target);
  bytes_read_ += bytes_read;
  return Status::Ok();
}

Result<uint64_t> Decoder::Run() {
  MH_RETURN_IF_ERROR(SetRange());
  MH_RETURN_IF_ERROR(SetPlanes());
  if (begin_ == end_) return uint64_t{0};
  MH_RETURN_IF_ERROR(ReadTables());
  const uint64_t first = begin_ >> unit_log2_;
  const auto units = static_cast<size_t>(((end_ - 1) >> unit_log2_) - first + 1);
  const int threads = UsefulThreads(request_.threads, units, out_.size() * chain_.size());
  const auto most = static_cast<size_t>(std::min(uint64_t{1} << unit_log2_, head_.elements()));
  for (int i = 0; i < threads; i++) {
    scratch_.push_back(ScratchPool::Get().Take());
    if (!scratch_.back()->Reserve(head_.type, most)) {
      return Status(Code::kIo, "out of memory");
    }
  }
  const Status status = ParallelFor(
      threads, units, [&](int worker, size_t unit) { return DecodeUnit(worker, first + unit); });
  for (auto& scratch : scratch_) ScratchPool::Get().Give(std::move(scratch));
  if (!status.ok()) return status;
  return bytes_read_.load();
}

// The first delta whose base has another shape or type, or the chain's length.
size_t FirstMapped(std::span<const Link> chain) {
  size_t i = 0;
  while (i < chain.size() && !HeadOf(chain[i]).is_mapped()) i++;
  return i;
}

Result<uint64_t> Decode(std::span<const Link> chain, const DecodeRequest& request,
                        const std::optional<Bytes>& base, std::span<uint8_t> out) {
  const size_t mapped = FirstMapped(chain);
  const uint8_t* known = base ? base->data() : nullptr;
  if (mapped == chain.size()) return Decoder(chain, request, known, out).Run();
  // The base is decoded whole, as far as its planes matter, and takes the shape of what follows.
  const Head& head = HeadOf(chain[mapped]);
  const BaseShape& shape = head.mapped;
  Buffer predicted, decoded;
  uint64_t bytes_read = 0;
  Bytes from = base.value_or(Bytes());
  if (mapped + 1 < chain.size()) {
    DecodeRequest whole;
    whole.planes = PlanesBefore(shape.conversion, shape.type.width);
    if (shape.conversion == Conversion::kNone && request.planes > 0) {
      whole.planes =
          SegmentsToRead(head.type, /*is_delta=*/true, std::min(request.planes, head.type.width));
    }
    whole.threads = request.threads;
    if (!decoded.Reserve(static_cast<size_t>(shape.raw_bytes))) {
      return Status(Code::kIo, "out of memory");
    }
    const std::span<uint8_t> to(decoded.data(), static_cast<size_t>(shape.raw_bytes));
    const auto read = Decode(chain.subspan(mapped + 1), whole, base, to);
    if (!read.ok()) return read;
    bytes_read = read.value();
    from = to;
  }
  if (!predicted.Reserve(static_cast<size_t>(head.raw_bytes))) {
    return Status(Code::kIo, "out of memory");
  }
  MH_RETURN_IF_ERROR(
      MapBase(head, shape, from, {predicted.data(), static_cast<size_t>(head.raw_bytes)}));
  const auto read = Decoder(chain.first(mapped + 1), request, predicted.data(), out).Run();
  if (!read.ok()) return read;
  return bytes_read + read.value();
}

}  // namespace

Result<uint64_t> DecodePrefix(const Link& link, size_t segments, int threads,
                              std::span<uint8_t> out, std::span<uint8_t> exponents) {
  MH_RETURN_IF_ERROR(CheckCpu());
  if (link.index >= link.source->count()) {
    return Status(Code::kUsage, "entry " + Text(link.index), "below " + Text(link.source->count()),
                  link.source->path());
  }
  const Head& head = HeadOf(link);
  const std::string where = link.source->Where(link.index);
  if (!head.is_fixed()) return Status(Code::kUsage, "an entry of planes", "a fixed entry", where);
  if (segments < 1 || segments > head.segments()) {
    return Status(Code::kUsage, Text(segments) + " segments", "1 to " + Text(head.segments()),
                  where);
  }
  const uint64_t group = head.fixed.group_elements;
  const uint64_t groups = head.elements() / group + (head.elements() % group != 0);
  if (out.size() != head.raw_bytes || exponents.size() != groups) {
    return Status(
        Code::kUsage,
        Text(out.size()) + " bytes for elements, " + Text(exponents.size()) + " for exponents",
        Text(head.raw_bytes) + " and " + Text(groups), where);
  }
  const auto table = link.source->ReadTable(link.index);
  if (!table.ok()) return table.status();
  const auto width = static_cast<size_t>(head.type.width);
  const auto blocks = static_cast<size_t>(head.blocks());
  const auto step = static_cast<size_t>(head.block_elements());
  threads = UsefulThreads(threads, blocks, out.size());
  std::vector<std::unique_ptr<BlockScratch>> scratch;
  for (int i = 0; i < threads; i++) scratch.push_back(ScratchPool::Get().Take());
  // Blocks may share a group: each tells its exponents by itself, and they must agree.
  std::vector<std::vector<uint8_t>> told(blocks);
  std::atomic<uint64_t> bytes_read{0};
  const Status status = ParallelFor(threads, blocks, [&](int worker, size_t block) {
    const size_t n = head.ElementsOf(block), begin = block * step;
    uint64_t read = 0;
    BlockPayloads source(link, table.value(), block, &read);
    const Cell* cells[kSegmentsMax];
    source.Cells(cells);
    told[block].resize(head.fixed.GroupsOf(begin, n));
    MH_RETURN_IF_ERROR(source.Located(DecodeFixedBlock(
        scratch[static_cast<size_t>(worker)].get(), head.fixed, head.type, cells, begin, n,
        segments, &source, out.data() + begin * width, told[block].data())));
    bytes_read += read;
    return Status::Ok();
  });
  for (auto& each : scratch) ScratchPool::Get().Give(std::move(each));
  MH_RETURN_IF_ERROR(status);
  for (size_t block = 0; block < blocks; block++) {
    const size_t first = block * step / static_cast<size_t>(group);
    const bool shared = block > 0 && block * step % group != 0;
    if (shared && exponents[first] != told[block][0]) {
      return Corruption("two exponents of group " + Text(first), "one").Within(where);
    }
    std::copy(told[block].begin(), told[block].end(),
              exponents.begin() + static_cast<ptrdiff_t>(first));
  }
  return bytes_read.load();
}

Result<uint64_t> DecodeChain(std::span<const Link> chain, const DecodeRequest& request,
                             std::span<uint8_t> out, std::optional<Bytes> base) {
  MH_RETURN_IF_ERROR(CheckCpu());
  MH_RETURN_IF_ERROR(CheckLinks(chain, base));
  if (base) {
    const Head& head = HeadOf(chain.back());
    const uint64_t expected = head.is_mapped() ? head.mapped.raw_bytes : head.raw_bytes;
    if (base->size() != expected) {
      return Status(Code::kBadShape, "a base of " + Text(base->size()) + " bytes", Text(expected));
    }
  }
  return Decode(chain, request, base, out);
}

}  // namespace mh
