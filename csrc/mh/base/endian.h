// Little-endian numbers in byte buffers, and arithmetic that says so when it would wrap (false).
#ifndef MH_BASE_ENDIAN_H_
#define MH_BASE_ENDIAN_H_

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <type_traits>

namespace mh {

static_assert(std::endian::native == std::endian::little,
              "the plane kernels and the formats assume a little-endian machine");

template <typename T>
inline T Load(const uint8_t* p) {
  static_assert(std::is_trivially_copyable_v<T>);
  T value;
  std::memcpy(&value, p, sizeof(T));
  return value;
}

template <typename T>
inline void Store(uint8_t* p, T value) {
  std::memcpy(p, &value, sizeof(T));
}

template <typename T>
inline void Append(std::string* out, T value) {
  out->append(reinterpret_cast<const char*>(&value), sizeof(T));
}

inline bool Add(uint64_t a, uint64_t b, uint64_t* out) {
  return !__builtin_add_overflow(a, b, out);
}

inline bool Multiply(uint64_t a, uint64_t b, uint64_t* out) {
  return !__builtin_mul_overflow(a, b, out);
}

}  // namespace mh

#endif  // MH_BASE_ENDIAN_H_
