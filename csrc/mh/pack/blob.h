// Blobs: one entry on its own in memory. docs/formats/blob.md.
#ifndef MH_PACK_BLOB_H_
#define MH_PACK_BLOB_H_

#include <memory>

#include "mh/pack/entry_encoder.h"
#include "mh/pack/entry_source.h"

namespace mh {

inline constexpr uint32_t kBlobVersion = 1;
inline constexpr uint8_t kBlobMagic[8] = {0x8d, 'M', 'H', 'B', 'L', 'O', 'B', '\n'};
inline constexpr size_t kBlobHeaderBytes = 16;

// Length of the blob of an entry, and its bytes into `out`, which has that length.
size_t BlobBytes(const EncodedEntry& entry);
void WriteBlob(const EncodedEntry& entry, std::span<uint8_t> out);

// A blob in memory of the caller, which must stay as it is meanwhile.
class Blob : public EntrySource {
 public:
  // Checks everything but the payloads.
  static Result<std::shared_ptr<const Blob>> Open(Bytes data);

  const std::string& path() const override { return name_; }
  size_t count() const override { return 1; }
  const Head& head(size_t) const override { return head_; }
  Result<EntryTable> ReadTable(size_t index) const override;

 protected:
  Status Read(uint64_t offset, std::span<uint8_t> out, Bytes* data) const override;

 private:
  explicit Blob(Bytes data) : data_(data) {}
  Status Load();

  const std::string name_ = "the blob";
  const Bytes data_;
  Head head_;
  size_t record_bytes_ = 0;
};

}  // namespace mh

#endif  // MH_PACK_BLOB_H_
