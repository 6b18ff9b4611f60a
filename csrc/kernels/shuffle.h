// The order of an epoch's samples.
#pragma once

#include "kernels/philox.h"

namespace fastbp {
namespace {

// order (n): shuffled by Fisher and Yates from the last place down. Place i is swapped with one of the i + 1 up to it:
// the upper part of bits · (i + 1), where the 64 bits are the lower (i even) or upper half of Philox block i / 2.
void shuffle(int32_t* order, long n, uint64_t seed, uint32_t index, uint32_t stream) {
  uint32_t c0[kBlocks], c1[kBlocks] = {}, words[4][kBlocks], other[2][kBlocks];
  for (long i = 0; i < n; ++i) order[i] = static_cast<int32_t>(i);
  for (long i = n - 1; i > 0;) {
    const long block = i / 2 / kBlocks * kBlocks;  // the first of those computed together
    const long count = i / 2 - block + 1;
    for (int b = 0; b < kBlocks; ++b) c0[b] = static_cast<uint32_t>(block + b);
    philox_blocks(words, c0, c1, index, stream, seed, count);
    for (int half = 0; half < 2; ++half) {
      const uint32_t *const low = words[2 * half], *const high = words[2 * half + 1];
      for (long b = 0; b < count; ++b) {  // (low + 2³²·high) · bound has 96 bits
        const uint64_t bound = uint64_t{2} * c0[b] + 1 + half;
        other[half][b] = static_cast<uint32_t>((high[b] * bound + (low[b] * bound >> 32)) >> 32);
      }
    }
    for (; i > 0 && i >= 2 * block; --i) {
      const uint32_t with = other[i % 2][i / 2 - block];
      const int32_t moved = order[i];
      order[i] = order[with];
      order[with] = moved;
    }
  }
}

}  // namespace
}  // namespace fastbp
