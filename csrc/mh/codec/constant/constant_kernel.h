// The constant codec: a cell whose bytes are all equal has no payload; see spec.md.
#ifndef MH_CODEC_CONSTANT_CONSTANT_KERNEL_H_
#define MH_CODEC_CONSTANT_CONSTANT_KERNEL_H_

#include <cstring>

#include "mh/base/file.h"

namespace mh {

// REQUIRES: !data.empty()
inline bool IsConstant(Bytes data) {
  return std::memcmp(data.data(), data.data() + 1, data.size() - 1) == 0;
}

}  // namespace mh

#endif  // MH_CODEC_CONSTANT_CONSTANT_KERNEL_H_
