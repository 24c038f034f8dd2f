// Bit streams: numbers appended from the lowest bit of each byte up.
#ifndef MH_BASE_BITS_H_
#define MH_BASE_BITS_H_

#include <bit>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

namespace mh {

// Appends to memory of the caller, who sees to it that it suffices.
class BitWriter {
 public:
  explicit BitWriter(uint8_t* out) : begin_(out), out_(out) {}
  // The low `count` bits of `value`, whose other bits are zero. REQUIRES: count <= 32
  void Put(uint64_t value, int count) {
    held_ |= value << bits_;
    bits_ += count;
    if (bits_ < 32) return;
    const auto full = static_cast<uint32_t>(held_);
    std::memcpy(out_, &full, sizeof(full));
    out_ += sizeof(full);
    held_ >>= 32;
    bits_ -= 32;
  }
  // Elias gamma code of value >= 1: as many zeros as bits follow the leading one, the one, those.
  void PutGamma(uint32_t value) {
    const int tail = std::bit_width(value) - 1;
    Put(uint64_t{1} << tail, tail + 1);
    Put(value & ((uint32_t{1} << tail) - 1), tail);
  }
  // Fills the last byte with zeros; returns the number of bytes written.
  size_t Finish() {
    for (; bits_ > 0; bits_ -= 8, held_ >>= 8) *out_++ = static_cast<uint8_t>(held_);
    bits_ = 0;
    held_ = 0;
    return static_cast<size_t>(out_ - begin_);
  }

 private:
  uint8_t* const begin_;
  uint8_t* out_;
  uint64_t held_ = 0;
  int bits_ = 0;
};

// Reads what BitWriter wrote; past the end it reads zeros and ok() turns false.
class BitReader {
 public:
  explicit BitReader(std::span<const uint8_t> data) : data_(data) {}
  uint32_t Get(int count) {
    if (bits_ < count && data_.size() - at_ >= 4) {
      uint32_t word;
      std::memcpy(&word, data_.data() + at_, sizeof(word));
      held_ |= static_cast<uint64_t>(word) << bits_;
      bits_ += 32;
      at_ += 4;
    }
    while (bits_ < count) {
      uint64_t byte = 0;
      if (at_ < data_.size()) {
        byte = data_[at_++];
      } else {
        ok_ = false;
      }
      held_ |= byte << bits_;
      bits_ += 8;
    }
    const auto value = static_cast<uint32_t>(held_ & ((uint64_t{1} << count) - 1));
    held_ >>= count;
    bits_ -= count;
    return value;
  }
  // Values above 2^16 are refused: nothing here needs them.
  uint32_t GetGamma() {
    int tail = 0;
    while (ok_ && Get(1) == 0) tail++;
    if (tail > 16) ok_ = false;
    return ok_ ? (uint32_t{1} << tail) | Get(tail) : 1;
  }
  bool ok() const { return ok_; }
  // Whole bytes used so far; a byte begun counts.
  size_t used() const { return at_ - static_cast<size_t>(bits_ / 8); }

 private:
  std::span<const uint8_t> data_;
  size_t at_ = 0;
  uint64_t held_ = 0;
  int bits_ = 0;
  bool ok_ = true;
};

// Bytes that `lanes` states carry at `bits` bits each.
inline constexpr size_t CarriedMax(int lanes, int bits) {
  return static_cast<size_t>(lanes * bits) / 8;
}

// Spreads up to CarriedMax bytes over numbers of `bits` bits, adding them to *states.
template <typename T>
void CarryBytes(std::span<const uint8_t> bytes, int bits, std::span<T> states) {
  BitReader reader(bytes);
  size_t left = bytes.size() * 8;
  for (T& state : states) {
    const int take = left < static_cast<size_t>(bits) ? static_cast<int>(left) : bits;
    state = static_cast<T>(state + reader.Get(take));
    left -= static_cast<size_t>(take);
  }
}

// The inverse: each state minus `low` must fit the bits that its number had, which is none where
// the bytes had ended. False if one does not.
template <typename T>
bool TakeCarried(std::span<const T> states, T low, int bits, std::span<uint8_t> bytes) {
  uint8_t room[512];
  BitWriter writer(room);
  size_t left = bytes.size() * 8;
  for (const T state : states) {
    const int take = left < static_cast<size_t>(bits) ? static_cast<int>(left) : bits;
    if (state < low || static_cast<uint64_t>(state - low) >> take != 0) return false;
    writer.Put(state - low, take);
    left -= static_cast<size_t>(take);
  }
  writer.Finish();
  if (!bytes.empty()) std::memcpy(bytes.data(), room, bytes.size());
  return left == 0;
}

}  // namespace mh

#endif  // MH_BASE_BITS_H_
