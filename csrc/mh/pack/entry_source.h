// EntrySource: where entries are read from, a pack or a blob in memory.
#ifndef MH_PACK_ENTRY_SOURCE_H_
#define MH_PACK_ENTRY_SOURCE_H_

#include <string>
#include <vector>

#include "mh/pack/pack_format.h"

namespace mh {

// The cells of one entry, checked against its head, and where their payloads lie.
struct EntryTable {
  std::vector<Cell> cells;        // By segment, then block.
  std::vector<uint64_t> offsets;  // In the file or blob, one per cell.
};

// Safe to use from several threads.
class EntrySource {
 public:
  virtual ~EntrySource() = default;

  virtual const std::string& path() const = 0;
  virtual size_t count() const = 0;
  // REQUIRES: index < count()
  virtual const Head& head(size_t index) const = 0;

  // Reads the record of an entry and checks it. REQUIRES: index < count()
  virtual Result<EntryTable> ReadTable(size_t index) const = 0;

  // Hands out a cell's payload and checks it against its checksum. It may be read to `into`, which
  // is at least as long, or point into memory of the source. Errors name entry, segment and block.
  Status GetPayload(size_t index, const EntryTable& table, size_t segment, uint64_t block,
                    std::span<uint8_t> into, Bytes* payload) const;

  // "PATH, entry N (ID)".
  virtual std::string Where(size_t index) const;
  std::string CellWhere(size_t index, size_t segment, uint64_t block) const;

 protected:
  // Sets *data to out.size() bytes from `offset`, in `out` or elsewhere.
  virtual Status Read(uint64_t offset, std::span<uint8_t> out, Bytes* data) const = 0;
};

// Checks the bytes of a record (with its checksum) against the head and checksum that its index
// gives, and parses its cells. `payloads` is the offset of the first payload.
Result<EntryTable> ParseRecord(const Head& head, Bytes record, uint64_t payloads);

}  // namespace mh

#endif  // MH_PACK_ENTRY_SOURCE_H_
