// Random layers: y = x·factor + shift, drawn for every element. To add one: a struct, and its place in NoiseKinds.
//
// The numbers of an element are a function of its place alone: Philox 4x32-10 with counter (node / 4, sample, step,
// stream) gives a word to each of four nodes. So they depend neither on the layout nor on who computes them.
#pragma once

#include "kernels/kernel_table.h"
#include "kernels/philox.h"
#include "kernels/vec_math.h"

namespace fastbp {
namespace {

template <typename T>
struct IntsOf {
  typedef int32_t type __attribute__((vector_size(kVectorBytes / sizeof(T) * sizeof(int32_t))));
};

// The upper 24 bits of words, as multiples of 2⁻²⁴ in [0, 1): both types hold them exactly.
template <typename T>
FASTBP_INLINE V<T> uniform(const uint32_t* words) {
  typename IntsOf<T>::type bits;
  for (long i = 0; i < kLanes<T>; ++i) bits[i] = static_cast<int32_t>(words[i] >> 8);
  return __builtin_convertvector(bits, V<T>) * T(0x1p-24);
}

// By Box and Muller, words 0 and 1 give two normal numbers, words 2 and 3 two more, each in the place of its word.
template <typename T>
FASTBP_INLINE V<T> normal(const uint32_t (&words)[4][kBlocks], int word, long first) {
  const V<T> u = uniform<T>(words[word & ~1] + first) + T(0x1p-24);  // in (0, 1]
  const V<T> radius = sqrt<T>(T(-2) * log<T>(u));
  return radius * (word & 1 ? sin_of_turn<T>(uniform<T>(words[word | 1] + first))
                            : cos_of_turn<T>(uniform<T>(words[word | 1] + first)));
}

// The multiple of 2⁻²⁴ from which on uniform numbers are at least `rate`.
inline double threshold(double rate) { return __builtin_ceil(rate * 0x1p24) * 0x1p-24; }

// Zero with probability `rate`, else 1 / (1 - rate) times as large.
struct Dropout {
  static constexpr const char* name = "dropout";
  static constexpr Settings settings = {1, {"rate"}};
  static constexpr bool normal = false;
  template <typename T>
  FASTBP_INLINE static void draw(V<T>& factor, V<T>& shift, V<T> u, const double* s) {
    factor = u >= T(threshold(s[0])) ? broadcast<T>(T(1 / (1 - s[0]))) : V<T>{};
    shift = V<T>{};
  }
};

// x + stddev·n
struct GaussianNoise {
  static constexpr const char* name = "gaussian_noise";
  static constexpr Settings settings = {1, {"stddev"}};
  static constexpr bool normal = true;
  template <typename T>
  FASTBP_INLINE static void draw(V<T>& factor, V<T>& shift, V<T> n, const double* s) {
    factor = broadcast<T>(T(1));
    shift = T(s[0]) * n;
  }
};

// x·(1 + √(rate / (1 - rate))·n)
struct GaussianDropout {
  static constexpr const char* name = "gaussian_dropout";
  static constexpr Settings settings = {1, {"rate"}};
  static constexpr bool normal = true;
  template <typename T>
  FASTBP_INLINE static void draw(V<T>& factor, V<T>& shift, V<T> n, const double* s) {
    factor = T(1) + T(__builtin_sqrt(s[0] / (1 - s[0]))) * n;
    shift = V<T>{};
  }
};

// To selu's lowest value with probability `rate`, then scaled and shifted so that mean 0 and variance 1 stay
// (Klambauer and others, arXiv 1706.02515).
struct AlphaDropout {
  static constexpr const char* name = "alpha_dropout";
  static constexpr Settings settings = {1, {"rate"}};
  static constexpr bool normal = false;
  template <typename T>
  FASTBP_INLINE static void draw(V<T>& factor, V<T>& shift, V<T> u, const double* s) {
    constexpr double lowest = -1.6732632423543772848170429916717 * 1.0507009873554804934193349852946;
    const double a = 1 / __builtin_sqrt((1 - s[0]) * (1 + s[0] * lowest * lowest)), b = -a * lowest * s[0];
    const Mask<T> kept = u >= T(threshold(s[0]));
    factor = kept ? broadcast<T>(T(a)) : V<T>{};
    shift = kept ? broadcast<T>(T(b)) : broadcast<T>(T(a * lowest + b));
  }
};

template <typename F, typename T>
FASTBP_INLINE V<T> draw_of(const uint32_t (&words)[4][kBlocks], int word, long first) {
  return F::normal ? normal<T>(words, word, first) : uniform<T>(words[word] + first);
}

template <typename F, typename T>
FASTBP_INLINE void apply_noise(T* y, T* factor, const T* x, V<T> drawn, const double* settings) {
  V<T> f, shift;
  F::template draw<T>(f, shift, drawn, settings);
  store<T>(y, load(x) * f + shift);
  store<T>(factor, f);
}

template <typename F, typename T>
void noise_in_columns(T* y, T* factor, const T* x, long nodes, long samples, long stride, const Noise& noise,
                      const double* settings) {
  for (long s = 0; s < samples; s += kBlocks) {
    uint32_t c0[kBlocks], c1[kBlocks], words[4][kBlocks];
    for (int i = 0; i < kBlocks; ++i) c1[i] = static_cast<uint32_t>(noise.first_sample + s + i);
    for (long n = 0; n < nodes; n += 4) {
      for (int i = 0; i < kBlocks; ++i) c0[i] = static_cast<uint32_t>((noise.first_node + n) / 4);
      philox_blocks(words, c0, c1, noise.step, noise.stream, noise.seed, smaller(kBlocks, samples - s));
      for (int w = 0; w < 4 && n + w < nodes; ++w) {
        for (long i = 0; i < smaller(kBlocks, samples - s); i += kLanes<T>) {
          const long at = (n + w) * stride + s + i;
          apply_noise<F, T>(y + at, factor + at, x + at, draw_of<F, T>(words, w, i), settings);
        }
      }
    }
  }
}

template <typename F, typename T>
void noise_in_rows(T* y, T* factor, const T* x, long samples, long nodes, long stride, const Noise& noise,
                   const double* settings) {
  for (long s = 0; s < samples; ++s) {
    uint32_t c0[kBlocks], c1[kBlocks], words[4][kBlocks];
    for (int i = 0; i < kBlocks; ++i) c1[i] = static_cast<uint32_t>(noise.first_sample + s);
    for (long n = 0; n < nodes; n += 4 * kBlocks) {
      for (int i = 0; i < kBlocks; ++i) c0[i] = static_cast<uint32_t>((noise.first_node + n) / 4 + i);
      const long blocks = smaller(kBlocks, (nodes - n + 3) / 4);
      philox_blocks(words, c0, c1, noise.step, noise.stream, noise.seed, blocks);
      T drawn[4 * kBlocks];  // by node
      for (int w = 0; w < 4; ++w) {
        for (long i = 0; i < blocks; i += kLanes<T>) {
          const V<T> of_word = draw_of<F, T>(words, w, i);
          for (long j = 0; j < kLanes<T>; ++j) drawn[4 * (i + j) + w] = of_word[j];
        }
      }
      for (long i = 0; i < smaller(4 * kBlocks, nodes - n); i += kLanes<T>) {
        const long at = s * stride + n + i;
        apply_noise<F, T>(y + at, factor + at, x + at, load(drawn + i), settings);
      }
    }
  }
}

template <typename T, typename... F>
struct NoiseTable {
  static constexpr NoiseKernel<T> entries[] = {
      {F::name, F::settings, {noise_in_rows<F, T>, noise_in_columns<F, T>}}...};
  static constexpr List<NoiseKernel<T>> list = {entries, sizeof...(F)};
};

template <typename T>
using NoiseKinds = NoiseTable<T, Dropout, GaussianNoise, GaussianDropout, AlphaDropout>;

}  // namespace
}  // namespace fastbp
