// Checksums of blocks and names of packs.
#ifndef MH_BASE_CHECKSUM_H_
#define MH_BASE_CHECKSUM_H_

#include <array>
#include <cstddef>
#include <cstdint>

namespace mh {

// XXH3-64, seed 0: faster than memory here, where CRC-32 would cost as much as decoding.
uint64_t Checksum(const void* data, size_t size);

// XXH3-128, seed 0, for what is told apart by its hash alone.
struct Checksum128 {
  uint64_t low, high;
};
Checksum128 LongChecksum(const void* data, size_t size);

// SHA-256, for the content name of a pack. Plain code: it sees an index, some kilobytes.
class Sha256 {
 public:
  using Digest = std::array<uint8_t, 32>;
  void Update(const void* data, size_t size);
  // REQUIRES: called once, last.
  Digest Finish();

 private:
  void Compress(const uint8_t* block);
  std::array<uint32_t, 8> state_ = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                    0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<uint8_t, 64> pending_{};
  uint64_t size_ = 0;
};

}  // namespace mh

#endif  // MH_BASE_CHECKSUM_H_
