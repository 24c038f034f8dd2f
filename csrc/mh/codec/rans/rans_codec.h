// The rans cell codec: a plane of bytes by their frequencies.
#ifndef MH_CODEC_RANS_RANS_CODEC_H_
#define MH_CODEC_RANS_RANS_CODEC_H_

#include "mh/base/buffer.h"
#include "mh/base/file.h"
#include "mh/codec/rans/rans_kernel.h"

namespace mh {

struct RansScratch {
  Buffer symbols, stream;
  bool Reserve(size_t bytes);
};

// Returns the payload's length, 0 if it does not fit `out`. REQUIRES: !data.empty()
size_t EncodeRansBytes(RansScratch* scratch, Bytes data, std::span<uint8_t> out);

// Fills `out`. False if the payload is not for so many bytes.
bool DecodeRansBytes(Cpu cpu, RansScratch* scratch, Bytes payload, std::span<uint8_t> out);

}  // namespace mh

#endif  // MH_CODEC_RANS_RANS_CODEC_H_
