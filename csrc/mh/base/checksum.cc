#include "mh/base/checksum.h"

#include <xxhash.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "mh/base/checksum_x86.h"

namespace mh {

uint64_t Checksum(const void* data, size_t size) {
#ifdef MH_CHECKSUM_AVX2
  if (ActiveCpu() >= Cpu::kAvx2) return ChecksumAvx2(data, size);
#endif
  return XXH3_64bits(data, size);
}

Checksum128 LongChecksum(const void* data, size_t size) {
#ifdef MH_CHECKSUM_AVX2
  if (ActiveCpu() >= Cpu::kAvx2) return LongChecksumAvx2(data, size);
#endif
  const XXH128_hash_t hash = XXH3_128bits(data, size);
  return {hash.low64, hash.high64};
}

namespace {

// FIPS 180-4: the fractional parts of the cube roots of the first 64 primes.
constexpr uint32_t kRound[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

}  // namespace

void Sha256::Compress(const uint8_t* block) {
  uint32_t w[64];
  for (int i = 0; i < 16; i++) {
    uint32_t big;
    std::memcpy(&big, block + 4 * i, 4);
    w[i] = __builtin_bswap32(big);
  }
  for (int i = 16; i < 64; i++) {
    const uint32_t a = w[i - 15], b = w[i - 2];
    const uint32_t s0 = std::rotr(a, 7) ^ std::rotr(a, 18) ^ (a >> 3);
    const uint32_t s1 = std::rotr(b, 17) ^ std::rotr(b, 19) ^ (b >> 10);
    w[i] = w[i - 16] + s0 + w[i - 7] + s1;
  }
  std::array<uint32_t, 8> v = state_;
  for (int i = 0; i < 64; i++) {
    const uint32_t s1 = std::rotr(v[4], 6) ^ std::rotr(v[4], 11) ^ std::rotr(v[4], 25);
    const uint32_t choice = (v[4] & v[5]) ^ (~v[4] & v[6]);
    const uint32_t t1 = v[7] + s1 + choice + kRound[i] + w[i];
    const uint32_t s0 = std::rotr(v[0], 2) ^ std::rotr(v[0], 13) ^ std::rotr(v[0], 22);
    const uint32_t majority = (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]);
    v = {t1 + s0 + majority, v[0], v[1], v[2], v[3] + t1, v[4], v[5], v[6]};
  }
  for (size_t i = 0; i < 8; i++) state_[i] += v[i];
}

void Sha256::Update(const void* data, size_t size) {
  const auto* p = static_cast<const uint8_t*>(data);
  while (size > 0) {
    const size_t filled = size_ % 64;
    const size_t n = std::min(size, 64 - filled);
    std::memcpy(pending_.data() + filled, p, n);
    size_ += n, p += n, size -= n;
    if (size_ % 64 == 0) Compress(pending_.data());
  }
}

Sha256::Digest Sha256::Finish() {
  const uint64_t bits = __builtin_bswap64(size_ * 8);
  const uint8_t one = 0x80, zero = 0;
  Update(&one, 1);
  while (size_ % 64 != 56) Update(&zero, 1);
  Update(&bits, 8);
  Digest digest;
  for (size_t i = 0; i < 8; i++) {
    const uint32_t big = __builtin_bswap32(state_[i]);
    std::memcpy(digest.data() + 4 * i, &big, 4);
  }
  return digest;
}

}  // namespace mh
