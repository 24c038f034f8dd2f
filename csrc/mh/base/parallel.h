// ParallelFor: the one way the core uses threads.
#ifndef MH_BASE_PARALLEL_H_
#define MH_BASE_PARALLEL_H_

#include <cstddef>
#include <functional>

#include "mh/base/status.h"

namespace mh {

// Threads that `tasks` tasks of `bytes` bytes in all can make use of, between 1 and `wanted`.
// Starting one costs about 30 us, the coding of some 64 KiB; so each gets at least 512 KiB.
int UsefulThreads(int wanted, size_t tasks, size_t bytes);

// Calls work(worker, task) once for every task in [0, tasks), on `threads` threads of which the
// caller is one; worker < threads is unique among the calls that run at the same time. After a
// failure no new task starts, and the failure of the smallest failed task is returned.
// Threads live for the call only, so a fork between calls is safe. If the system refuses a thread,
// fewer do the work. REQUIRES: work does not throw.
Status ParallelFor(int threads, size_t tasks,
                   const std::function<Status(int worker, size_t task)>& work);

}  // namespace mh

#endif  // MH_BASE_PARALLEL_H_
