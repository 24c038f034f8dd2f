#include "mh/pack/partial_entry.h"

#include <algorithm>

#include "mh/base/checksum.h"
#include "mh/base/endian.h"

namespace mh {
namespace {

std::string Text(uint64_t n) { return std::to_string(n); }

}  // namespace

Result<std::shared_ptr<PartialEntry>> PartialEntry::Create(Bytes record, std::string where) {
  std::shared_ptr<PartialEntry> entry(new PartialEntry(std::move(where)));
  if (const Status status = entry->Load(record); !status.ok()) return status.Within(entry->where_);
  return entry;
}

Status PartialEntry::Load(Bytes record) {
  size_t used = 0;
  auto head = ParseHead(record, &used);
  if (!head.ok()) return head.status();
  entry_.head = std::move(head.value());
  bool fits = RecordBytes(entry_.head, &entry_.record_bytes);
  begins_.push_back(0);
  for (const uint64_t bytes : entry_.head.segment_bytes) {
    fits = fits && mh::Add(entry_.stored_bytes, bytes, &entry_.stored_bytes);
    begins_.push_back(entry_.stored_bytes);
  }
  if (!fits || entry_.record_bytes != record.size()) {
    return Corruption("a record of " + Text(record.size()) + " bytes", Text(entry_.record_bytes));
  }
  entry_.record_checksum = mh::Load<uint64_t>(record.data() + record.size() - kChecksumBytes);
  auto table = ParseRecord(entry_.head, record, 0);
  if (!table.ok()) return table.status();
  table_ = std::move(table.value());
  payloads_.resize(entry_.head.segment_bytes.size());
  HoldEmpty();
  return Status::Ok();
}

void PartialEntry::HoldEmpty() {
  size_t held = segments();
  while (held < payloads_.size() && entry_.head.segment_bytes[held] == 0) held++;
  held_.store(held, std::memory_order_release);
}

Status PartialEntry::Add(Bytes payload) {
  const std::lock_guard<std::mutex> lock(adding_);
  const size_t segment = segments();
  if (segment == payloads_.size()) {
    return Status(Code::kUsage, "one segment more", "at most " + Text(segment), where_);
  }
  const std::string where = where_ + ", segment " + Text(segment);
  if (payload.size() != entry_.head.segment_bytes[segment]) {
    return Corruption("a payload of " + Text(payload.size()) + " bytes",
                      Text(entry_.head.segment_bytes[segment]))
        .Within(where);
  }
  const auto blocks = static_cast<size_t>(entry_.head.blocks());
  for (size_t block = 0; block < blocks; block++) {
    const Cell& cell = table_.cells[segment * blocks + block];
    const uint64_t at = table_.offsets[segment * blocks + block] - begins_[segment];
    if (Checksum(payload.data() + at, cell.stored_bytes) != cell.checksum) {
      return Corruption("the checksum does not match").Within(where + ", block " + Text(block));
    }
  }
  payloads_[segment].assign(payload.begin(), payload.end());
  held_.store(segment + 1, std::memory_order_release);
  HoldEmpty();
  return Status::Ok();
}

Result<EntryTable> PartialEntry::ReadTable(size_t) const { return table_; }

Status PartialEntry::Read(uint64_t offset, std::span<uint8_t> out, Bytes* data) const {
  *data = {};
  if (out.empty()) return Status::Ok();
  // A cell lies in one segment; those without a payload begin where the next one does.
  const auto next = std::upper_bound(begins_.begin(), begins_.end(), offset);
  const auto segment = static_cast<size_t>(next - begins_.begin()) - 1;
  if (segment >= segments()) {
    return Status(Code::kUsage, "segment " + Text(segment) + ", which is not held",
                  "one of the first " + Text(segments()), where_);
  }
  *data =
      Bytes(payloads_[segment]).subspan(static_cast<size_t>(offset - begins_[segment]), out.size());
  return Status::Ok();
}

}  // namespace mh
