#include "mh/pack/blob.h"

#include <cstring>

#include "mh/base/endian.h"
#include "mh/base/stream_copy.h"

namespace mh {

size_t BlobBytes(const EncodedEntry& entry) {
  size_t size = kBlobHeaderBytes + entry.record.size();
  for (const Bytes& payload : entry.payloads) size += payload.size();
  return size;
}

void WriteBlob(const EncodedEntry& entry, std::span<uint8_t> out) {
  uint8_t* to = out.data();
  std::memcpy(to, kBlobMagic, sizeof(kBlobMagic));
  Store(to + 8, kBlobVersion);
  Store(to + 12, uint32_t{0});
  to += kBlobHeaderBytes;
  std::memcpy(to, entry.record.data(), entry.record.size());
  to += entry.record.size();
  for (const Bytes& payload : entry.payloads) {
    StreamCopy(ActiveCpu(), payload.data(), payload.size(), to);
    to += payload.size();
  }
}

Result<std::shared_ptr<const Blob>> Blob::Open(Bytes data) {
  std::shared_ptr<Blob> blob(new Blob(data));
  if (const Status status = blob->Load(); !status.ok()) return status.Within(blob->name_);
  return std::shared_ptr<const Blob>(std::move(blob));
}

Status Blob::Load() {
  if (data_.size() < kBlobHeaderBytes) {
    return Corruption(std::to_string(data_.size()) + " bytes", "a blob, 16 bytes at least");
  }
  if (std::memcmp(data_.data(), kBlobMagic, sizeof(kBlobMagic)) != 0) {
    return Corruption("other first bytes", "those of a blob");
  }
  const auto version = mh::Load<uint32_t>(data_.data() + 8);
  if (version != kBlobVersion) {
    return Status(Code::kUnsupportedVersion, "blob version " + std::to_string(version),
                  "version 1");
  }
  if (mh::Load<uint32_t>(data_.data() + 12) != 0) return Corruption("a reserved field is not 0");
  const Bytes rest = data_.subspan(kBlobHeaderBytes);
  size_t used = 0;
  auto head = ParseHead(rest, &used);
  if (!head.ok()) return head.status();
  head_ = std::move(head.value());
  uint64_t record_bytes = 0, payloads = 0, size = 0;
  bool fits = RecordBytes(head_, &record_bytes);
  for (const uint64_t bytes : head_.segment_bytes) fits = fits && Add(payloads, bytes, &payloads);
  if (!fits || !Add(record_bytes, payloads, &size) || size != rest.size()) {
    return Corruption(std::to_string(rest.size()) + " bytes after the header",
                      std::to_string(size) + " for what the head says");
  }
  record_bytes_ = static_cast<size_t>(record_bytes);
  return Status::Ok();
}

Result<EntryTable> Blob::ReadTable(size_t) const {
  auto table = ParseRecord(head_, data_.subspan(kBlobHeaderBytes, record_bytes_),
                           kBlobHeaderBytes + record_bytes_);
  if (!table.ok()) return table.status().Within(name_);
  return table;
}

Status Blob::Read(uint64_t offset, std::span<uint8_t> out, Bytes* data) const {
  // Offsets come from a table that was checked against the blob's length.
  *data = data_.subspan(static_cast<size_t>(offset), out.size());
  return Status::Ok();
}

}  // namespace mh
