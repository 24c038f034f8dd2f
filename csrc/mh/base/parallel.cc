#include "mh/base/parallel.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

namespace mh {

int UsefulThreads(int wanted, size_t tasks, size_t bytes) {
  constexpr size_t kBytesPerThread = size_t{512} << 10;
  constexpr int kThreadsMax = 256;
  const size_t useful = std::min(tasks, bytes / kBytesPerThread);
  return static_cast<int>(
      std::clamp<size_t>(useful, 1, static_cast<size_t>(std::clamp(wanted, 1, kThreadsMax))));
}

Status ParallelFor(int threads, size_t tasks,
                   const std::function<Status(int worker, size_t task)>& work) {
  std::atomic<size_t> next{0};
  std::mutex mutex;
  Status first;
  size_t first_task = tasks;
  const auto run = [&](int worker) {
    for (;;) {
      const size_t task = next.fetch_add(1);
      if (task >= tasks) return;
      Status status = work(worker, task);
      if (status.ok()) continue;
      next.store(tasks);
      const std::lock_guard<std::mutex> lock(mutex);
      if (task < first_task) {
        first_task = task;
        first = std::move(status);
      }
      return;
    }
  };
  std::vector<std::thread> helpers;
  if (threads > 1) helpers.reserve(static_cast<size_t>(threads) - 1);
  for (int worker = 1; worker < threads; worker++) {
    // std::thread reports refusal by an exception only; the work is done with those there are.
    try {
      helpers.emplace_back(run, worker);
    } catch (const std::system_error&) {
      break;
    }
  }
  run(0);
  for (std::thread& helper : helpers) helper.join();
  return first;
}

}  // namespace mh
