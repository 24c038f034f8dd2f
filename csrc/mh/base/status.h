// Status: the outcome of an operation that may fail. Returned by value; expected failures are
// values, never exceptions.
#ifndef MH_BASE_STATUS_H_
#define MH_BASE_STATUS_H_

#include <cassert>
#include <memory>
#include <string>
#include <utility>
#include <variant>

namespace mh {

// Values are not stored on disk; each has a class and kind of modelhub.errors (StatusTable).
enum class Code {
  kOk,
  kUsage,
  kNotFound,
  kConflict,
  kCorruption,
  kUnsupportedVersion,
  kBadInput,
  kBadShape,
  kPermission,
  kNoSpace,
  kIo,
  kTier,
};

class [[nodiscard]] Status {
 public:
  Status() = default;
  static Status Ok() { return Status(); }

  // `found` says what was met, `expected` what should have been, `where` the file and the part of
  // it.
  Status(Code code, std::string found, std::string expected = {}, std::string where = {})
      : rep_(std::make_shared<Rep>(
            Rep{code, std::move(found), std::move(expected), std::move(where)})) {}

  bool ok() const { return rep_ == nullptr; }
  Code code() const { return rep_ ? rep_->code : Code::kOk; }
  const std::string& found() const { return rep_->found; }
  const std::string& expected() const { return rep_->expected; }
  const std::string& where() const { return rep_->where; }

  // Puts `outer` in front of where(). REQUIRES: !ok()
  Status Within(const std::string& outer) const {
    assert(!ok());
    return Status(rep_->code, rep_->found, rep_->expected,
                  rep_->where.empty() ? outer : outer + ", " + rep_->where);
  }

 private:
  struct Rep {
    Code code;
    std::string found, expected, where;
  };
  // Shared, so that a writer can keep its first error and hand it out again.
  std::shared_ptr<const Rep> rep_;
};

// A value, or the Status that says why there is none.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::move(value)) {}
  Result(Status status) : state_(std::move(status)) { assert(!std::get<Status>(state_).ok()); }

  bool ok() const { return std::holds_alternative<T>(state_); }
  Status status() const { return ok() ? Status() : std::get<Status>(state_); }
  // REQUIRES: ok()
  T& value() { return *std::get_if<T>(&state_); }
  const T& value() const { return *std::get_if<T>(&state_); }

 private:
  std::variant<T, Status> state_;
};

#define MH_RETURN_IF_ERROR(expression)                                               \
  do {                                                                               \
    if (::mh::Status mh_status_ = (expression); !mh_status_.ok()) return mh_status_; \
  } while (false)

inline Status Corruption(std::string found, std::string expected = {}) {
  return Status(Code::kCorruption, std::move(found), std::move(expected));
}

// Name of a code, and the class and kind of modelhub.errors that it becomes.
struct StatusRow {
  Code code;
  const char* name;
  const char* error_class;
  const char* kind;
};
inline constexpr StatusRow kStatusTable[] = {
    {Code::kUsage, "usage", "UsageError", "usage"},
    {Code::kNotFound, "not_found", "NotFoundError", "not_found"},
    {Code::kConflict, "conflict", "ConflictError", "conflict"},
    {Code::kCorruption, "corruption", "CorruptionError", "corruption"},
    {Code::kUnsupportedVersion, "unsupported_version", "BadInputError", "unsupported_version"},
    {Code::kBadInput, "bad_input", "BadInputError", "bad_input"},
    {Code::kBadShape, "bad_shape", "BadInputError", "bad_shape"},
    {Code::kPermission, "permission", "PermissionDeniedError", "permission"},
    {Code::kNoSpace, "no_space", "PermissionDeniedError", "no_space"},
    {Code::kIo, "io", "ModelHubError", "error"},
    {Code::kTier, "tier", "RemoteError", "tier"},
};

}  // namespace mh

#endif  // MH_BASE_STATUS_H_
