// Large products of floats by the matrix unit (AMX), which multiplies bfloat16 alone but adds up in float32.
//
// A float is the sum of three bfloat16, its pieces: x = hi + mid + lo, exactly (24 bits of significand, 8 each). So
//
//     a·b = hi·hi + (hi·mid + mid·hi) + (hi·lo + mid·mid + lo·hi) + what is below 2⁻²⁴·|a·b|
//
// and six products of pieces give what one of floats does, to the rounding of float32, at up to 2.7 times the speed of
// the fused multiply-adds of vectors. The splitting costs some instructions for each element of A and B, so it pays
// where each is used often. Only Inf is not what it was: Inf - Inf is NaN, and NaN comes out.
#pragma once

#include "kernels/kernel_table.h"
#include "kernels/transpose.h"
#include "kernels/vec.h"

namespace fastbp {
namespace {

// Of the matrix unit's eight tiles of 16 rows of 64 bytes, four are sums, two hold pieces of A and two of B.
constexpr long kSide = 16;         // rows of a tile, and floats in one
constexpr long kPair = 2 * kSide;  // rows, or columns, of two tiles
constexpr long kTerms = 32;        // of the sum over k that one instruction adds up
constexpr long kRowBytes = 64;     // of a tile
constexpr long kTileBytes = kSide * kRowBytes;
constexpr long kStepBytes = 6 * kTileBytes;  // three pieces of two tiles

constexpr long kPiecesDepth = 256;         // of k at a time, if it need not be all
constexpr long kMostDepth = 1024;          // if it must
constexpr long kPiecesBytes = 768 * 1024;  // of B: these machines have 2 MB of second-level cache
constexpr long kPanelCols = 256;           // that `finish` gets at a time: updates read long rows of several arrays
static_assert(kPiecesBytes + 2 * kMostDepth / kTerms * kStepBytes <= kPackBytes);

// Tile i of a piece, of the two of a step, is at step + kTileBytes·(2·piece + i).
enum Piece { kHigh, kMiddle, kLow };

FASTBP_INLINE V<float> rounded(V<float> x) { return from_bits<float>((bits<float>(x) + 0x8000) & ~0xffff); }

// One row of a tile for each piece: 16 pairs of bfloat16, of which x0 gives the first and x1 the second.
FASTBP_INLINE void split(char* out, V<float> x0, V<float> x1) {
  using Words = Mask<float>;
  const V<float> high0 = rounded(x0), high1 = rounded(x1);
  const V<float> rest0 = x0 - high0, rest1 = x1 - high1;
  const V<float> middle0 = rounded(rest0), middle1 = rounded(rest1);
  const V<float> low0 = rest0 - middle0, low1 = rest1 - middle1;
  const auto put = [&](Piece piece, V<float> first, V<float> second) {
    const Words upper = bits<float>(first) >> 16 & 0xffff;
    const Words words = upper | (bits<float>(second) & ~0xffff);
    __builtin_memcpy(out + piece * 2 * kTileBytes, &words, sizeof words);
  };
  put(kHigh, high0, high1);
  put(kMiddle, middle0, middle1);
  put(kLow, low0, low1);
}

// Columns [0, cols) of k rows of B: for each 32 columns, for each 32 rows, three pieces of two tiles. Row j of a tile
// holds rows j and j + 16 of B side by side. What lies beyond k and cols is 0.
void split_b(char* out, const float* b, long b_stride, long k, long cols) {
  for (long n = 0; n < cols; n += kPair) {
    for (long k0 = 0; k0 < k; k0 += kTerms, out += kStepBytes) {
      const float* from = b + k0 * b_stride + n;
      for (long i = 0; i < smaller(2, (cols - n + kSide - 1) / kSide); ++i) {
        for (long j = 0; j < kSide; ++j) {
          const long first = k0 + j, second = first + kSide;
          split(out + i * kTileBytes + j * kRowBytes, first < k ? load(from + j * b_stride + i * kSide) : V<float>{},
                second < k ? load(from + (j + kSide) * b_stride + i * kSide) : V<float>{});
        }
      }
    }
  }
}

// A panel of A (up to 32 rows): for each 32 terms, three pieces of two tiles, a row of A in each of their rows. Split a
// few rows at a time, between multiplications, for vectors and tiles are worked on by different units.
class PanelOfPieces {
 public:
  PanelOfPieces(char* out, const Product<float>& p, long row, long k0, long k)
      : out_(out),
        a_(p.a + row * p.a_row + k0 * p.a_col),
        a_row_(p.a_row),
        a_col_(p.a_col),
        rows_(smaller(kPair, p.m - row)),
        k_(row < p.m ? k : 0) {}

