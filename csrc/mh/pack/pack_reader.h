// PackReader: one pack, its index in memory, its cells read and checked on demand.
#ifndef MH_PACK_PACK_READER_H_
#define MH_PACK_PACK_READER_H_

#include <memory>
#include <string>
#include <vector>

#include "mh/base/checksum.h"
#include "mh/pack/entry_source.h"
#include "mh/pack/pack_file.h"

namespace mh {

// Immutable once open: safe to use from several threads, and after fork.
class PackReader : public EntrySource {
 public:
  // Reads and checks header, trailer and index. kCorruption names the file and the part. A near
  // file without its companion (`far`) serves all that needs no far bytes; the rest is kTier.
  static Result<std::shared_ptr<const PackReader>> Open(const std::string& path,
                                                        const std::string& far = {});

  const std::string& path() const override { return file_->path(); }
  uint64_t file_bytes() const { return file_->size(); }  // Of the whole pack.
  const PackFile& file() const { return *file_; }
  size_t count() const override { return entries_.size(); }
  const Head& head(size_t index) const override { return entries_[index].head; }
  // Content name: SHA-256 of header and index.
  const Sha256::Digest& name() const { return name_; }

  // REQUIRES: index < count()
  const IndexEntry& entry(size_t index) const { return entries_[index]; }

  // Number of the entry with this id, or -1.
  int64_t Find(const Id& id) const;

  // Leading segments of an entry that need no companion. REQUIRES: index < count()
  int NearSegments(size_t index) const;

  Result<EntryTable> ReadTable(size_t index) const override;

  // Reads a payload as it is stored and checks it against its checksum.
  Status ReadPayload(size_t index, const EntryTable& table, size_t cell,
                     std::span<uint8_t> out) const;

  // Checks the checksum of every cell, not whether it decompresses. `near_only` leaves out what
  // lies in a companion.
  Status Verify(size_t index, bool near_only = false) const;

 protected:
  Status Read(uint64_t offset, std::span<uint8_t> out, Bytes* data) const override;

 private:
  explicit PackReader(std::unique_ptr<const PackFile> file) : file_(std::move(file)) {}
  Status Load();
  Status ParseIndex(Bytes index, uint64_t count, uint64_t index_offset);
  Status CheckRuns() const;

  const std::unique_ptr<const PackFile> file_;
  std::vector<IndexEntry> entries_;
  std::vector<uint32_t> by_id_;  // Entry numbers in the order of their ids.
  Sha256::Digest name_{};
};

}  // namespace mh

#endif  // MH_PACK_PACK_READER_H_
