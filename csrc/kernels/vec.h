// The vector type: one source for every instruction set, from the compiler's vector types alone.
//
// Included only by kernels.cpp, which is compiled once per instruction set. Everything lives in an unnamed namespace
// and nothing here comes from the STL: a shared inline function could leak AVX-512 code into every caller.
#pragma once

#include <stdint.h>

// Without it the compiler may keep a call in an inner loop, and hand 64-byte vectors over through memory.
#define FASTBP_INLINE [[gnu::always_inline]] inline

namespace fastbp {
namespace {

#if defined(__AVX512F__)
constexpr int kVectorBytes = 64;
constexpr int kVectorRegisters = 32;
#elif defined(__AVX__)
constexpr int kVectorBytes = 32;
constexpr int kVectorRegisters = 16;
#elif defined(__x86_64__)
constexpr int kVectorBytes = 16;
constexpr int kVectorRegisters = 16;
#else  // NEON and its kin: 32 registers of 16 bytes
constexpr int kVectorBytes = 16;
constexpr int kVectorRegisters = 32;
#endif

template <typename T>
struct Scalar;

template <>
struct Scalar<float> {
  using Int = int32_t;
  static constexpr int kMantissaBits = 23;
  static constexpr int kExponentBias = 127;
};

template <>
struct Scalar<double> {
  using Int = int64_t;
  static constexpr int kMantissaBits = 52;
  static constexpr int kExponentBias = 1023;
};

template <typename T>
struct VectorOf {
  typedef T type __attribute__((vector_size(kVectorBytes)));
};

template <typename T>
using V = typename VectorOf<T>::type;  // lanes of T
template <typename T>
using Mask = V<typename Scalar<T>::Int>;  // all bits set where true

template <typename T>
constexpr long kLanes = kVectorBytes / static_cast<long>(sizeof(T));

constexpr long smaller(long a, long b) { return a < b ? a : b; }

// First<n>: Numbers<0, 1, ..., n - 1>, for the lanes that a shuffle names.
template <int... i>
struct Numbers {};
template <int count, int... i>
struct NumbersBefore : NumbersBefore<count - 1, count - 1, i...> {};
template <int... i>
struct NumbersBefore<0, i...> {
  using type = Numbers<i...>;
};
template <int count>
using First = typename NumbersBefore<count>::type;

template <typename T>
FASTBP_INLINE V<T> load(const T* p) {
  V<T> v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}

template <typename T>
FASTBP_INLINE void store(T* p, V<T> v) {
  __builtin_memcpy(p, &v, sizeof v);
}

template <typename T>
FASTBP_INLINE V<T> broadcast(T s) {
  return s - V<T>{};  // s - 0 is s for every s, so this folds to one instruction; 0 + s would turn -0 into +0
}

template <typename T>
FASTBP_INLINE Mask<T> bits(V<T> v) {
  Mask<T> m;
  __builtin_memcpy(&m, &v, sizeof m);
  return m;
}

template <typename T>
FASTBP_INLINE V<T> from_bits(Mask<T> m) {
  V<T> v;
  __builtin_memcpy(&v, &m, sizeof v);
  return v;
}

// Where a is NaN the result is NaN: a diverged network must show it.
template <typename T>
FASTBP_INLINE V<T> at_least(V<T> a, T low) {
  return a < low ? broadcast<T>(low) : a;
}

template <typename T>
FASTBP_INLINE V<T> at_most(V<T> a, T high) {
  return a > high ? broadcast<T>(high) : a;
}

template <typename T>
FASTBP_INLINE V<T> within(V<T> a, T low, T high) {
  return at_most<T>(at_least<T>(a, low), high);
}

template <typename T>
FASTBP_INLINE V<T> abs(V<T> a) {
  constexpr typename Scalar<T>::Int sign =
      typename Scalar<T>::Int(1) << (sizeof(T) * 8 - 2) << 1;  // in two steps: shifting into the sign overflows
  return from_bits<T>(bits<T>(a) & ~sign);
}

template <typename T>
FASTBP_INLINE V<T> sqrt(V<T> a) {
  V<T> r;
  for (long i = 0; i < kLanes<T>; ++i) r[i] = sizeof(T) == 4 ? __builtin_sqrtf(a[i]) : __builtin_sqrt(a[i]);
  return r;
}

template <typename T>
FASTBP_INLINE Mask<T> lane_numbers() {
  Mask<T> m;
  for (long i = 0; i < kLanes<T>; ++i) m[i] = i;
  return m;
}

// True in the lanes that stand for columns before `count`; rows are padded, so the last vector may reach beyond.
template <typename T>
FASTBP_INLINE Mask<T> first_lanes(long count) {
  using Int = typename Scalar<T>::Int;
  return lane_numbers<T>() < static_cast<Int>(count < kLanes<T> ? count : kLanes<T>);
}

// A vector of `lanes` lanes, and the fold of it to one: the lower half with the upper, until one is left. The order of
// the sum is fixed, so an instruction set always gives the same bits.
template <typename T, int lanes>
struct Fold {
  typedef T Part __attribute__((vector_size(lanes * sizeof(T))));
  typedef T Half __attribute__((vector_size(lanes * sizeof(T) / 2)));

  template <typename F>
  FASTBP_INLINE static T apply(Part v, F combine) {
    Half low, high;
    __builtin_memcpy(&low, &v, sizeof low);
    __builtin_memcpy(&high, reinterpret_cast<const char*>(&v) + sizeof low, sizeof high);
    return Fold<T, lanes / 2>::apply(combine(low, high), combine);
  }
};

template <typename T>
struct Fold<T, 2> {
  typedef T Part __attribute__((vector_size(2 * sizeof(T))));

  template <typename F>
  FASTBP_INLINE static T apply(Part v, F combine) {
    return combine(v[0], v[1]);
  }
};

template <typename T>
FASTBP_INLINE T sum_of_lanes(V<T> v) {
  return Fold<T, kLanes<T>>::apply(v, [](auto a, auto b) { return a + b; });
}

// NaN if there is one.
template <typename T>
FASTBP_INLINE T max_of_lanes(V<T> v) {
  return Fold<T, kLanes<T>>::apply(v, [](auto a, auto b) { return ((a > b) | (a != a)) ? a : b; });
}

}  // namespace
}  // namespace fastbp
