// Packs in memory files, with their checksums put right: every entry is read through its chain.
#include <sys/mman.h>
#include <unistd.h>

#include <fstream>
#include <iterator>

#include "tests/fuzz/entries.h"
#include "tests/fuzz/reseal.h"

namespace {

using mh_fuzz::Data;
using mh_fuzz::Input;
using mh_fuzz::Output;
using mh_fuzz::Require;

constexpr size_t kChainMax = 8;

// A file that has a name and takes no room on a disk.
class MemoryFile {
 public:
  MemoryFile() : fd_(memfd_create("pack", MFD_CLOEXEC)) {
    Require(fd_ >= 0, "there are memory files");
    path_ = "/proc/self/fd/" + std::to_string(fd_);
  }
  ~MemoryFile() { close(fd_); }
  const std::string& path() const { return path_; }
  void Write(const Data& data) {
    Require(ftruncate(fd_, 0) == 0, "a file can be emptied");
    const ssize_t written = pwrite(fd_, data.data(), data.size(), 0);
    Require(written == static_cast<ssize_t>(data.size()), "a file can be written");
  }

 private:
  int fd_;
  std::string path_;
};

Data PackOf(const std::vector<const mh_fuzz::Entry*>& entries, mh::Preset preset) {
  const mh_test::ScratchPath path;
  auto writer = mh::PackWriter::Create(path.str(), preset);
  if (!writer.ok()) return {};
  for (const mh_fuzz::Entry* entry : entries) {
    if (!writer.value()->Add(entry->input, 1).ok()) return {};
  }
  if (!writer.value()->Finish().ok()) return {};
  std::ifstream file(path.str(), std::ios::binary);
  return Data(std::istreambuf_iterator<char>(file), {});
}

std::vector<Data> Seeds() {
  std::vector<Data> seeds = {Output().Byte(3).Byte(0).Word(0).Word(0).With(PackOf({}, {}))};
  for (const size_t elements : {20, 150}) {
    const std::vector<mh_fuzz::Entry> entries = mh_fuzz::OddEntries(elements);
    for (size_t first = 0; first + 4 <= entries.size(); first += 4) {
      std::vector<const mh_fuzz::Entry*> some;
      for (size_t i = first; i < first + 4; i++) some.push_back(&entries[i]);
      const Data pack = PackOf(some, static_cast<mh::Preset>(seeds.size() % 3));
      seeds.push_back(Output().Byte(3).Byte(first).Word(first).Word(first * 9).With(pack));
    }
  }
  return seeds;
}

// The entry and, as far as the pack has them, those that it stands on; empty if that is too much.
std::vector<mh::Link> ChainOf(const std::shared_ptr<const mh::PackReader>& pack, size_t index) {
  std::vector<mh::Link> chain;
  for (;;) {
    const mh::Head& head = pack->head(index);
    if (head.raw_bytes > mh_fuzz::kArrayBytesMax || chain.size() == kChainMax) return {};
    chain.push_back({pack, index});
    if (!head.is_delta()) return chain;
    const int64_t next = pack->Find(head.base);
    if (next < 0) return chain;
    index = static_cast<size_t>(next);
  }
}

}  // namespace

MH_FUZZ_TARGET(pack) {
  static MemoryFile* const file = new MemoryFile;
  Input input(data, size);
  const uint8_t flags = input.Byte(), planes = input.Byte();
  const uint16_t row_begin = input.Word(), row_end = input.Word();
  Data changed = input.Rest().copy();
  if ((flags & 1) != 0) mh_fuzz::ResealPack((flags & 2) != 0, &changed);
  file->Write(changed);
  const auto opened = mh::PackReader::Open(file->path());
  if (!opened.ok()) return 0;
  const auto& pack = opened.value();
  for (size_t i = 0; i < std::min<size_t>(pack->count(), kChainMax); i++) {
    const bool readable = pack->Verify(i).ok();
    const std::vector<mh::Link> chain = ChainOf(pack, i);
    if (chain.empty()) continue;
    const mh::Head& last = pack->head(chain.back().index);
    const uint64_t base_bytes = last.is_mapped() ? last.mapped.raw_bytes : last.raw_bytes;
    if (base_bytes > mh_fuzz::kArrayBytesMax) continue;
    const Data base = mh_test::Noise(last.is_delta() ? static_cast<size_t>(base_bytes) : 0, flags);
    const auto given = last.is_delta() ? std::optional<mh::Bytes>(base) : std::nullopt;
    const auto whole = mh_fuzz::DecodeWholeAndParts(chain, given, planes, row_begin, row_end);
    Require(whole.empty() || readable, "what decodes has the checksums that it says");
  }
  return 0;
}
