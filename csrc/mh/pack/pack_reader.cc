#include "mh/pack/pack_reader.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "mh/base/endian.h"

namespace mh {
namespace {

std::string Text(uint64_t n) { return std::to_string(n); }

}  // namespace

Result<std::shared_ptr<const PackReader>> PackReader::Open(const std::string& path,
                                                           const std::string& far) {
  auto file = PackFile::Open(path, far);
  if (!file.ok()) return file.status();
  std::shared_ptr<PackReader> reader(new PackReader(std::move(file.value())));
  if (const Status status = reader->Load(); !status.ok()) {
    return status.where().starts_with(path) ? status : status.Within(path);
  }
  return std::shared_ptr<const PackReader>(std::move(reader));
}

Status PackReader::Load() {
  const uint64_t size = file_->size();
  if (size < kPackHeaderBytes + kPackTrailerBytes) {
    return Corruption("a file of " + Text(size) + " bytes", "a pack, 64 bytes at least");
  }
  uint8_t header[kPackHeaderBytes];
  MH_RETURN_IF_ERROR(file_->ReadAt(0, header));
  if (std::memcmp(header, kPackMagic, sizeof(kPackMagic)) != 0) {
    return Corruption("other first bytes", "those of a pack");
  }
  const auto version = mh::Load<uint32_t>(header + 8);
  if (version != kPackVersion) {
    return Status(Code::kUnsupportedVersion, "pack version " + Text(version), "version 1");
  }
  if (mh::Load<uint32_t>(header + 12) != 0) return Corruption("a reserved field is not 0");
  uint8_t trailer[kPackTrailerBytes];
  MH_RETURN_IF_ERROR(file_->ReadAt(size - kPackTrailerBytes, trailer));
  if (std::memcmp(trailer + 40, kPackEndMagic, sizeof(kPackEndMagic)) != 0) {
    return Corruption("other last bytes", "those of a pack (was it cut short?)");
  }
  if (Checksum(trailer, 32) != mh::Load<uint64_t>(trailer + 32)) {
    return Corruption("the trailer's checksum does not match");
  }
  const auto index_offset = mh::Load<uint64_t>(trailer);
  const auto index_bytes = mh::Load<uint64_t>(trailer + 8);
  const auto count = mh::Load<uint64_t>(trailer + 16);
  uint64_t end = 0;
  if (index_offset < kPackHeaderBytes || !Add(index_offset, index_bytes, &end) ||
      end != size - kPackTrailerBytes) {
    return Corruption("an index of " + Text(index_bytes) + " bytes at " + Text(index_offset),
                      "one that ends where the trailer starts");
  }
  if (file_->RunAt(index_offset) != nullptr) {
    return Corruption("a run that reaches into the index", "runs within entries");
  }
  // The index lies inside the file, so this much memory is declared by the file's own size.
  std::vector<uint8_t> index(static_cast<size_t>(index_bytes));
  MH_RETURN_IF_ERROR(file_->ReadAt(index_offset, index));
  if (Checksum(index.data(), index.size()) != mh::Load<uint64_t>(trailer + 24)) {
    return Corruption("the index's checksum does not match");
  }
  Sha256 name;
  name.Update(header, sizeof(header));
  name.Update(index.data(), index.size());
  name_ = name.Finish();
  MH_RETURN_IF_ERROR(ParseIndex(index, count, index_offset));
  return file_->is_split() ? CheckRuns() : Status::Ok();
}

// A run is what an entry's trailing segments take, whole. So what is read to open a pack, and the
// records, are near.
Status PackReader::CheckRuns() const {
  if (file_->name() != name_) {
    return Corruption("a near file of pack " + HexOf(file_->name()), HexOf(name_));
  }
  auto entry = entries_.begin();
  for (const Run& run : file_->runs()) {
    const auto end = [](const IndexEntry& e) { return e.offset + e.record_bytes + e.stored_bytes; };
    while (entry != entries_.end() && end(*entry) < run.end()) entry++;
    uint64_t begins = 0;
    bool fits = entry != entries_.end() && end(*entry) == run.end();
    if (fits) {
      begins = entry->offset + entry->record_bytes;
      size_t segment = 0;
      const std::vector<uint64_t>& segments = entry->head.segment_bytes;
      while (segment < segments.size() && begins < run.offset) begins += segments[segment++];
      fits = begins == run.offset;
      entry++;
    }
    if (!fits) {
      return Corruption("a run of " + Text(run.bytes) + " bytes at " + Text(run.offset),
                        "the trailing segments of an entry");
    }
  }
  return Status::Ok();
}

int PackReader::NearSegments(size_t index) const {
  const IndexEntry& entry = entries_[index];
  uint64_t begin = entry.offset + entry.record_bytes;
  const Run* run = file_->RunAt(begin);
  int near = 0;
  for (const uint64_t bytes : entry.head.segment_bytes) {
    begin += bytes;
    // A segment without payload is where those before it are.
    if (run != nullptr && run->offset < begin) break;
    near++;
  }
  return near;
}

Status PackReader::ParseIndex(Bytes index, uint64_t count, uint64_t index_offset) {
  if (count > index.size() / (kIndexFixedBytes + kHeadFixedBytes) || count > UINT32_MAX) {
    return Corruption(Text(count) + " entries in an index of " + Text(index.size()) + " bytes",
                      "80 bytes or more for each");
  }
  entries_.reserve(static_cast<size_t>(count));
  uint64_t offset = kPackHeaderBytes;
  for (uint64_t i = 0; i < count; i++) {
    const std::string where = "index entry " + Text(i);
    if (index.size() < kIndexFixedBytes) return Corruption("the index ends early").Within(where);
    IndexEntry entry;
    entry.offset = mh::Load<uint64_t>(index.data());
    entry.record_bytes = mh::Load<uint64_t>(index.data() + 8);
    entry.record_checksum = mh::Load<uint64_t>(index.data() + 16);
    index = index.subspan(kIndexFixedBytes);
    size_t used = 0;
    auto head = ParseHead(index, &used);
    if (!head.ok()) return head.status().Within(where);
    entry.head = std::move(head.value());
    index = index.subspan(used);
    uint64_t record_bytes = 0;
    if (entry.offset != offset || !RecordBytes(entry.head, &record_bytes) ||
        entry.record_bytes != record_bytes) {
      return Corruption(
                 "a record of " + Text(entry.record_bytes) + " bytes at " + Text(entry.offset),
                 Text(record_bytes) + " at " + Text(offset))
          .Within(where);
    }
    bool fits = Add(offset, entry.record_bytes, &offset);
    for (const uint64_t bytes : entry.head.segment_bytes) {
      fits = fits && Add(offset, bytes, &offset);
      entry.stored_bytes += bytes;
    }
    if (!fits || offset > index_offset) {
      return Corruption("an entry that reaches past the index").Within(where);
    }
    entries_.push_back(std::move(entry));
  }
  if (!index.empty() || offset != index_offset) {
    return Corruption("entries end at " + Text(offset) + " and " + Text(index.size()) +
                          " bytes of index are left",
                      Text(index_offset) + " and none");
  }
  by_id_.resize(entries_.size());
  std::iota(by_id_.begin(), by_id_.end(), 0u);
  const auto id = [&](uint32_t i) -> const Id& { return entries_[i].head.id; };
  std::sort(by_id_.begin(), by_id_.end(), [&](auto a, auto b) { return id(a) < id(b); });
  for (size_t i = 1; i < by_id_.size(); i++) {
    if (id(by_id_[i - 1]) == id(by_id_[i])) {
      return Corruption("two entries of id " + HexOf(id(by_id_[i])), "distinct ids");
    }
  }
  return Status::Ok();
}

int64_t PackReader::Find(const Id& id) const {
  const auto it =
      std::lower_bound(by_id_.begin(), by_id_.end(), id,
                       [&](uint32_t i, const Id& key) { return entries_[i].head.id < key; });
  return it != by_id_.end() && entries_[*it].head.id == id ? static_cast<int64_t>(*it) : -1;
}

Result<EntryTable> PackReader::ReadTable(size_t index) const {
  const IndexEntry& entry = entries_[index];
  const Head& head = entry.head;
  // Its length follows from the head and lies inside the file.
  std::vector<uint8_t> record(static_cast<size_t>(entry.record_bytes));
  MH_RETURN_IF_ERROR(file_->ReadAt(entry.offset, record));
  if (mh::Load<uint64_t>(record.data() + record.size() - kChecksumBytes) != entry.record_checksum) {
    return Corruption("the record's checksum does not match").Within(Where(index));
  }
  auto table = ParseRecord(head, record, entry.offset + entry.record_bytes);
  return table.ok() ? Result<EntryTable>(std::move(table.value()))
                    : table.status().Within(Where(index));
}

Status PackReader::Read(uint64_t offset, std::span<uint8_t> out, Bytes* data) const {
  *data = out;
  return file_->ReadAt(offset, out);
}

Status PackReader::ReadPayload(size_t index, const EntryTable& table, size_t cell,
                               std::span<uint8_t> out) const {
  const uint64_t blocks = entries_[index].head.blocks();
  Bytes payload;
  return GetPayload(index, table, cell / blocks, cell % blocks, out, &payload);
}

Status PackReader::Verify(size_t index, bool near_only) const {
  const auto table = ReadTable(index);
  if (!table.ok()) return table.status();
  std::vector<uint8_t> payload;
  const size_t near = static_cast<size_t>(NearSegments(index)) * entries_[index].head.blocks();
  const size_t cells = near_only ? near : table.value().cells.size();
  for (size_t i = 0; i < cells; i++) {
    payload.resize(table.value().cells[i].stored_bytes);
    MH_RETURN_IF_ERROR(ReadPayload(index, table.value(), i, payload));
  }
  return Status::Ok();
}

}  // namespace mh
