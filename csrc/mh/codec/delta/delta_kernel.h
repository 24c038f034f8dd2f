// Differences of elements against a base, and back, as order-preserving integers; see spec.md.
#ifndef MH_CODEC_DELTA_DELTA_KERNEL_H_
#define MH_CODEC_DELTA_DELTA_KERNEL_H_

#include <cstddef>
#include <cstdint>

namespace mh {

// Written to packs: numbers never change.
enum class ValueKind : uint8_t { kUnsigned = 0, kSigned = 1, kFloat = 2 };

// Bytes of the leading level: 16 bits where elements are longer than that, or half of 8 bytes.
inline constexpr int LevelBytes(int width) { return width <= 2 ? width : width / 2; }
inline constexpr int LevelCount(int width) { return width <= 2 ? 1 : 2; }

// Maps elements to integers that keep the order of their values, and back. Copies those that are no
// floats. `out` may be `in`.
void OrderElements(const uint8_t* in, size_t n, int width, ValueKind kind, uint8_t* out);
void UnorderElements(uint8_t* elements, size_t n, int width, ValueKind kind);

// Zigzag differences of ordered integers, level by level, or their exclusive or.
void DifferLevels(const uint8_t* ordered, const uint8_t* base, size_t n, int width, uint8_t* out);
void ExcludeLevels(const uint8_t* ordered, const uint8_t* base, size_t n, int width, uint8_t* out);

// Applies what DifferLevels or ExcludeLevels wrote for one level (0 is the leading one) to the base
// in `ordered`. `delta` holds elements, of which other levels are not looked at.
void AddLevel(const uint8_t* delta, size_t n, int width, int level, uint8_t* ordered);
void ExcludeLevel(const uint8_t* delta, size_t n, int width, int level, uint8_t* ordered);

// Zeroes the bytes of each element below the leading `planes` ones.
void KeepLeading(uint8_t* elements, size_t n, int width, int planes);

}  // namespace mh

#endif  // MH_CODEC_DELTA_DELTA_KERNEL_H_
