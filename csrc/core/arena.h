// Memory: aligned buffers, and the arena in which all parameters of a network lie.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>

namespace fastbp {

constexpr long kAlignment = 64;  // a cache line and the widest vector

// The width of a row once padded to whole vectors.
template <typename T>
constexpr long padded(long cols) {
  constexpr long pad = kAlignment / static_cast<long>(sizeof(T));
  return (cols + pad - 1) / pad * pad;
}

// `size` zeros. From calloc, so that a large buffer costs no memory before it is written.
template <typename T>
class AlignedBuffer {
 public:
  AlignedBuffer() = default;
  explicit AlignedBuffer(long size) : memory_(std::calloc(size * sizeof(T) + kAlignment, 1)) { align(); }

  // Of any content, for what is written before it is read: a large buffer that was used before is not cleared.
  static AlignedBuffer unwritten(long size) {
    AlignedBuffer buffer;
    buffer.memory_.reset(std::malloc(size * sizeof(T) + kAlignment));
    buffer.align();
    return buffer;
  }

  T* data() const { return data_; }

 private:
  void align() {
    if (!memory_) throw std::bad_alloc();
    const auto address = reinterpret_cast<std::uintptr_t>(memory_.get());
    data_ = reinterpret_cast<T*>((address + kAlignment - 1) / kAlignment * kAlignment);
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
