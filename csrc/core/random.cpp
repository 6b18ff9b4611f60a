#include "core/random.h"

namespace fastbp {

std::array<uint32_t, 4> philox4x32(std::array<uint32_t, 4> c, std::array<uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t p0 = uint64_t{0xD2511F53} * c[0];
    const uint64_t p1 = uint64_t{0xCD9E8D57} * c[2];
    c = {static_cast<uint32_t>(p1 >> 32) ^ c[1] ^ key[0], static_cast<uint32_t>(p1),
         static_cast<uint32_t>(p0 >> 32) ^ c[3] ^ key[1], static_cast<uint32_t>(p0)};
    key[0] += 0x9E3779B9;
    key[1] += 0xBB67AE85;
  }
  return c;
}

RandomStream::RandomStream(uint64_t seed, Stream stream, uint32_t index)
    : seed_(seed), stream_(stream), index_(index), words_(compute(0)) {}

std::array<uint32_t, 4> RandomStream::compute(uint64_t block) const {
  return philox4x32(
      {static_cast<uint32_t>(block), static_cast<uint32_t>(block >> 32), index_, static_cast<uint32_t>(stream_)},
      {static_cast<uint32_t>(seed_), static_cast<uint32_t>(seed_ >> 32)});
}

uint64_t RandomStream::bits(uint64_t position) {
  if (position / 2 != block_) {
    block_ = position / 2;
    words_ = compute(block_);
  }
  const int half = position % 2 * 2;
  return words_[half] | static_cast<uint64_t>(words_[half + 1]) << 32;
}

}  // namespace fastbp
