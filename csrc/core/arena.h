// Memory: aligned buffers, and the arena in which all parameters of a network lie.
#pragma once

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>

namespace fastbp {

constexpr long kAlignment = 64;  // a cache line and the widest vector

// Products read columns of wide matrices, each element of them from another small page: more of those than a core keeps
// addresses of. Large ones are worth it for memory that stays; to be had, they must be cleared.
constexpr long kLargePage = 2 * 1024 * 1024;  // Linux's
enum class Pages { small, large };

// The width of a row once padded to whole vectors.
template <typename T>
constexpr long padded(long cols) {
  constexpr long pad = kAlignment / static_cast<long>(sizeof(T));
  return (cols + pad - 1) / pad * pad;
}

// `size` zeros. From calloc, so that a large buffer costs no memory before it is written. With large pages it takes as
// many as come nearest to its size, and lies in small ones beyond.
template <typename T>
class AlignedBuffer {
 public:
  AlignedBuffer() = default;
  explicit AlignedBuffer(long size, Pages pages = Pages::large)
      : AlignedBuffer(size, pages, [](long bytes) { return std::calloc(bytes, 1); }) {}

  // Of any content, for what is written before it is read: a large buffer that was used before is not cleared.
  static AlignedBuffer unwritten(long size, Pages pages) {
    return AlignedBuffer(size, pages, [](long bytes) { return std::malloc(bytes); });
  }

  T* data() const { return data_; }

 private:
  AlignedBuffer(long size, Pages pages, void* (*allocate)(long bytes)) {
    const long bytes = size * sizeof(T);
    const long large = pages == Pages::large ? (bytes + kLargePage / 2) / kLargePage * kLargePage : 0;
    const long alignment = large > 0 ? kLargePage : kAlignment;
    memory_.reset(allocate(std::max(bytes, large) + alignment));
    if (!memory_) throw std::bad_alloc();
    const auto address = reinterpret_cast<std::uintptr_t>(memory_.get());
    data_ = reinterpret_cast<T*>((address + alignment - 1) / alignment * alignment);
#if defined(__linux__)
    if (large > 0) ::madvise(data_, large, MADV_HUGEPAGE);  // may be refused, and then they are small
#endif
  }

  struct Free {
    void operator()(void* p) const { std::free(p); }
  };
  std::unique_ptr<void, Free> memory_;
  T* data_ = nullptr;
};

// One matrix of parameters, or one vector (a matrix of one row): where it lies in the arena.
struct Block {
  long offset;
  long rows;
  long cols;
  long stride;
  bool is_vector;
  long size() const { return rows * stride; }
};

// All parameters of a network in one flat buffer. Gradients and each slot of an optimiser have the same layout, so that
// one loop is an optimiser and one copy is a checkpoint. Pads are 0 and stay 0.
template <typename T>
class ParameterArena {
 public:
  Block declare_matrix(long rows, long cols) { return declare(rows, cols, false); }
  Block declare_vector(long size) { return declare(1, size, true); }

  void allocate() {
    values_ = AlignedBuffer<T>(size_);
    gradients_ = AlignedBuffer<T>(size_);
  }

  long size() const { return size_; }
  T* values() const { return values_.data(); }
  T* gradients() const { return gradients_.data(); }

 private:
  Block declare(long rows, long cols, bool is_vector) {
    const Block block = {size_, rows, cols, padded<T>(cols), is_vector};
    size_ += block.size();
    return block;
  }

  long size_ = 0;
  AlignedBuffer<T> values_;
  AlignedBuffer<T> gradients_;
};

}  // namespace fastbp
