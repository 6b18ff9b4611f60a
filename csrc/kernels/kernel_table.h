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
constexpr long kPackBytes = 1152 * 1024;

// Called with each finished panel of a product: rows [row, row + rows) and columns [col, col + cols) of C, at c.
struct Finish {
  void (*call)(const void* context, void* c, long c_stride, long row, long col, long rows, long cols) = nullptr;
  const void* context = nullptr;
  long row = 0;  // where the product's first row and column lie in a larger one
  long col = 0;
};

// C[m, n] = bias + Σ_k a(m, k)·b[k, n], then finish.
template <typename T>
struct Product {
  T* c;  // (m, n); null: each panel lives in a scratch, rows padded, that only `finish` sees
  long c_stride;
  const T* a;  // a(m, k) = a[m·a_row + k·a_col], read one by one: never beyond (m, k)
  long a_row;
  long a_col;
  const T* b;  // (k, n), rows padded
  long b_stride;
  const T* bias;     // null: zero
  bool bias_by_row;  // bias (m), else (n), padded
  bool accumulate;   // C += instead; without bias
  bool in_parts;     // a single row's sums may be made of parts: faster if it is short, in other bits than among others
  long m;
  long n;
  long k;
  T* pack;  // kPackBytes, aligned to kPadBytes; null: operands are read where they lie
  Finish finish;
};

// A sparse matrix: the entries of row r are those from starts[r] to starts[r + 1], in any order. Those of one column
// add up.
template <typename T>
struct SparseRows {
  const int64_t* starts;
  const int32_t* columns;
  const T* values;
};

// How the values of a batch lie: (samples, nodes), or (nodes, samples).
enum Layout { samples_in_rows, samples_in_columns };

// Numbers that a function takes beside its inputs (a negative slope, a threshold), and their names.
constexpr int kMaxSettings = 4;

struct Settings {
  int count = 0;
  const char* names[kMaxSettings] = {};
  bool each_node = false;  // the last name stands for one number for each node
  bool list = false;       // the last number is how many more follow
  long needed(long nodes) const { return each_node ? count - 1 + nodes : count; }
};

// a = f(z), in place; slope = f'(z), of a's stride, if it is not null.  d ⊙= f'(z), from a, or from what was kept.
// By layout; (rows, cols).
template <typename T>
struct ActivationKernel {
  const char* name;
  bool whole_samples;  // needs all nodes of a sample (softmax), not just any block of elements
  bool keeps_slope;    // f' is no function of f(z) alone: `backward` takes the slopes for `a`
  Settings settings;
  void (*forward[2])(T* a, T* slope, long rows, long cols, long stride, const double* settings);
  void (*backward[2])(T* d, const T* a, long rows, long cols, long stride, const double* settings);
};

template <typename T>
struct Targets {
  const T* dense;         // (nodes, samples), of the output's stride; null for sparse losses
  const int32_t* labels;  // (samples), padded; null for dense losses
};

// Losses and metrics have samples in columns, a vector of them at a time: pads may hold anything, and get anything.
// loss[s] = the loss of sample s;  d[:, s] = scale[s]·∂loss[s]/∂output[:, s].
// a = activation(output) if output holds logits and a is not null; a may be output itself.
template <typename T>
using LossColumns = void (*)(T* loss, T* d, T* a, const T* output, Targets<T> targets, const T* scale, long nodes,
                             long samples, long stride, const double* settings);

template <typename T>
struct LossKernel {
  const char* name;
  bool sparse;             // targets are labels
  const char* activation;  // the activation that on_logits contains; null if the loss has no form on logits
  Settings settings;
  LossColumns<T> on_output;
  LossColumns<T> on_logits;
};

// A metric is computed from sums over samples: state (state_size) += those of these samples, each counted by its
// weight (null: 1). What the sums mean, Python knows. scratch (nodes, samples), of output's stride, if it uses one.
template <typename T>
struct MetricKernel {
  const char* name;
  bool sparse;
  bool uses_scratch;
  Settings settings;
  long (*state_size)(long nodes, const double* settings);
  void (*accumulate)(double* state, T* scratch, const T* output, Targets<T> targets, const T* weights, long nodes,
                     long samples, long stride, const double* settings);
};

// Where the random numbers of a layer begin.
struct Noise {
  uint64_t seed;
  uint32_t step;    // of training
  uint32_t stream;  // which layer
  long first_node;
  long first_sample;  // of the batch
};

// y = x·factor + shift, both drawn anew for every element; backwards, dx = dy·factor. By layout; (rows, cols).
template <typename T>
struct NoiseKernel {
  const char* name;
  Settings settings;
  void (*forward[2])(T* y, T* factor, const T* x, long rows, long cols, long stride, const Noise& noise,
                     const double* settings);
};

