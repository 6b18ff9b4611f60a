// An exception in a team, whose members must all reach the next barrier.
#pragma once

#include <atomic>
#include <exception>
#include <mutex>

namespace fastbp {

// Keeps the first exception that a member reports. The others see at a barrier that there is one.
class Failure {
 public:
  void report(std::exception_ptr error) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!error_) error_ = error;
    happened_ = true;
  }

  bool happened() const { return happened_; }

  // On one thread, when the team is done.
  void rethrow() const {
    if (error_) std::rethrow_exception(error_);
  }

 private:
  std::mutex mutex_;
  std::exception_ptr error_;
  std::atomic<bool> happened_{false};
};

}  // namespace fastbp
