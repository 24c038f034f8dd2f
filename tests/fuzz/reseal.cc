#include "tests/fuzz/reseal.h"

#include "mh/base/checksum.h"
#include "mh/base/endian.h"

namespace mh_fuzz {
namespace {

constexpr size_t kRepairedMax = size_t{1} << 20;

// Where the parts of one entry lie.
struct Places {
  size_t record = 0, head_bytes = 0, record_bytes = 0;
  size_t cells() const { return record + head_bytes; }
  size_t cells_end() const { return record + record_bytes - mh::kChecksumBytes; }
  size_t payloads() const { return record + record_bytes; }
};

// Finds the parts of an entry whose head is at `head` and whose record is at `record`.
bool Find(const Data& data, size_t head, size_t record, mh::Head* parsed, Places* places) {
  size_t used = 0;
  const auto result = mh::ParseHead(mh::Bytes(data).subspan(head), &used);
  if (!result.ok()) return false;
  *parsed = result.value();
  uint64_t record_bytes = 0;
  if (!mh::RecordBytes(*parsed, &record_bytes) || record > data.size() ||
      record_bytes > data.size() - record) {
    return false;
  }
  *places = {record, used, static_cast<size_t>(record_bytes)};
  return true;
}

void Seal(const void* from, size_t size, uint8_t* to) { mh::Store(to, mh::Checksum(from, size)); }

// Seals the payloads as far as they lie within `end`, then the record.
void SealEntry(const Places& places, size_t end, Data* data) {
  size_t payload = places.payloads();
  for (size_t cell = places.cells(); cell < places.cells_end(); cell += mh::kCellBytes) {
    const size_t stored = mh::Load<uint32_t>(data->data() + cell);
    if (payload > end || stored > end - payload) break;
    Seal(data->data() + payload, stored, data->data() + cell + 8);
    payload += stored;
  }
  Seal(data->data() + places.record, places.record_bytes - mh::kChecksumBytes,
       data->data() + places.cells_end());
}

// Makes the lengths in a head the sums of its cells; the sum of all, or more than kRepairedMax.
size_t SumCells(const mh::Head& head, const Places& places, Data* data) {
  const size_t segments = head.segments();
  const auto blocks = static_cast<size_t>(head.blocks());
  uint8_t* const sums = data->data() + places.cells() - 8 * segments;
  size_t all = 0;
  for (size_t s = 0; s < segments; s++) {
    uint64_t sum = 0;
    for (size_t b = 0; b < blocks && all <= kRepairedMax; b++) {
      const auto stored =
          mh::Load<uint32_t>(data->data() + places.cells() + (s * blocks + b) * mh::kCellBytes);
      sum += stored;
      all += stored;
    }
    mh::Store(sums + 8 * s, sum);
  }
  return all;
}

}  // namespace

void ResealBlob(bool repair, Data* blob) {
  mh::Head head;
  Places places;
  if (blob->size() < mh::kBlobHeaderBytes) return;
  if (repair) {
    std::memcpy(blob->data(), mh::kBlobMagic, sizeof(mh::kBlobMagic));
    mh::Store(blob->data() + 8, mh::kBlobVersion);
    mh::Store(blob->data() + 12, uint32_t{0});
  }
  if (!Find(*blob, mh::kBlobHeaderBytes, mh::kBlobHeaderBytes, &head, &places)) return;
  if (repair) {
    const size_t payloads = SumCells(head, places, blob);
    if (payloads > kRepairedMax) return;
    blob->resize(places.payloads() + payloads);
  }
  SealEntry(places, blob->size(), blob);
}

void ResealPack(bool repair, Data* pack) {
  if (pack->size() < mh::kPackHeaderBytes + mh::kPackTrailerBytes) return;
  const size_t trailer_at = pack->size() - mh::kPackTrailerBytes;
  uint8_t* const trailer = pack->data() + trailer_at;
  const auto index_at = static_cast<size_t>(mh::Load<uint64_t>(trailer));
  if (index_at > trailer_at) return;
  if (repair) {
    std::memcpy(pack->data(), mh::kPackMagic, sizeof(mh::kPackMagic));
    mh::Store(pack->data() + 8, mh::kPackVersion);
    mh::Store(pack->data() + 12, uint32_t{0});
    mh::Store(trailer + 8, uint64_t{trailer_at - index_at});
    std::memcpy(trailer + 40, mh::kPackEndMagic, sizeof(mh::kPackEndMagic));
  }
  for (size_t at = index_at; at + mh::kIndexFixedBytes < trailer_at;) {
    mh::Head head;
    Places places;
    uint8_t* const row = pack->data() + at;
    const auto record = static_cast<size_t>(mh::Load<uint64_t>(row));
    if (!Find(*pack, at + mh::kIndexFixedBytes, record, &head, &places)) break;
    if (places.payloads() > index_at) break;
    if (repair) {
      mh::Store(row + 8, uint64_t{places.record_bytes});
      std::memcpy(pack->data() + record, row + mh::kIndexFixedBytes, places.head_bytes);
    }
    SealEntry(places, index_at, pack);
    std::memcpy(row + 16, pack->data() + places.cells_end(), mh::kChecksumBytes);
    at += mh::kIndexFixedBytes + places.head_bytes;
  }
  Seal(pack->data() + index_at, trailer_at - index_at, trailer + 24);
  Seal(trailer, 32, trailer + 32);
}

}  // namespace mh_fuzz
