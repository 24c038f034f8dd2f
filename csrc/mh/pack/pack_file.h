// PackFile: the bytes of a pack, be it one file or a near file and its companion.
// docs/formats/tier.md.
#ifndef MH_PACK_PACK_FILE_H_
#define MH_PACK_PACK_FILE_H_

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "mh/base/file.h"

namespace mh {

inline constexpr uint32_t kTierVersion = 1;
inline constexpr uint8_t kNearMagic[8] = {0x8d, 'M', 'H', 'N', 'E', 'A', 'R', '\n'};
inline constexpr uint8_t kLowMagic[8] = {0x8d, 'M', 'H', 'L', 'O', 'W', 'B', '\n'};
inline constexpr size_t kNearHeaderBytes = 96;  // Before the table of runs.
inline constexpr size_t kRunBytes = 16;
inline constexpr size_t kLowHeaderBytes = 64;

// A run of a pack's bytes that lies in its companion.
struct Run {
  uint64_t offset = 0;  // In the pack.
  uint64_t bytes = 0;
  uint64_t before = 0;  // Bytes of the runs before it; not on disk.
  uint64_t end() const { return offset + bytes; }
};

// Immutable once open: safe to use from several threads, and after fork.
class PackFile {
 public:
  using Digest = std::array<uint8_t, 32>;

  // Opens a whole pack or a near file; with `far` also its companion, whose header and length must
  // be those that the near file tells. kCorruption names the file and what is wrong with it.
  static Result<std::unique_ptr<const PackFile>> Open(const std::string& path,
                                                      const std::string& far);

  const std::string& path() const { return near_->path(); }
  uint64_t size() const { return size_; }  // Of the whole pack.

  // A split pack has runs, in order and without overlap. What follows is for split ones alone.
  bool is_split() const { return split_; }
  bool has_far() const { return far_ != nullptr; }
  const std::vector<Run>& runs() const { return runs_; }
  uint64_t far_bytes() const { return far_bytes_; }
  const Digest& name() const { return name_; }              // Of the pack, as the near file has it.
  const Digest& low_sha256() const { return low_sha256_; }  // Of the companion.

  // Fills `out` from `offset` of the whole pack. kTier if some of it lies in a companion that was
  // not opened.
  Status ReadAt(uint64_t offset, std::span<uint8_t> out) const;

  // The first run that ends after `offset`, or null.
  const Run* RunAt(uint64_t offset) const;

 private:
  explicit PackFile(std::unique_ptr<InputFile> near) : near_(std::move(near)) {}
  Status Load();
  Status LoadRuns(Bytes table);
  Status OpenFar(const std::string& far);

  const std::unique_ptr<InputFile> near_;
  std::unique_ptr<InputFile> far_;
  bool split_ = false;
  uint64_t size_ = 0;
  uint64_t near_begin_ = 0;  // Where the pack's own bytes begin.
  uint64_t far_bytes_ = 0;
  std::vector<Run> runs_;
  Digest name_{}, low_sha256_{};
};

}  // namespace mh

#endif  // MH_PACK_PACK_FILE_H_
