// PartialEntry: an entry in memory of which leading segments are at hand, as they were fetched.
#ifndef MH_PACK_PARTIAL_ENTRY_H_
#define MH_PACK_PARTIAL_ENTRY_H_

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "mh/pack/entry_source.h"

namespace mh {

// Safe to use from several threads, also while segments are added.
class PartialEntry : public EntrySource {
 public:
  // Takes a record with its checksum, as it lies in a pack; no segment is held yet, but leading
  // ones without a payload are. `where` is what errors call the entry. kCorruption: the record is
  // damaged.
  static Result<std::shared_ptr<PartialEntry>> Create(Bytes record, std::string where);

  // Holds a copy of the payload of the next segment, all blocks of it. What follows without a
  // payload is held then, too. kCorruption: its length or a cell's checksum is wrong, and nothing
  // is kept. kUsage: all segments are held.
  Status Add(Bytes payload);

  const IndexEntry& entry() const { return entry_; }
  size_t segments() const { return held_.load(std::memory_order_acquire); }

  const std::string& path() const override { return where_; }
  size_t count() const override { return 1; }
  const Head& head(size_t) const override { return entry_.head; }
  Result<EntryTable> ReadTable(size_t index) const override;
  std::string Where(size_t) const override { return where_; }

 protected:
  // kUsage: the bytes are those of a segment that is not held.
  Status Read(uint64_t offset, std::span<uint8_t> out, Bytes* data) const override;

 private:
  PartialEntry(std::string where) : where_(std::move(where)) {}
  Status Load(Bytes record);
  void HoldEmpty();

  const std::string where_;
  IndexEntry entry_;
  EntryTable table_;
  // One more than there are segments: where each begins, counted from the first payload.
  std::vector<uint64_t> begins_;
  // As many as there are segments, so that none moves while others are read.
  std::vector<std::vector<uint8_t>> payloads_;
  std::atomic<size_t> held_{0};
  std::mutex adding_;
};

}  // namespace mh

#endif  // MH_PACK_PARTIAL_ENTRY_H_
