// Philox 4x32-10, many counters at a time (core/random.h has it for one).
#pragma once

#include "kernels/vec.h"

namespace fastbp {
namespace {

constexpr int kBlocks = 64;  // computed at a time at most: several vectors, whose multiplications overlap

// Four words for each of some counters (c0, c1, step, stream), up to a whole vector of them. The count is no constant:
// the compiler would write the loop out, and then find no vectors.
FASTBP_INLINE void philox_blocks(uint32_t (&words)[4][kBlocks], const uint32_t* c0, const uint32_t* c1, uint32_t step,
                                 uint32_t stream, uint64_t seed, long blocks) {
  const long count = (blocks + 15) / 16 * 16;
  uint32_t* const __restrict a = words[0], * const __restrict b = words[1];
  uint32_t* const __restrict c = words[2], * const __restrict d = words[3];
  for (int i = 0; i < kBlocks; ++i) a[i] = c0[i], b[i] = c1[i], c[i] = step, d[i] = stream;
  uint32_t k0 = static_cast<uint32_t>(seed), k1 = static_cast<uint32_t>(seed >> 32);
  for (int round = 0; round < 10; ++round) {
    for (long i = 0; i < count; ++i) {
      const uint64_t p = uint64_t{0xD2511F53} * a[i], q = uint64_t{0xCD9E8D57} * c[i];
      a[i] = static_cast<uint32_t>(q >> 32) ^ b[i] ^ k0;
      c[i] = static_cast<uint32_t>(p >> 32) ^ d[i] ^ k1;
      b[i] = static_cast<uint32_t>(q);
      d[i] = static_cast<uint32_t>(p);
    }
    k0 += 0x9E3779B9;
    k1 += 0xBB67AE85;
  }
}

}  // namespace
}  // namespace fastbp
