#include "mh/chain/chain_decode.h"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "mh/base/endian.h"
#include "mh/base/parallel.h"

namespace mh {
namespace {

std::string Text(uint64_t n) { return std::to_string(n); }

Status CheckLinks(std::span<const Link> chain) {
  if (chain.empty()) return Status(Code::kUsage, "an empty chain", "one entry at least");
  for (const Link& link : chain) {
    if (link.index >= link.pack->count()) {
      return Status(Code::kUsage, "entry " + Text(link.index), "below " + Text(link.pack->count()),
                    link.pack->path());
    }
  }
  for (size_t i = 0; i < chain.size(); i++) {
    const Head& head = chain[i].pack->entry(chain[i].index).head;
    const std::string where =
        chain[i].pack->path() + ", entry " + Text(chain[i].index) + " (" + HexOf(head.id) + ")";
    if (i + 1 == chain.size()) {
      if (!head.is_delta()) break;
      return Status(Code::kUsage, "a chain that ends in a delta",
                    "base " + HexOf(head.base) + " after it", where);
    }
    if (!head.is_delta()) {
      return Status(Code::kUsage, "an entry without base", "the end of the chain", where);
    }
    const Head& base = chain[i + 1].pack->entry(chain[i + 1].index).head;
    if (head.base != base.id) {
      return Status(Code::kUsage, "base " + HexOf(base.id), HexOf(head.base), where);
    }
    if (base.raw_bytes != head.raw_bytes || base.type.width != head.type.width ||
        base.type.kind != head.type.kind || base.dtype_code != head.dtype_code) {
      return Corruption("a base of other length or type", "one like the delta").Within(where);
    }
  }
  return Status::Ok();
}

class Decoder {
 public:
  Decoder(std::span<const Link> chain, const DecodeRequest& request, std::span<uint8_t> out)
      : chain_(chain), request_(request), out_(out), head_(HeadOf(chain[0])) {}

  Result<uint64_t> Run();

 private:
  static const Head& HeadOf(const Link& link) { return link.pack->entry(link.index).head; }
  Status SetRange();
  Status SetPlanes();
  Status ReadTables();
  Status DecodeUnit(int worker, uint64_t unit);
  Status ApplyLink(BlockScratch* scratch, size_t link, uint64_t begin, uint64_t end,
                   uint8_t* elements, uint64_t* bytes_read) const;

  std::span<const Link> chain_;
  const DecodeRequest& request_;
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
  const int leading = LevelBytes(width);
  read_ = chain_.size() == 1 ? planes_ : planes_ <= leading ? leading : width;
  return Status::Ok();
}

Status Decoder::ReadTables() {
  for (const Link& link : chain_) {
    auto table = link.pack->ReadTable(link.index);
    if (!table.ok()) return table.status();
    tables_.push_back(std::move(table.value()));
    unit_log2_ = std::max(unit_log2_, HeadOf(link).block_log2);
  }
  return Status::Ok();
}

// Reads the blocks of a link that cover elements [begin, end) and merges them into `elements`.
Status Decoder::ApplyLink(BlockScratch* scratch, size_t link, uint64_t begin, uint64_t end,
                          uint8_t* elements, uint64_t* bytes_read) const {
  const PackReader& pack = *chain_[link].pack;
  const size_t index = chain_[link].index;
  const Head& head = HeadOf(chain_[link]);
  const EntryTable& table = tables_[link];
  const auto width = static_cast<size_t>(head.type.width);
  for (uint64_t at = begin; at < end;) {
    const uint64_t block = at >> head.block_log2;
    const size_t n = head.ElementsOf(block);
    uint8_t* to = elements + static_cast<size_t>(at - begin) * width;
    // A single plane needs no merge: it is decoded into place.
    const bool direct = width == 1 && !head.is_delta();
    for (size_t s = 0; s < static_cast<size_t>(read_); s++) {
      uint8_t* plane = direct ? to : scratch->planes.data() + s * n;
      MH_RETURN_IF_ERROR(pack.ReadCell(index, table, s, block, &scratch->state,
                                       {scratch->payload.data(), n}, {plane, n}));
      *bytes_read +=
          table.cells[s * static_cast<size_t>(head.blocks()) + static_cast<size_t>(block)]
              .stored_bytes;
    }
    if (!direct) MergeBlock(scratch, head.type, n, read_, head.is_delta(), to);
    at += n;
  }
  return Status::Ok();
}

// Zeroes the bytes of each element below the leading `planes` ones.
void KeepLeading(int width, int planes, std::span<uint8_t> elements) {
  const auto w = static_cast<size_t>(width);
  const size_t low = w - static_cast<size_t>(planes);
  for (size_t i = 0; i < elements.size(); i += w) std::memset(elements.data() + i, 0, low);
}

Status Decoder::DecodeUnit(int worker, uint64_t unit) {
  BlockScratch* scratch = scratch_[static_cast<size_t>(worker)].get();
  const auto width = static_cast<uint64_t>(head_.type.width);
  const uint64_t first = unit << unit_log2_;
  const uint64_t last = std::min(first + (uint64_t{1} << unit_log2_), head_.elements());
  const uint64_t from = std::max(first, begin_), to = std::min(last, end_);
  const bool whole = from == first && to == last;
  uint8_t* target = out_.data() + static_cast<size_t>((from - begin_) * width);
  uint8_t* elements = whole ? target : scratch->unit.data();
  uint64_t bytes_read = 0;
  for (size_t link = chain_.size(); link-- > 0;) {
    MH_RETURN_IF_ERROR(ApplyLink(scratch, link, first, last, elements, &bytes_read));
  }
  const size_t size = static_cast<size_t>((to - from) * width);
  if (!whole) std::memcpy(target, elements + (from - first) * width, size);
  if (planes_ < read_) KeepLeading(head_.type.width, planes_, {target, size});
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
    scratch_.push_back(std::make_unique<BlockScratch>());
    if (!scratch_.back()->Reserve(head_.type.width, most)) {
      return Status(Code::kIo, "out of memory");
    }
  }
  MH_RETURN_IF_ERROR(ParallelFor(
      threads, units, [&](int worker, size_t unit) { return DecodeUnit(worker, first + unit); }));
  return bytes_read_.load();
}

}  // namespace

Result<uint64_t> DecodeChain(std::span<const Link> chain, const DecodeRequest& request,
                             std::span<uint8_t> out) {
  MH_RETURN_IF_ERROR(CheckLinks(chain));
  return Decoder(chain, request, out).Run();
}

}  // namespace mh
