// PackReader: one pack, its index in memory, its cells read and checked on demand.
#ifndef MH_PACK_PACK_READER_H_
#define MH_PACK_PACK_READER_H_

#include <memory>
#include <string>
#include <vector>

#include "mh/base/checksum.h"
#include "mh/pack/pack_format.h"

namespace mh {

// The cells of one entry, checked against its head, and where their payloads lie.
struct EntryTable {
  std::vector<Cell> cells;        // By segment, then block.
  std::vector<uint64_t> offsets;  // In the file, one per cell.
};

// Immutable once open: safe to use from several threads, and after fork.
class PackReader {
 public:
  // Reads and checks header, trailer and index. kCorruption names the file and the part.
  static Result<std::shared_ptr<const PackReader>> Open(const std::string& path);

  const std::string& path() const { return file_->path(); }
  uint64_t file_bytes() const { return file_->size(); }
  size_t count() const { return entries_.size(); }
  // Content name: SHA-256 of header and index.
  const Sha256::Digest& name() const { return name_; }

  // REQUIRES: index < count()
  const IndexEntry& entry(size_t index) const { return entries_[index]; }

  // Number of the entry with this id, or -1.
  int64_t Find(const Id& id) const;

  // Reads the record of an entry and checks it. REQUIRES: index < count()
  Result<EntryTable> ReadTable(size_t index) const;

  // Reads a cell's payload and decodes it into `out`, one byte per element of the block.
  // `payload` is memory of at least as many bytes. Errors name entry, segment and block.
  Status ReadCell(size_t index, const EntryTable& table, size_t segment, uint64_t block,
                  CodecState* state, std::span<uint8_t> payload, std::span<uint8_t> out) const;

  // Reads a payload as it is stored and checks it against its checksum.
  Status ReadPayload(size_t index, const EntryTable& table, size_t cell,
                     std::span<uint8_t> out) const;

  // Checks the checksum of every cell, not whether it decompresses.
  Status Verify(size_t index) const;

 private:
  explicit PackReader(std::unique_ptr<InputFile> file) : file_(std::move(file)) {}
  Status Load();
  Status ParseIndex(Bytes index, uint64_t count, uint64_t index_offset);
  std::string Where(size_t index) const;
  std::string CellWhere(size_t index, size_t segment, uint64_t block) const;

  const std::unique_ptr<InputFile> file_;
  std::vector<IndexEntry> entries_;
  std::vector<uint32_t> by_id_;  // Entry numbers in the order of their ids.
  Sha256::Digest name_{};
};

}  // namespace mh

#endif  // MH_PACK_PACK_READER_H_
