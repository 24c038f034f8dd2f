// Files of the core: all system calls on files are here.
#ifndef MH_BASE_FILE_H_
#define MH_BASE_FILE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "mh/base/status.h"

namespace mh {

using Bytes = std::span<const uint8_t>;

// A file opened for reading at given offsets. Safe to use from several threads and after fork.
class InputFile {
 public:
  static Result<std::unique_ptr<InputFile>> Open(const std::string& path);
  ~InputFile();
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  const std::string& path() const { return path_; }
  uint64_t size() const { return size_; }  // When it was opened.

  // Fills `out` from `offset`; kCorruption if the file ends before.
  Status ReadAt(uint64_t offset, std::span<uint8_t> out) const;

 private:
  InputFile(std::string path, int fd, uint64_t size);
  const std::string path_;
  const int fd_;
  const uint64_t size_;
};

// A new file, written front to back. Not safe to use from several threads at once.
class OutputFile {
 public:
  // Creates the file; kConflict if there is one of that name, be it a dangling link.
  static Result<std::unique_ptr<OutputFile>> Create(const std::string& path);
  // Closes, and removes the file unless Close() succeeded. In a forked child: closes only.
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  const std::string& path() const { return path_; }
  uint64_t size() const { return size_; }

  Status Append(Bytes data) { return AppendAll({&data, 1}); }
  Status AppendAll(std::span<const Bytes> parts);
  // Makes the content durable and closes; the name is the caller's to sync, with its folder.
  Status SyncAndClose();

 private:
  OutputFile(std::string path, int fd);
  const std::string path_;
  int fd_;
  const long owner_;  // The process that may remove the file.
  uint64_t size_ = 0;
  bool kept_ = false;
};

}  // namespace mh

#endif  // MH_BASE_FILE_H_
