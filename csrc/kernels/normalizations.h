// Batch and layer normalisation: x̂ = (x - μ)·r with r = 1 / √(σ² + ε), and y = γ·x̂ + β; and what all layers share
// that scale their nodes. Backwards, with g = γ·dy: dx = r·(g - mean g - x̂·mean(g·x̂)), where the means run over what
// μ and σ² were taken of.
#pragma once

#include "kernels/kernel_table.h"
#include "kernels/vec.h"

namespace fastbp {
namespace {

// Σ_i f(i) over the true elements of a row, i the first lane of each vector.
template <typename T, typename F>
FASTBP_INLINE T sum_of_row(long n, F f) {
  V<T> sums = {};
  long i = 0;
  for (; i + kLanes<T> <= n; i += kLanes<T>) sums += f(i);
  if (i < n) sums += first_lanes<T>(n - i) ? f(i) : V<T>{};
  return sum_of_lanes<T>(sums);
}

// y = scale ⊙ (x - centre) + shift, by node (centre or shift null: 0).
template <typename T, Layout layout>
void affine(T* y, const T* x, const T* centre, const T* scale, const T* shift, long rows, long cols, long stride) {
  for (long r = 0; r < rows; ++r, y += stride, x += stride) {
    if constexpr (layout == samples_in_columns) {
      const V<T> from = broadcast<T>(centre ? centre[r] : T(0)), to = broadcast<T>(shift ? shift[r] : T(0));
      for (long c = 0; c < cols; c += kLanes<T>) store<T>(y + c, (load(x + c) - from) * scale[r] + to);
    } else {
      for (long c = 0; c < cols; c += kLanes<T>) {
        const V<T> from = centre ? load(centre + c) : V<T>{}, to = shift ? load(shift + c) : V<T>{};
        store<T>(y + c, (load(x + c) - from) * load(scale + c) + to);
      }
    }
  }
}

template <typename T>
void multiply(T* y, const T* a, const T* b, long rows, long cols, long stride) {
  for (long r = 0; r < rows; ++r, y += stride, a += stride, b += stride) {
    for (long c = 0; c < cols; c += kLanes<T>) store<T>(y + c, load(a + c) * load(b + c));
  }
}

// mean, variance (nodes) and r, of each node over the samples; gamma and beta (nodes) may be null.
template <typename T>
void batch_norm_forward(T* y, T* mean, T* variance, T* inverse, const T* x, const T* gamma, const T* beta,
                        double epsilon, long nodes, long samples, long stride) {
  for (long n = 0; n < nodes; ++n, y += stride, x += stride) {
    const T mu = sum_of_row<T>(samples, [&](long i) { return load(x + i); }) / T(samples);
    const T squares = sum_of_row<T>(samples, [&](long i) {
      const V<T> d = load(x + i) - mu;
      return d * d;
    });
    mean[n] = mu;
    variance[n] = squares / T(samples);
    inverse[n] = T(1 / __builtin_sqrt(static_cast<double>(variance[n]) + epsilon));
    const V<T> by = broadcast<T>(gamma ? gamma[n] * inverse[n] : inverse[n]);
    const V<T> to = broadcast<T>(beta ? beta[n] : T(0));
    for (long i = 0; i < samples; i += kLanes<T>) store<T>(y + i, (load(x + i) - mu) * by + to);
  }
}

// dx may be null, or dy; dgamma and dbeta (nodes) may be null, and are added to if `accumulate`.
template <typename T>
void batch_norm_backward(T* dx, T* dgamma, T* dbeta, const T* dy, const T* x, const T* mean, const T* inverse,
                         const T* gamma, bool accumulate, long nodes, long samples, long stride) {
  for (long n = 0; n < nodes; ++n, dy += stride, x += stride) {
    const T mu = mean[n], r = inverse[n];
    const T sum = sum_of_row<T>(samples, [&](long i) { return load(dy + i); });
    const T product = r * sum_of_row<T>(samples, [&](long i) { return load(dy + i) * (load(x + i) - mu); });
    if (dgamma) dgamma[n] = product + (accumulate ? dgamma[n] : T(0));
    if (dbeta) dbeta[n] = sum + (accumulate ? dbeta[n] : T(0));
    if (!dx) continue;
    const T by = r * (gamma ? gamma[n] : T(1)), each = sum / T(samples), slope = r * product / T(samples);
    for (long i = 0; i < samples; i += kLanes<T>) {
      store<T>(dx + i, by * (load(dy + i) - each - (load(x + i) - mu) * slope));
    }
    dx += stride;
  }
}

// The node's place in a matrix of samples, and how far apart neighbours are.
template <Layout layout>
struct Steps {
  long node, sample;
  explicit Steps(long stride)
      : node(layout == samples_in_columns ? stride : 1), sample(layout == samples_in_columns ? 1 : stride) {}
};

// mean and inverse (samples), of each sample over the nodes; rms: μ = 0. gamma and beta (nodes) may be null.
template <typename T, Layout layout>
void layer_norm_forward(T* y, T* mean, T* inverse, const T* x, const T* gamma, const T* beta, bool rms, double epsilon,
                        long rows, long cols, long stride) {
  if constexpr (layout == samples_in_columns) {
    for (long s = 0; s < cols; s += kLanes<T>) {
      V<T> mu = {}, squares = {};
      if (!rms) {
        for (long n = 0; n < rows; ++n) mu += load(x + n * stride + s);
        mu /= T(rows);
      }
      for (long n = 0; n < rows; ++n) {
        const V<T> d = load(x + n * stride + s) - mu;
        squares += d * d;
      }
      const V<T> r = T(1) / sqrt<T>(squares / T(rows) + T(epsilon));
      store<T>(mean + s, mu);
      store<T>(inverse + s, r);
      for (long n = 0; n < rows; ++n) {
        const V<T> by = gamma ? r * gamma[n] : r;
        store<T>(y + n * stride + s, (load(x + n * stride + s) - mu) * by + (beta ? beta[n] : T(0)));
      }
    }
  } else {
    for (long s = 0; s < rows; ++s, y += stride, x += stride) {
      const T mu = rms ? T(0) : sum_of_row<T>(cols, [&](long i) { return load(x + i); }) / T(cols);
      const T squares = sum_of_row<T>(cols, [&](long i) {
        const V<T> d = load(x + i) - mu;
        return d * d;
      });
      const T r = T(1 / __builtin_sqrt(static_cast<double>(squares) / static_cast<double>(cols) + epsilon));
      mean[s] = mu;
      inverse[s] = r;
      for (long c = 0; c < cols; c += kLanes<T>) {
        const V<T> by = gamma ? r * load(gamma + c) : broadcast<T>(r);
        store<T>(y + c, (load(x + c) - mu) * by + (beta ? load(beta + c) : V<T>{}));
      }
    }
  }
}

template <typename T, Layout layout>
void layer_norm_backward(T* dx, const T* dy, const T* x, const T* mean, const T* inverse, const T* gamma, bool rms,
                         long rows, long cols, long stride) {
  if constexpr (layout == samples_in_columns) {
    for (long s = 0; s < cols; s += kLanes<T>) {
      const V<T> mu = load(mean + s), r = load(inverse + s);
      V<T> sum = {}, product = {};
      for (long at = s, n = 0; n < rows; ++n, at += stride) {
        const V<T> g = gamma ? load(dy + at) * gamma[n] : load(dy + at);
        sum += g;
        product += g * (load(x + at) - mu);
      }
      const V<T> each = rms ? V<T>{} : sum / T(rows), slope = r * r * product / T(rows);
      for (long at = s, n = 0; n < rows; ++n, at += stride) {
        const V<T> g = gamma ? load(dy + at) * gamma[n] : load(dy + at);
        store<T>(dx + at, r * (g - each - (load(x + at) - mu) * slope));
      }
    }
  } else {
    for (long s = 0; s < rows; ++s, dx += stride, dy += stride, x += stride) {
      const T mu = mean[s], r = inverse[s];
      const auto g = [&](long i) { return gamma ? load(dy + i) * load(gamma + i) : load(dy + i); };
      const T sum = sum_of_row<T>(cols, g);
      const T product = sum_of_row<T>(cols, [&](long i) { return g(i) * (load(x + i) - mu); });
      const T each = rms ? T(0) : sum / T(cols), slope = r * r * product / T(cols);
      for (long c = 0; c < cols; c += kLanes<T>) store<T>(dx + c, r * (g(c) - each - (load(x + c) - mu) * slope));
      for (long c = cols; c < (cols + kLanes<T> - 1) / kLanes<T> * kLanes<T>; ++c) dx[c] = T(0);  // pads stay 0
    }
  }
}

// dgamma = Σ_samples dy·x̂ and dbeta = Σ_samples dy, of some nodes; either may be null.
template <typename T, Layout layout>
void layer_norm_slopes(T* dgamma, T* dbeta, const T* dy, const T* x, const T* mean, const T* inverse, bool accumulate,
                       long rows, long cols, long stride) {
  if constexpr (layout == samples_in_columns) {
    for (long n = 0; n < rows; ++n, dy += stride, x += stride) {
      const T gamma = sum_of_row<T>(
          cols, [&](long i) { return load(dy + i) * (load(x + i) - load(mean + i)) * load(inverse + i); });
      if (dgamma) dgamma[n] = gamma + (accumulate ? dgamma[n] : T(0));
      if (dbeta) dbeta[n] = sum_of_row<T>(cols, [&](long i) { return load(dy + i); }) + (accumulate ? dbeta[n] : T(0));
    }
  } else {
    for (long c = 0; c < cols; ++c) {
      T gamma = 0, beta = 0;
      for (long s = 0; s < rows; ++s) {
        const T d = dy[s * stride + c];
        gamma += d * (x[s * stride + c] - mean[s]) * inverse[s];
        beta += d;
      }
      if (dgamma) dgamma[c] = gamma + (accumulate ? dgamma[c] : T(0));
      if (dbeta) dbeta[c] = beta + (accumulate ? dbeta[c] : T(0));
    }
  }
}

template <typename T>
constexpr NormalizationKernels<T> kNormalizations = {
    {affine<T, samples_in_rows>, affine<T, samples_in_columns>},
    multiply<T>,
    batch_norm_forward<T>,
    batch_norm_backward<T>,
    {layer_norm_forward<T, samples_in_rows>, layer_norm_forward<T, samples_in_columns>},
    {layer_norm_backward<T, samples_in_rows>, layer_norm_backward<T, samples_in_columns>},
    {layer_norm_slopes<T, samples_in_rows>, layer_norm_slopes<T, samples_in_columns>}};

}  // namespace
}  // namespace fastbp
