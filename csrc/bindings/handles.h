// RAII over what Python owns while the core works on it.
#ifndef BINDINGS_HANDLES_H_
#define BINDINGS_HANDLES_H_

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>
#include <unistd.h>

#include <memory>
#include <string>

#include "bindings/errors.h"
#include "mh/pack/pack_reader.h"
#include "mh/pack/pack_writer.h"

namespace mh_bindings {

// A contiguous buffer, kept alive and in place. Make and destroy it with the GIL held: declare it
// before the release guard.
class BufferHold {
 public:
  BufferHold(pybind11::handle object, bool writable) {
    if (PyObject_GetBuffer(object.ptr(), &view_, writable ? PyBUF_WRITABLE : PyBUF_SIMPLE) != 0) {
      throw pybind11::error_already_set();
    }
  }
  ~BufferHold() { PyBuffer_Release(&view_); }
  BufferHold(const BufferHold&) = delete;
  BufferHold& operator=(const BufferHold&) = delete;

  std::span<uint8_t> span() const {
    return {static_cast<uint8_t*>(view_.buf), static_cast<size_t>(view_.len)};
  }

 private:
  Py_buffer view_{};
};

// Lets other Python threads run until the end of the scope. Unlike py::gil_scoped_release it
// survives the interpreter's exit: there, taking the GIL back ends a daemon thread by unwinding its
// stack, which a destructor may not let through (std::terminate), and which would run destructors
// that need the GIL. Such a thread waits here for the process to end instead, as Python 3.14 has
// it.
class GilRelease {
 public:
  GilRelease() : state_(PyEval_SaveThread()) {}
  ~GilRelease() {
    try {
      PyEval_RestoreThread(state_);
    } catch (...) {
      for (;;) pause();
    }
  }
  GilRelease(const GilRelease&) = delete;
  GilRelease& operator=(const GilRelease&) = delete;

 private:
  PyThreadState* const state_;
};

// What PackReader is in Python. Closing drops the handle; calls that run meanwhile keep theirs.
class ReaderHandle {
 public:
  explicit ReaderHandle(std::shared_ptr<const mh::PackReader> pack)
      : path_(pack->path()), pack_(std::move(pack)) {}
  // Raises UsageError once closed. REQUIRES: the GIL is held, here and in Close()
  std::shared_ptr<const mh::PackReader> pack() const {
    if (pack_ == nullptr) {
      Raise(mh::Status(mh::Code::kUsage, "the pack is closed", "an open reader", path_));
    }
    return pack_;
  }
  void Close() { pack_.reset(); }
  const std::string& path() const { return path_; }

 private:
  const std::string path_;
  std::shared_ptr<const mh::PackReader> pack_;
};

// Raises UsageError unless `index` is an entry of the pack.
size_t CheckIndex(const mh::PackReader& pack, int64_t index);

// Raises UsageError unless `bytes` has the length of an id.
mh::Id IdOf(const pybind11::bytes& bytes);

// Paths are bytes on disk; Python's str holds them with surrogate escapes. PathBytes raises
// TypeError for what is no path, and ValueError for one with a null byte.
pybind11::object PathText(const std::string& path);
std::string PathBytes(pybind11::handle path);

void RegisterReader(pybind11::module_& module);
void RegisterWriter(pybind11::module_& module);
void RegisterChain(pybind11::module_& module);

}  // namespace mh_bindings

#endif  // BINDINGS_HANDLES_H_