  long rows() const { return rows_; }
  const char* pieces() const { return out_; }

  FASTBP_INLINE void some() {
    if (done_ < k_) next();
  }
  void all() {
    while (done_ < k_) next();
  }

 private:
  static constexpr long kRows = 8;  // some 200 instructions, while the multiplications of a step take 384 cycles

  void next() {
    const long terms = smaller(kTerms, k_ - done_), rows = smaller(kRows, rows_ - row_);
    const float* from = a_ + row_ * a_row_ + done_ * a_col_;
    long stride = a_row_;
    alignas(64) float few[kRows * kTerms];  // (rows, terms), where A does not have them side by side
    if (a_col_ != 1 || terms < kTerms) {
      if (terms < kTerms) __builtin_memset(few, 0, sizeof few);
      if (a_col_ != 1) {
        transpose(few, kTerms, from, a_col_, static_cast<const int32_t*>(nullptr), terms, rows);
      } else {
        for (long r = 0; r < rows; ++r) __builtin_memcpy(few + r * kTerms, from + r * stride, terms * sizeof(float));
      }
      from = few, stride = kTerms;
    }
    char* const to = out_ + done_ / kTerms * kStepBytes + row_ / kSide * kTileBytes + row_ % kSide * kRowBytes;
    for (long r = 0; r < rows; ++r) {
      split(to + r * kRowBytes, load(from + r * stride), load(from + r * stride + kSide));
    }
    row_ += rows;
    if (row_ == rows_) row_ = 0, done_ += kTerms;
  }

