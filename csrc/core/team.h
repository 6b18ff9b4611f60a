// The threads of one call: made at its start, joined at its end. So none is there to be lost at a fork, and none spins
// between calls.
//
// All members run the same function, each on its share of every step, and meet at barriers in between. Every element of
// every result has one owner and is computed in the same order whatever the size of the team: results are the same
// bits.
#pragma once

#include <atomic>
#include <exception>
#include <functional>

namespace fastbp {

struct Range {
  long first;
  long last;
  long count() const { return last - first; }
};

// Where the members wait for each other: spinning first, for most waits are shorter than a microsecond; then giving
// way; then asleep, so that a machine with more threads than cores is not starved.
class Barrier {
 public:
  explicit Barrier(int size) : size_(size) {}
  void wait();

 private:
  const int size_;
  alignas(64) std::atomic<int> arrived_{0};
  alignas(64) std::atomic<unsigned> round_{0};
};

class Member {
 public:
  Member(int rank, int size, Barrier* barrier) : rank_(rank), size_(size), barrier_(barrier) {}

  // A team of one, for work that is not worth two.
  static Member alone() { return Member(0, 1, nullptr); }

  int rank() const { return rank_; }
  int size() const { return size_; }
  bool leads() const { return rank_ == 0; }

  void wait() const {
    if (barrier_) barrier_->wait();
  }

  // This member's part of [0, n), in whole units but for the last.
  Range share(long n, long unit) const {
    if (size_ == 1) return {0, n};
    const long units = (n + unit - 1) / unit;
    const long first = units * rank_ / size_ * unit, last = units * (rank_ + 1) / size_ * unit;
    return {first < n ? first : n, last < n ? last : n};
  }

 private:
  int rank_;
  int size_;
  Barrier* barrier_;
};

// Runs f on `size` threads, the caller's among them, and returns when all are done. f must not throw between barriers,
// or the others would wait for ever.
void run_team(int size, const std::function<void(const Member&)>& f);

}  // namespace fastbp
