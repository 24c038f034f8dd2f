// PackWriter: writes one pack, front to back.
#ifndef MH_PACK_PACK_WRITER_H_
#define MH_PACK_PACK_WRITER_H_

#include <memory>
#include <mutex>
#include <string>
#include <unordered_set>
#include <vector>

#include "mh/base/checksum.h"
#include "mh/pack/entry_encoder.h"
#include "mh/pack/pack_reader.h"

namespace mh {

// Safe to use from several threads: arrays are coded side by side, written one after the other.
// Until Finish() succeeds, destroying the writer removes the file. After a failed write (the first
// error that may have left part of an entry) every call returns that error.
class PackWriter {
 public:
  // Creates the file; kConflict if it exists.
  static Result<std::unique_ptr<PackWriter>> Create(const std::string& path, Preset preset);

  struct Added {
    uint64_t stored_bytes = 0;  // Record and payloads.
    bool is_delta = false;
  };
  // Codes and appends an entry. kConflict if the pack has the id already, kBadInput and kBadShape
  // if the input breaks the format's rules; none of these harms the pack.
  Result<Added> Add(const EntryInput& input, int threads);

  // Appends an entry of another pack as it is stored, every checksum verified.
  Status Copy(const PackReader& reader, size_t index);

  // Writes index and trailer, syncs the file and closes it. Returns the content name.
  Result<Sha256::Digest> Finish();

  // Closes and removes the file; no call may follow but this.
  void Abort();

  const std::string& path() const { return path_; }
  size_t count() const;
  uint64_t bytes() const;  // Written so far, without the index.

 private:
  PackWriter(std::unique_ptr<OutputFile> file, Preset preset);
  struct Workspace {
    EncodedEntry entry;
    ScratchList scratch;
  };
  std::unique_ptr<Workspace> TakeWorkspace();
  Status CheckOpen(const Id* id) const;                             // REQUIRES: mutex_ held
  Status AppendEntry(const EncodedEntry& entry, uint64_t* stored);  // Same.

  const std::string path_;
  const Preset preset_;
  mutable std::mutex mutex_;
  std::unique_ptr<OutputFile> file_;  // Null once finished or aborted.
  Status poison_;
  std::string index_;
  size_t count_ = 0;
  uint64_t bytes_ = 0;
  struct IdHash {
    size_t operator()(const Id& id) const;
  };
  std::unordered_set<Id, IdHash> ids_;
  std::vector<std::unique_ptr<Workspace>> idle_;
};

}  // namespace mh

#endif  // MH_PACK_PACK_WRITER_H_
