#include "mh/pack/pack_writer.h"

#include "mh/base/endian.h"

namespace mh {
namespace {

std::string HeaderBytes() {
  std::string header(reinterpret_cast<const char*>(kPackMagic), sizeof(kPackMagic));
  Append(&header, kPackVersion);
  Append(&header, uint32_t{0});
  return header;
}

Bytes AsBytes(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

}  // namespace

size_t PackWriter::IdHash::operator()(const Id& id) const {
  return Load<size_t>(id.data());  // Ids are digests.
}

PackWriter::PackWriter(std::unique_ptr<OutputFile> file, Preset preset)
    : path_(file->path()), preset_(preset), file_(std::move(file)) {}

Result<std::unique_ptr<PackWriter>> PackWriter::Create(const std::string& path, Preset preset) {
  auto file = OutputFile::Create(path);
  if (!file.ok()) return file.status();
  MH_RETURN_IF_ERROR(file.value()->Append(AsBytes(HeaderBytes())));
  std::unique_ptr<PackWriter> writer(new PackWriter(std::move(file.value()), preset));
  writer->bytes_ = kPackHeaderBytes;
  return writer;
}

size_t PackWriter::count() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return count_;
}

uint64_t PackWriter::bytes() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return bytes_;
}

Status PackWriter::CheckOpen(const Id* id) const {
  if (!poison_.ok()) return poison_;
  if (file_ == nullptr) {
    return Status(Code::kUsage, "the pack is finished or aborted", "an open writer", path_);
  }
  if (id != nullptr && ids_.contains(*id)) {
    return Status(Code::kConflict, "entry " + HexOf(*id) + " is in the pack already",
                  "one entry per id", path_);
  }
  return Status::Ok();
}

std::unique_ptr<PackWriter::Workspace> PackWriter::TakeWorkspace() {
  if (idle_.empty()) return std::make_unique<Workspace>();
  auto workspace = std::move(idle_.back());
  idle_.pop_back();
  return workspace;
}

Status PackWriter::AppendEntry(const EncodedEntry& entry, uint64_t* stored) {
  std::vector<Bytes> parts{AsBytes(entry.record)};
  parts.insert(parts.end(), entry.payloads.begin(), entry.payloads.end());
  const uint64_t offset = bytes_;
  if (Status status = file_->AppendAll(parts); !status.ok()) return poison_ = status;
  bytes_ = file_->size();
  *stored = bytes_ - offset;
  const size_t body = entry.record.size() - kChecksumBytes;
  Append(&index_, offset);
  Append(&index_, static_cast<uint64_t>(entry.record.size()));
  index_.append(entry.record, body);  // The checksum.
  index_.append(SerializeHead(entry.head));
  ids_.insert(entry.head.id);
  count_++;
  return Status::Ok();
}

Result<PackWriter::Added> PackWriter::Add(const EntryInput& input, int threads) {
  std::unique_ptr<Workspace> workspace;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    MH_RETURN_IF_ERROR(CheckOpen(&input.head.id));
    workspace = TakeWorkspace();
  }
  const Status coded = EncodeEntry(input, preset_, threads, &workspace->scratch, &workspace->entry);
  const std::lock_guard<std::mutex> lock(mutex_);
  Added added;
  if (coded.ok()) {
    MH_RETURN_IF_ERROR(CheckOpen(&input.head.id));
    MH_RETURN_IF_ERROR(AppendEntry(workspace->entry, &added.stored_bytes));
    added.is_delta = workspace->entry.head.is_delta();
  }
  idle_.push_back(std::move(workspace));
  if (!coded.ok()) return coded.where().empty() ? coded.Within(path_) : coded;
  return added;
}

Status PackWriter::Copy(const PackReader& reader, size_t index) {
  const auto table = reader.ReadTable(index);
  if (!table.ok()) return table.status();
  const std::vector<Cell>& cells = table.value().cells;
  EncodedEntry entry;
  entry.head = reader.entry(index).head;
  if (!entry.arena.Reserve(static_cast<size_t>(reader.entry(index).stored_bytes))) {
    return Status(Code::kIo, "out of memory", {}, path_);
  }
  size_t used = 0;
  for (size_t i = 0; i < cells.size(); i++) {
    const std::span<uint8_t> payload{entry.arena.data() + used, cells[i].stored_bytes};
    MH_RETURN_IF_ERROR(reader.ReadPayload(index, table.value(), i, payload));
    entry.payloads.push_back(payload);
    used += payload.size();
  }
  entry.cells = cells;
  BuildRecord(&entry);
  const std::lock_guard<std::mutex> lock(mutex_);
  MH_RETURN_IF_ERROR(CheckOpen(&entry.head.id));
  uint64_t stored = 0;
  return AppendEntry(entry, &stored);
}

Result<Sha256::Digest> PackWriter::Finish() {
  const std::lock_guard<std::mutex> lock(mutex_);
  MH_RETURN_IF_ERROR(CheckOpen(nullptr));
  const std::string header = HeaderBytes();
  Sha256 name;
  name.Update(header.data(), header.size());
  name.Update(index_.data(), index_.size());
  std::string trailer;
  Append(&trailer, bytes_);
  Append(&trailer, static_cast<uint64_t>(index_.size()));
  Append(&trailer, static_cast<uint64_t>(count_));
  Append(&trailer, Checksum(index_.data(), index_.size()));
  Append(&trailer, Checksum(trailer.data(), trailer.size()));
  trailer.append(reinterpret_cast<const char*>(kPackEndMagic), sizeof(kPackEndMagic));
  const Bytes parts[] = {AsBytes(index_), AsBytes(trailer)};
  Status status = file_->AppendAll(parts);
  if (status.ok()) status = file_->SyncAndClose();
  if (!status.ok()) return poison_ = status;
  bytes_ += index_.size() + trailer.size();
  file_.reset();
  idle_.clear();
  return name.Finish();
}

void PackWriter::Abort() {
  const std::lock_guard<std::mutex> lock(mutex_);
  file_.reset();
  idle_.clear();
}

}  // namespace mh
