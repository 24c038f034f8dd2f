// RAII over what Python owns while the core works on it.
#ifndef BINDINGS_HANDLES_H_
#define BINDINGS_HANDLES_H_

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "bindings/errors.h"
#include "mh/chain/chain_decode.h"
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

// The link of a chain that a pair (PackReader or PartialEntry, entry number) stands for. Raises
// TypeError for what is no such pair, and UsageError for an entry that is not there.
mh::Link LinkOf(pybind11::handle item);

// Raises UsageError unless `bytes` has the length of an id.
mh::Id IdOf(const pybind11::bytes& bytes);

// Paths are bytes on disk; Python's str holds them with surrogate escapes. PathBytes raises
// TypeError for what is no path, and ValueError for one with a null byte.
pybind11::object PathText(const std::string& path);
std::string PathBytes(pybind11::handle path);

// Raises UsageError unless `name` is a preset.
mh::Preset PresetOf(const std::string& name);

// Raises UsageError unless `value` fits a byte.
uint8_t SmallNumber(int64_t value, const char* what);

// dtype_code, width, value_kind of an array.
using TypeNumbers = std::array<int64_t, 3>;
void FillType(const TypeNumbers& numbers, const std::vector<int64_t>& shape, uint8_t* dtype_code,
              mh::ElementType* type, std::vector<uint64_t>* dims);

// What a base is: dtype_code, width, value_kind, shape, conversion.
using BaseAs = std::tuple<int64_t, int64_t, int64_t, std::vector<int64_t>, int64_t>;
// Sets the input's base: like the array itself if `base_as` is not given. Id and depth are left.
void FillBase(const std::optional<BaseAs>& base_as, mh::Bytes data, mh::EntryInput* input);

void RegisterCodec(pybind11::module_& module);
void RegisterReader(pybind11::module_& module);
void RegisterPartial(pybind11::module_& module);
void RegisterWriter(pybind11::module_& module);
void RegisterChain(pybind11::module_& module);

}  // namespace mh_bindings

#endif  // BINDINGS_HANDLES_H_
