#include "mh/base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <vector>

namespace mh {
namespace {

Status FromErrno(int error, const char* operation, const std::string& path) {
  Code code = Code::kIo;
  if (error == ENOENT || error == ENOTDIR) code = Code::kNotFound;
  if (error == EACCES || error == EPERM || error == EROFS) code = Code::kPermission;
  if (error == ENOSPC || error == EDQUOT || error == EFBIG) code = Code::kNoSpace;
  if (error == EEXIST) code = Code::kConflict;
  if (error == EISDIR) code = Code::kBadInput;
  return Status(code, std::string(operation) + ": " + std::generic_category().message(error), {},
                path);
}

}  // namespace

InputFile::InputFile(std::string path, int fd, uint64_t size)
    : path_(std::move(path)), fd_(fd), size_(size) {}

InputFile::~InputFile() { close(fd_); }

Result<std::unique_ptr<InputFile>> InputFile::Open(const std::string& path) {
  // O_NONBLOCK: a named pipe in place of a pack must not stop the program.
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return FromErrno(errno, "open", path);
  struct stat info;
  if (fstat(fd, &info) != 0) {
    const int error = errno;
    close(fd);
    return FromErrno(error, "stat", path);
  }
  if (!S_ISREG(info.st_mode)) {
    close(fd);
    return Status(Code::kBadInput, "not a regular file", "a pack", path);
  }
  return std::unique_ptr<InputFile>(new InputFile(path, fd, static_cast<uint64_t>(info.st_size)));
}

Status InputFile::ReadAt(uint64_t offset, std::span<uint8_t> out) const {
  if (offset > size_ || out.size() > size_ - offset) {
    return Status(Code::kCorruption,
                  std::to_string(out.size()) + " bytes at " + std::to_string(offset),
                  "a range within " + std::to_string(size_) + " bytes", path_);
  }
  while (!out.empty()) {
    const ssize_t n = pread(fd_, out.data(), out.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return FromErrno(errno, "read", path_);
    if (n == 0) {
      return Status(Code::kCorruption, "the file ends at " + std::to_string(offset),
                    std::to_string(size_) + " bytes as when it was opened", path_);
    }
    offset += static_cast<uint64_t>(n);
    out = out.subspan(static_cast<size_t>(n));
  }
  return Status::Ok();
}

OutputFile::OutputFile(std::string path, int fd)
    : path_(std::move(path)), fd_(fd), owner_(getpid()) {}

OutputFile::~OutputFile() {
  if (fd_ >= 0) close(fd_);
  // A forked child inherits the object, not the file: removing it would pull it from under the
  // parent.
  if (!kept_ && owner_ == getpid()) (void)unlink(path_.c_str());
}

Result<std::unique_ptr<OutputFile>> OutputFile::Create(const std::string& path) {
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (fd < 0) return FromErrno(errno, "create", path);
  return std::unique_ptr<OutputFile>(new OutputFile(path, fd));
}

Status OutputFile::AppendAll(std::span<const Bytes> parts) {
  constexpr size_t kPartsMax = 512;  // Below the 1024 (IOV_MAX) that Linux takes at once.
  std::vector<iovec> pending;
  size_t next = 0;
  while (next < parts.size()) {
    pending.clear();
    while (next < parts.size() && pending.size() < kPartsMax) {
      const Bytes part = parts[next++];
      if (!part.empty()) pending.push_back({const_cast<uint8_t*>(part.data()), part.size()});
    }
    iovec* head = pending.data();
    size_t left = pending.size();
    while (left > 0) {
      ssize_t n = writev(fd_, head, static_cast<int>(left));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return FromErrno(errno, "write", path_);
      size_ += static_cast<uint64_t>(n);
      while (left > 0 && static_cast<size_t>(n) >= head->iov_len) {
        n -= static_cast<ssize_t>(head->iov_len);
        head++, left--;
      }
      if (left > 0) {
        head->iov_base = static_cast<uint8_t*>(head->iov_base) + n;
        head->iov_len -= static_cast<size_t>(n);
      }
    }
  }
  return Status::Ok();
}

Status OutputFile::SyncAndClose() {
  if (fsync(fd_) != 0) return FromErrno(errno, "sync", path_);
  const int fd = std::exchange(fd_, -1);
  if (close(fd) != 0) return FromErrno(errno, "close", path_);
  kept_ = true;
  return Status::Ok();
}

}  // namespace mh
