#include "mh/pack/pack_file.h"

#include <algorithm>
#include <cstring>

#include "mh/base/checksum.h"
#include "mh/base/endian.h"
#include "mh/pack/pack_format.h"

namespace mh {
namespace {

std::string Text(uint64_t n) { return std::to_string(n); }

Status CheckVersion(const uint8_t* header) {
  const auto version = Load<uint32_t>(header + 8);
  if (version != kTierVersion) {
    return Status(Code::kUnsupportedVersion, "tier format version " + Text(version), "version 1");
  }
  if (Load<uint32_t>(header + 12) != 0) return Corruption("a reserved field is not 0");
  return Status::Ok();
}

}  // namespace

Result<std::unique_ptr<const PackFile>> PackFile::Open(const std::string& path,
                                                       const std::string& far) {
  auto near = InputFile::Open(path);
  if (!near.ok()) return near.status();
  std::unique_ptr<PackFile> file(new PackFile(std::move(near.value())));
  if (const Status status = file->Load(); !status.ok()) {
    return status.where().starts_with(path) ? status : status.Within(path);
  }
  if (!far.empty() && file->split_) {
    if (const Status status = file->OpenFar(far); !status.ok()) {
      return status.where().starts_with(far) ? status : status.Within(far);
    }
  }
  return std::unique_ptr<const PackFile>(std::move(file));
}

Status PackFile::Load() {
  size_ = near_->size();
  uint8_t header[kNearHeaderBytes];
  if (near_->size() < sizeof(kNearMagic)) return Status::Ok();  // No pack either: its reader says.
  MH_RETURN_IF_ERROR(near_->ReadAt(0, {header, sizeof(kNearMagic)}));
  if (std::memcmp(header, kNearMagic, sizeof(kNearMagic)) != 0) return Status::Ok();
  if (near_->size() < kNearHeaderBytes + 8) {
    return Corruption("a file of " + Text(near_->size()) + " bytes", "a near file, 104 at least");
  }
  MH_RETURN_IF_ERROR(near_->ReadAt(0, header));
  MH_RETURN_IF_ERROR(CheckVersion(header));
  split_ = true;
  name_ = mh::Load<Digest>(header + 16);
  size_ = mh::Load<uint64_t>(header + 48);
  low_sha256_ = mh::Load<Digest>(header + 56);
  const auto count = mh::Load<uint64_t>(header + 88);
  if (count > (near_->size() - kNearHeaderBytes - 8) / kRunBytes) {
    return Corruption("a table of " + Text(count) + " runs", "one that the file can hold");
  }
  // The table lies inside the file, so this much memory is declared by the file's own size.
  std::vector<uint8_t> table(kNearHeaderBytes + static_cast<size_t>(count) * kRunBytes + 8);
  MH_RETURN_IF_ERROR(near_->ReadAt(0, table));
  near_begin_ = table.size();
  const size_t body = table.size() - 8;
  if (Checksum(table.data(), body) != mh::Load<uint64_t>(table.data() + body)) {
    return Corruption("the checksum of the table of runs does not match");
  }
  return LoadRuns(Bytes(table).subspan(kNearHeaderBytes, body - kNearHeaderBytes));
}

Status PackFile::LoadRuns(Bytes table) {
  // Header and trailer are near in any case; that the index and the records are, the reader checks.
  uint64_t end = kPackHeaderBytes;
  const uint64_t limit = size_ < kPackTrailerBytes ? 0 : size_ - kPackTrailerBytes;
  for (size_t i = 0; i < table.size() / kRunBytes; i++) {
    Run run;
    run.offset = mh::Load<uint64_t>(table.data() + i * kRunBytes);
    run.bytes = mh::Load<uint64_t>(table.data() + i * kRunBytes + 8);
    run.before = far_bytes_;
    uint64_t run_end = 0;
    if (run.bytes == 0 || run.offset < end || !Add(run.offset, run.bytes, &run_end) ||
        run_end > limit) {
      return Corruption(
          "run " + Text(i) + " of " + Text(run.bytes) + " bytes at " + Text(run.offset),
          "one after " + Text(end) + " and within " + Text(limit));
    }
    end = run_end;
    far_bytes_ += run.bytes;  // At most size_.
    runs_.push_back(run);
  }
  if (near_->size() - near_begin_ != size_ - far_bytes_) {
    return Corruption(Text(near_->size() - near_begin_) + " bytes after the table",
                      Text(size_ - far_bytes_) + " (was it cut short?)");
  }
  return Status::Ok();
}

Status PackFile::OpenFar(const std::string& far) {
  auto file = InputFile::Open(far);
  if (!file.ok()) return file.status();
  const uint64_t size = file.value()->size();
  if (size < kLowHeaderBytes || size - kLowHeaderBytes != far_bytes_) {
    return Corruption("a companion of " + Text(size) + " bytes",
                      Text(kLowHeaderBytes + far_bytes_) + " (was it cut short?)");
  }
  uint8_t header[kLowHeaderBytes];
  MH_RETURN_IF_ERROR(file.value()->ReadAt(0, header));
  if (std::memcmp(header, kLowMagic, sizeof(kLowMagic)) != 0) {
    return Corruption("other first bytes", "those of a companion");
  }
  MH_RETURN_IF_ERROR(CheckVersion(header));
  if (Checksum(header, 56) != mh::Load<uint64_t>(header + 56)) {
    return Corruption("the header's checksum does not match");
  }
  if (mh::Load<Digest>(header + 16) != name_ || mh::Load<uint64_t>(header + 48) != far_bytes_) {
    return Corruption("the companion of another pack", "that of " + path());
  }
  far_ = std::move(file.value());
  return Status::Ok();
}

const Run* PackFile::RunAt(uint64_t offset) const {
  const auto it = std::partition_point(runs_.begin(), runs_.end(),
                                       [&](const Run& run) { return run.end() <= offset; });
  return it == runs_.end() ? nullptr : &*it;
}

Status PackFile::ReadAt(uint64_t offset, std::span<uint8_t> out) const {
  if (!split_) return near_->ReadAt(offset, out);
  if (offset > size_ || out.size() > size_ - offset) {
    return Corruption(Text(out.size()) + " bytes at " + Text(offset),
                      "a range within " + Text(size_) + " bytes")
        .Within(path());
  }
  const Run* run = RunAt(offset);
  const Run* const last = runs_.data() + runs_.size();
  while (!out.empty()) {
    const bool here = run == nullptr || run == last || offset < run->offset;
    const uint64_t limit = run == nullptr || run == last ? size_ : here ? run->offset : run->end();
    const size_t n = static_cast<size_t>(std::min<uint64_t>(out.size(), limit - offset));
    if (here) {
      const uint64_t before = run == nullptr || run == last ? far_bytes_ : run->before;
      MH_RETURN_IF_ERROR(near_->ReadAt(near_begin_ + offset - before, out.first(n)));
    } else {
      if (far_ == nullptr) {
        return Status(Code::kTier, "bytes that lie in the pack's companion, which is not at hand",
                      "the companion", path());
      }
      const uint64_t at = kLowHeaderBytes + run->before + (offset - run->offset);
      MH_RETURN_IF_ERROR(far_->ReadAt(at, out.first(n)));
      run++;
    }
    offset += n;
    out = out.subspan(n);
  }
  return Status::Ok();
}

}  // namespace mh
