// Counter-based randomness: every number is a pure function of (seed, stream, index, position).
#pragma once

#include <array>
#include <cstdint>

namespace fastbp {

// Philox 4x32-10 of Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
std::array<uint32_t, 4> philox4x32(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key);

// The upper bits of a stream's number tell the layers that draw noise apart.
constexpr int kStreamBits = 8;
enum class Stream : uint32_t { initialize = 0, shuffle = 1, noise = 2 };

// The 64-bit numbers of one stream at one index (which epoch, which variable). Two of them share a Philox block, so
// the last block is kept: neighbours cost one.
class RandomStream {
 public:
  RandomStream(uint64_t seed, Stream stream, uint32_t index);

  uint64_t bits(uint64_t position);

  // In [0, 1), 53 bits.
  double uniform(uint64_t position) { return static_cast<double>(bits(position) >> 11) * 0x1p-53; }

 private:
  std::array<uint32_t, 4> compute(uint64_t block) const;

  uint64_t seed_;
  Stream stream_;
  uint32_t index_;
  uint64_t block_ = 0;
  std::array<uint32_t, 4> words_;  // of block_
};

}  // namespace fastbp
