#include "core/team.h"

#if defined(__linux__)
#include <sched.h>
#endif

#include <thread>
#include <vector>

namespace fastbp {
namespace {

constexpr int kSpins = 2000;  // some 20 µs: longer than the unevenness of two shares
constexpr int kYields = 200;

void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

// Puts this thread, the rank-th of a team, on a processor of its own, and leaves it free to move on. A new thread may
// begin on the processor of the one that woke it, and as both keep busy it takes the scheduler milliseconds to part
// them: measured 85 µs a step instead of 17 for the first 300 steps of a call.
void start_apart(int rank, int lead) {
#if defined(__linux__)
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0 || rank >= CPU_COUNT(&allowed)) return;
  int next = lead;
  for (int i = 0; i < rank; ++i) {
    do next = (next + 1) % CPU_SETSIZE;
    while (!CPU_ISSET(next, &allowed));
  }
  cpu_set_t only;
  CPU_ZERO(&only);
  CPU_SET(next, &only);
  if (sched_setaffinity(0, sizeof only, &only) == 0) sched_setaffinity(0, sizeof allowed, &allowed);
#else
  (void)rank, (void)lead;
#endif
}

int this_processor() {
#if defined(__linux__)
  return sched_getcpu();
#else
  return 0;
#endif
}

}  // namespace

void Barrier::wait() {
  const unsigned round = round_.load(std::memory_order_relaxed);
  if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == size_) {
    arrived_.store(0, std::memory_order_relaxed);
    round_.store(round + 1);  // not `release`: notify_all then looks whether anybody sleeps, and must not look first
    round_.notify_all();
    return;
  }
  for (int i = 0; i < kSpins + kYields; ++i) {
    if (round_.load(std::memory_order_acquire) != round) return;
    i < kSpins ? relax() : std::this_thread::yield();
  }
  round_.wait(round, std::memory_order_acquire);
}

void run_team(int size, const std::function<void(const Member&)>& f) {
  if (size <= 1) {
    f(Member::alone());
    return;
  }
  Barrier barrier(size);
  int lead = 0;  // the caller's processor, known once it says go
  std::vector<std::thread> threads;
  threads.reserve(size - 1);
  // Nobody starts before all are there: should a thread not be had, those that are give up.
  std::atomic<int> go{0};
  const auto release = [&](int value) {
    go.store(value);  // as in Barrier::wait
    go.notify_all();
  };
  try {
    for (int rank = 1; rank < size; ++rank) {
      threads.emplace_back([&, rank] {
        go.wait(0, std::memory_order_acquire);
        if (go.load(std::memory_order_acquire) != 1) return;
        start_apart(rank, lead);
        f(Member(rank, size, &barrier));
      });
    }
  } catch (const std::system_error&) {
    release(2);
    for (std::thread& thread : threads) thread.join();
    f(Member::alone());
    return;
  }
  lead = this_processor();
  release(1);
  f(Member(0, size, &barrier));
  for (std::thread& thread : threads) thread.join();
}

}  // namespace fastbp
