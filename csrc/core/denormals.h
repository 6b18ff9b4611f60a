// Numbers too small for a full mantissa, which many processors compute a hundred times as slowly as others.
#pragma once

namespace fastbp {

// For its lifetime this thread takes them for 0, as operands and as results. Adam's slots of a unit that no longer
// fires shrink by a constant factor each step, so in a long training they would all get there.
class FlushDenormals {
 public:
#if defined(__x86_64__)
  FlushDenormals() : before_(__builtin_ia32_stmxcsr()) { __builtin_ia32_ldmxcsr(before_ | kBoth); }
  ~FlushDenormals() { __builtin_ia32_ldmxcsr(before_); }

 private:
  static constexpr unsigned kBoth = 0x8040;  // flush to zero, denormals are zeros
  unsigned before_;
#elif defined(__aarch64__)
  FlushDenormals() {
    asm volatile("mrs %0, fpcr" : "=r"(before_));
    asm volatile("msr fpcr, %0" : : "r"(before_ | kFlush));
  }
  ~FlushDenormals() { asm volatile("msr fpcr, %0" : : "r"(before_)); }

 private:
  static constexpr unsigned long kFlush = 1ul << 24;
  unsigned long before_;
#else
  FlushDenormals() {}
  ~FlushDenormals() {}
#endif
};

}  // namespace fastbp