  char* out_;
  const float* a_;
  long a_row_;
  long a_col_;
  long rows_;
  long k_;
  long done_ = 0;  // terms
  long row_ = 0;   // of the next ones
};

// The instructions, by number of tile. Each reads or writes memory that the compiler does not see.
template <int t>
FASTBP_INLINE void tile_load(const void* from, long stride) {
  asm volatile("tileloadd (%0,%1,1), %%tmm%c2" : : "r"(from), "r"(stride), "i"(t) : "memory");
}
template <int t>
FASTBP_INLINE void tile_store(void* to, long stride) {
  asm volatile("tilestored %%tmm%c2, (%0,%1,1)" : : "r"(to), "r"(stride), "i"(t) : "memory");
}
template <int t>
FASTBP_INLINE void tile_zero() {
  asm volatile("tilezero %%tmm%c0" : : "i"(t));
}
template <int c, int a, int b>
FASTBP_INLINE void tile_multiply_add() {
  asm volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(c), "i"(a), "i"(b));
}

// All eight tiles have 16 rows of 64 bytes, for as long as this lives.
class Tiles {
 public:
  Tiles() {
    static constexpr struct {
      uint8_t palette = 1, start_row = 0, reserved[14] = {};
      uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
      uint8_t rows[16] = {kSide, kSide, kSide, kSide, kSide, kSide, kSide, kSide};
    } config;
    asm volatile("ldtilecfg %0" : : "m"(config));
  }
  ~Tiles() { asm volatile("tilerelease"); }
  Tiles(const Tiles&) = delete;
  Tiles& operator=(const Tiles&) = delete;
};

// Tiles 0 to 3 are C, 4 and 5 a piece of A, 6 and 7 one of B.
template <bool two_rows, bool two_cols>
struct PairOfTiles {
  FASTBP_INLINE static void load_a(const char* step, Piece piece) {
    tile_load<4>(step + 2 * piece * kTileBytes, kRowBytes);
    if (two_rows) tile_load<5>(step + (2 * piece + 1) * kTileBytes, kRowBytes);
  }
  FASTBP_INLINE static void load_b(const char* step, Piece piece) {
    tile_load<6>(step + 2 * piece * kTileBytes, kRowBytes);
    if (two_cols) tile_load<7>(step + (2 * piece + 1) * kTileBytes, kRowBytes);
  }
  FASTBP_INLINE static void multiply() {
    tile_multiply_add<0, 4, 6>();
    if (two_cols) tile_multiply_add<1, 4, 7>();
    if (two_rows) tile_multiply_add<2, 5, 6>();
    if (two_rows && two_cols) tile_multiply_add<3, 5, 7>();
  }
};

// C (32 or 16 rows, 32 or 16 columns) = or += the sum over `steps` steps of A's and B's pieces.
template <bool two_rows, bool two_cols>
void tile_of_pieces(float* c, long c_stride, bool accumulate, const char* a, const char* b, long steps,
                    PanelOfPieces& next) {
  using Pair = PairOfTiles<two_rows, two_cols>;
  const long stride = c_stride * static_cast<long>(sizeof(float));
  float* const below = c + kSide * c_stride;
  if (accumulate) {
    tile_load<0>(c, stride);
    if (two_cols) tile_load<1>(c + kSide, stride);
    if (two_rows) tile_load<2>(below, stride);
    if (two_rows && two_cols) tile_load<3>(below + kSide, stride);
  } else {
    tile_zero<0>();
    if (two_cols) tile_zero<1>();
    if (two_rows) tile_zero<2>();
    if (two_rows && two_cols) tile_zero<3>();
  }
  for (; steps > 0; --steps, a += kStepBytes, b += kStepBytes) {
    Pair::load_a(a, kLow);  // what is small first
    Pair::load_b(b, kHigh);
    Pair::multiply();
    Pair::load_a(a, kMiddle);
    Pair::multiply();
    Pair::load_b(b, kMiddle);
    Pair::multiply();
    Pair::load_a(a, kHigh);
    Pair::multiply();
    Pair::load_b(b, kLow);
    Pair::multiply();
    Pair::load_b(b, kHigh);
    Pair::multiply();
    next.some();
  }
  tile_store<0>(c, stride);
  if (two_cols) tile_store<1>(c + kSide, stride);
  if (two_rows) tile_store<2>(below, stride);
  if (two_rows && two_cols) tile_store<3>(below + kSide, stride);
}

// How a product is cut: `depth` of k at a time, and `block` columns of B.
struct Blocks {
  long depth;
  long steps_bytes;  // of two tiles, over all of `depth`
  long block;

