// All that the rest of the core sees of the kernels: one table of functions per instruction set.
//
// Conventions of every kernel: matrices are row-major; rows that a kernel writes are padded to kPadBytes, and so are
// rows it reads as vectors; outputs come first, then inputs, then sizes. `cols` is the true width, the pad lies beyond.
#pragma once

#include <cstdint>

namespace fastbp {

// Rows are padded to the widest vector of any instruction set, so that layouts (and files) do not depend on it.
constexpr long kPadBytes = 64;

// Memory that a product may pack its operands into.
constexpr long kPackBytes = 1024 * 1024 + 64 * 1024;

// Called with each finished panel of a product: rows [row, row + rows) and columns [col, col + cols) of C, at c.
struct Finish {
  void (*call)(const void* context, void* c, long c_stride, long row, long col, long rows, long cols) = nullptr;
  const void* context = nullptr;
  long row = 0;  // where the product's first row and column lie in a larger one
  long col = 0;
};

// C[m, n] = bias[n] + Σ_k a(m, k)·b[k, n], then finish.
template <typename T>
struct Product {
  T* c;  // (m, n); null: each panel lives in a scratch, rows padded, that only `finish` sees
  long c_stride;
  const T* a;  // a(m, k) = a[m·a_row + k·a_col], read one by one: never beyond (m, k)
  long a_row;
  long a_col;
  const T* b;  // (k, n), rows padded
  long b_stride;
  const T* bias;  // (n), padded; null: zero
  long m;
  long n;
  long k;
  T* pack;  // kPackBytes, aligned to kPadBytes; null: operands are read where they lie
  Finish finish;
};

// a = f(z), in place.  d ⊙= f'(z), where the slope is computed from a.
template <typename T>
struct ActivationKernel {
  const char* name;
  bool by_row;  // needs whole rows (softmax), not just any block of elements
  void (*forward)(T* a, long rows, long cols, long stride);               // (rows, cols)
  void (*backward)(T* d, const T* a, long rows, long cols, long stride);  // (rows, cols) both
};

template <typename T>
struct Targets {
  const T* dense;         // (rows, cols), rows padded; null for sparse losses
  const int32_t* labels;  // (rows); null for dense losses
};

// loss[r] = the loss of row r;  d[r, :] = scale[r]·∂loss[r]/∂output[r, :], pads zero.
// a[r, :] = activation(output[r, :]) if output holds logits and a is not null; a may be output itself.
template <typename T>
using LossRows = void (*)(T* loss, T* d, T* a, const T* output, Targets<T> targets, const T* scale, long rows,
                          long cols, long stride);

template <typename T>
struct LossKernel {
  const char* name;
  bool sparse;             // targets are labels
  const char* activation;  // the activation that on_logits contains; null if the loss has no form on logits
  LossRows<T> on_output;
  LossRows<T> on_logits;
};

// value[r] = the metric of row r.
template <typename T>
struct MetricKernel {
  const char* name;
  bool sparse;
  void (*rows)(T* value, const T* output, Targets<T> targets, long rows, long cols, long stride);
};

constexpr int kMaxSlots = 2;
constexpr int kMaxHyperparameters = 4;

// w changes by the optimiser's rule for the gradient dw; slots move along. All are (rows, cols), whole vectors wide.
template <typename T>
struct OptimizerKernel {
  const char* name;
  int slot_count;
  int hyperparameter_count;
  const char* slot_names[kMaxSlots];
  const char* hyperparameter_names[kMaxHyperparameters];
  // What all parameters share at step `step` (counted from 1), computed once per step in double.
  void (*prepare)(double* shared, const double* hyperparameters, double step);
  void (*update)(T* w, T* const* slots, long stride, const T* dw, long dw_stride, const double* shared, long rows,
                 long cols);
};

// One of the functions of vec_math.h on an array; for tests.
template <typename T>
struct MathKernel {
  const char* name;
  void (*map)(T* y, const T* x, long n);
};

template <typename Entry>
struct List {
  const Entry* entries;
  int count;
  const Entry* begin() const { return entries; }
  const Entry* end() const { return entries + count; }
};

template <typename T>
struct Kernels {
  void (*product)(const Product<T>&);
  void (*transpose)(T* out, long out_stride, const T* in, long in_stride, long rows, long cols);  // out (cols, rows)
  void (*column_sums)(T* sums, const T* x, long rows, long cols, long stride);                    // sums (cols)
  bool (*all_finite)(const T* x, long n);
  List<ActivationKernel<T>> activations;
  List<LossKernel<T>> losses;
  List<MetricKernel<T>> metrics;
  List<OptimizerKernel<T>> optimizers;
  List<MathKernel<T>> math;
};

struct KernelTable {
  const char* name;
  int vector_bytes;
  bool fused_multiply_add;
  Kernels<float> f32;
  Kernels<double> f64;
};

}  // namespace fastbp
