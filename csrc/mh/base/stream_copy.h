// StreamCopy: a copy past the caches.
#ifndef MH_BASE_STREAM_COPY_H_
#define MH_BASE_STREAM_COPY_H_

#include <cstddef>
#include <cstdint>

#include "mh/base/cpu.h"

namespace mh {

// Copies as memcpy does, for output that nobody reads soon: a plain store would first fetch each
// line that it overwrites, and push out what is in use.
void StreamCopy(Cpu cpu, const uint8_t* from, size_t size, uint8_t* to);

}  // namespace mh

#endif  // MH_BASE_STREAM_COPY_H_
