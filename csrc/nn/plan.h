// How a batch is cut: from shapes alone, never from the number of threads, so that results do not depend on it.
#pragma once

#include <algorithm>

#include "kernels/kernel_table.h"
#include "nn/layer.h"

namespace fastbp {

// A batch goes through the network in chunks of samples. In one group, all members of a team work on each chunk
// together. In several, each chunk is gone through by one member, forward and back, while it sits in that core's cache,
// and nobody waits for anybody; each group of chunks adds up gradients of its own, which are added in order at the end.
constexpr long kMostTogether = 2048;  // samples of a chunk whose gradients may be applied as they are computed

struct Plan {
  Layout layout;
  long chunk;  // samples
  int groups;

  long chunks(long samples) const { return (samples + chunk - 1) / chunk; }

  // The groups of a batch, which may be the smaller last one of an epoch.
  int groups_for(long samples) const { return static_cast<int>(std::min<long>(groups, chunks(samples))); }
};

constexpr long kTooMuchForGroups = 1L << 29;  // bytes of gradients

inline Layout layout_of(long samples) {
  constexpr long kFew = 12;  // samples that would leave much of a vector empty
  return samples < kFew ? samples_in_rows : samples_in_columns;
}

// `gradients`: bytes of what each group adds up; 0 if there is no way back. `whole`: a layer or a function of the
// user's needs all samples of the batch at once.
inline Plan plan_of(long batch, long gradients, bool whole = false) {
  constexpr long kLeast = 32, kMost = 256;  // samples of a chunk: two vectors, and what stays in a core's cache
  constexpr int kMostGroups = 16;
  constexpr long kGradients = 1024 * 1024;  // of all groups: a core's cache
  constexpr long kLittle = 1536 * 1024;     // samples x bytes: done by one core before another could help
  if (whole) return {samples_in_columns, batch, 1};
  if (layout_of(batch) == samples_in_rows) return {samples_in_rows, batch, 1};
  // Twice as many groups with four times the samples: larger chunks are more efficient, more groups feed more threads.
  const bool little = gradients > 0 && batch <= kMost && batch * gradients <= kLittle;
  int groups = 1;
  while (!little && groups < kMostGroups && batch >= 2 * kLeast * groups * groups &&
         2 * groups * gradients <= kGradients) {
    groups *= 2;
  }
  if (groups == 1) return {samples_in_columns, std::min(batch, gradients > 0 ? kMostTogether : kMost), 1};
  const long share = (batch + groups - 1) / groups, chunks = (share + kMost - 1) / kMost;
  return {samples_in_columns, (share + chunks * kShareUnit - 1) / (chunks * kShareUnit) * kShareUnit, groups};
}

}  // namespace fastbp