  static Blocks of(const Product<float>& p) {
    const long depth = p.c && p.k > kPiecesDepth * 3 / 2 ? kPiecesDepth : p.k;
    const long steps_bytes = (depth + kTerms - 1) / kTerms * kStepBytes;
    const long pairs = (p.n + kPair - 1) / kPair;
    return {depth, steps_bytes, smaller(pairs, kPiecesBytes / steps_bytes) * kPair};
  }
};

// Measured at 3.7 GHz, in ns: 0.0105 for each multiplication and addition of a whole product by vectors, half of that
// by tiles; 0.18 to split an element, 0.33 where it must be turned as well.
bool pays_in_pieces(const Product<float>& p) {
  if (!p.pack || p.m < kPair || p.n < kPair || p.k < kTerms || (!p.c && p.k > kMostDepth)) return false;
  const double split_a = p.a_col == 1 ? 0.18 : 0.33;
  return 0.18 / static_cast<double>(p.m) + split_a / static_cast<double>(smaller(p.n, Blocks::of(p).block)) < 0.0045;
}

// What a panel of C starts from.
void begin_panel(float* c, long c_stride, const Product<float>& p, long row, long col, long rows, long cols) {
  for (long r = 0; r < rows; ++r) {
    for (long n = 0; n < cols; n += kSide) {
      store<float>(c + r * c_stride + n, p.bias_by_row ? broadcast<float>(p.bias[row + r]) : load(p.bias + col + n));
    }
  }
}

void copy_panel(float* to, long to_stride, const float* from, long from_stride, long rows, long cols) {
  for (long r = 0; r < rows; ++r) __builtin_memcpy(to + r * to_stride, from + r * from_stride, cols * sizeof(float));
}

// As `product`, with other roundings.
void product_in_pieces(const Product<float>& p) {
  const Tiles tiles;
  alignas(64) float
      scratch[kPair * kPanelCols];  // (rows, cols): a panel that has no place in C, or whose tiles reach beyond it
  const auto [depth, steps_bytes, block] = Blocks::of(p);
  const long wide = (p.n + kSide - 1) / kSide * kSide;
  char* const b_pieces = reinterpret_cast<char*>(p.pack);
  char* const a_pieces = b_pieces + block / kPair * steps_bytes;  // of this panel and the next, in turn

  for (long n0 = 0; n0 < wide; n0 += block) {
    const long block_cols = smaller(block, wide - n0);
    for (long k0 = 0; k0 < p.k; k0 += depth) {
      const long k = smaller(depth, p.k - k0), steps = (k + kTerms - 1) / kTerms;
      const bool begins = k0 == 0 && !p.accumulate, ends = k0 + depth >= p.k;
      const bool accumulate = !begins || p.bias;
      split_b(b_pieces, p.b + k0 * p.b_stride + n0, p.b_stride, k, block_cols);
      PanelOfPieces next(a_pieces, p, 0, k0, k);
      next.all();
      for (long m0 = 0; m0 < p.m; m0 += kPair) {
        const PanelOfPieces panel = next;
        const long rows = panel.rows(), next_row = smaller(m0 + kPair, p.m);
        next = {panel.pieces() == a_pieces ? a_pieces + steps_bytes : a_pieces, p, next_row, k0, k};
        for (long n1 = 0; n1 < block_cols; n1 += kPanelCols) {
          const long cols = smaller(kPanelCols, block_cols - n1), col = n0 + n1;
          float* const place = p.c ? p.c + m0 * p.c_stride + col : scratch;
          const bool in_place = p.c && rows % kSide == 0;
          float* const c = in_place ? place : scratch;
          const long c_stride = in_place ? p.c_stride : kPanelCols;
          if (begins && p.bias) begin_panel(c, c_stride, p, m0, col, rows, cols);
          if (!begins && c != place) copy_panel(c, c_stride, place, p.c_stride, rows, cols);
          for (long n = 0; n < cols; n += kPair) {
            const bool two_rows = rows > kSide, two_cols = cols - n > kSide;
            const auto run = two_rows   ? two_cols ? tile_of_pieces<true, true> : tile_of_pieces<true, false>
                             : two_cols ? tile_of_pieces<false, true>
                                        : tile_of_pieces<false, false>;
            run(c + n, c_stride, accumulate, panel.pieces(), b_pieces + (n1 + n) / kPair * steps * kStepBytes, steps,
                next);
          }
          if (c != place) copy_panel(place, p.c_stride, c, c_stride, rows, cols);
          if (ends && p.finish.call) {
            p.finish.call(p.finish.context, place, p.c ? p.c_stride : c_stride, p.finish.row + m0, p.finish.col + col,
                          rows, smaller(cols, p.n - col));
          }
        }
        next.all();
      }
    }
  }
}

}  // namespace
}  // namespace fastbp