// See normalizations.h.
template <typename T>
struct NormalizationKernels {
  void (*affine[2])(T* y, const T* x, const T* centre, const T* scale, const T* shift, long rows, long cols,
                    long stride);
  void (*multiply)(T* y, const T* a, const T* b, long rows, long cols, long stride);
  void (*batch_norm_forward)(T* y, T* mean, T* variance, T* inverse, const T* x, const T* gamma, const T* beta,
                             double epsilon, long nodes, long samples, long stride);
  void (*batch_norm_backward)(T* dx, T* dgamma, T* dbeta, const T* dy, const T* x, const T* mean, const T* inverse,
                              const T* gamma, bool accumulate, long nodes, long samples, long stride);
  void (*layer_norm_forward[2])(T* y, T* mean, T* inverse, const T* x, const T* gamma, const T* beta, bool rms,
                                double epsilon, long rows, long cols, long stride);
  void (*layer_norm_backward[2])(T* dx, const T* dy, const T* x, const T* mean, const T* inverse, const T* gamma,
                                 bool rms, long rows, long cols, long stride);
  void (*layer_norm_slopes[2])(T* dgamma, T* dbeta, const T* dy, const T* x, const T* mean, const T* inverse,
                               bool accumulate, long rows, long cols, long stride);
};

// See flat.h. n: whole vectors.
template <typename T>
struct FlatKernels {
  double (*penalty)(const T* w, double l1, double l2, long n);
  void (*penalize)(T* dw, const T* w, double l1, double l2, long n);
  double (*sum_of_squares)(const T* x, long n);
  void (*clip)(T* x, double scale, double most, long n);
  void (*blend)(T* mean, const T* x, double keep, long n);
};

constexpr int kMaxSlots = 3;
constexpr int kMaxHyperparameters = 6;
constexpr int kMaxShared = 6;

// dw[r, c] = data[r·stride + c], times factor[r] if there are factors: the slopes of a single sample are one row, dz,
// times each of x.
template <typename T>
struct Slopes {
  const T* data;
  long stride;
  const T* factor = nullptr;
  // Added to a product, which then is rounded on its own. Else the compiler would make one instruction of it and of a
  // sum that it goes into, and slopes that are applied had other bits than those that are stored first.
  T nothing = T(-0.0);
};

// w changes by the optimiser's rule for the gradient dw; slots move along. All are (rows, cols), whole vectors wide.
template <typename T>
struct OptimizerKernel {
  const char* name;
  int slot_count;
  int hyperparameter_count;
  const char* slot_names[kMaxSlots];
  const char* hyperparameter_names[kMaxHyperparameters];  // the first is learning_rate, always
  bool ignores_zero;                                      // a gradient of 0 changes nothing
  const char* initial_slot_value;                         // the hyperparameter that slots begin at; null: 0
  // What all parameters share at step `step` (counted from 1), computed once per step in double. `memory` is a number
  // that is kept from one step to the next, 1 before the first.
  void (*prepare)(double* shared, double* memory, const double* hyperparameters, double step);
  // The slope of the penalty l1·Σ|w| + l2·Σw² is added to dw, with the bits of `penalize`. Then w is multiplied by
  // `keep`: what weight decay leaves of it.
  void (*update)(T* w, T* const* slots, long stride, const Slopes<T>& dw, const double* shared, double keep, double l1,
                 double l2, long rows, long cols);
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
  // Large products by another unit of the machine, where it has one (else null). They are rounded otherwise, so whether
  // that pays is to be asked of a whole product, not of a member's share of it.
  void (*product_in_pieces)(const Product<T>&);
  bool (*pays_in_pieces)(const Product<T>&);
  // c[m, n] = Σ_k a[m, k]·b[n, k], for few m or n, whatever a and b are padded with. Of c's pads, some become 0 and the
  // others stay.
  void (*dots)(T* c, long c_stride, const T* a, long a_stride, const T* b, long b_stride, long m, long n, long k);
  // c[r] = bias[r] + Σ v·b[column] over the entries of row index[r]; index null: r itself; bias null: 0. Whole vectors.
  void (*sparse_product)(T* c, long c_stride, SparseRows<T> a, const int32_t* index, const T* b, long b_stride,
                         const T* bias, long bias_stride, long rows, long cols);
  // out (cols, rows): out[c, r] = in[index[r], c]; index null: r itself. Reads and writes true elements only.
  void (*transpose)(T* out, long out_stride, const T* in, long in_stride, const int32_t* index, long rows, long cols);
  // sums (cols, rows), added to if `accumulate`
  void (*column_sums)(T* sums, const T* x, long rows, long cols, long stride, bool accumulate);
  void (*row_sums)(T* sums, const T* x, long rows, long cols, long stride, bool accumulate);
  void (*add)(T* y, const T* x, long n);  // y (n) += x
  bool (*all_finite)(const T* x, long n);
  T (*multiply_add)(long rounds, T x, T y);  // arithmetic alone, to measure what the machine can do
  long flops_per_round;                      // of it
  NormalizationKernels<T> normalizations;
  FlatKernels<T> flat;
  List<NoiseKernel<T>> noises;
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
  // order (n): 0, 1, ... shuffled by the numbers of a stream
  void (*shuffle)(int32_t* order, long n, uint64_t seed, uint32_t index, uint32_t stream);
  Kernels<float> f32;
  Kernels<double> f64;
};

}  // namespace fastbp
