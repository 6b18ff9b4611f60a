// A product, shared by a team.
#pragma once

#include "core/arena.h"
#include "core/team.h"
#include "kernels/kernel_table.h"

namespace fastbp {

enum class Cut { rows, columns };

// Computes the member's part of a product, a range of C's rows or columns. The bits of C do not depend on the cut:
// every element is one sum over k, in order.
template <typename T>
void shared_product(const Kernels<T>& kernels, Product<T> p, Cut cut, const Member& me) {
  if (cut == Cut::columns) {
    const Range cols = me.share(p.n, kAlignment / static_cast<long>(sizeof(T)));
    if (p.c) p.c += cols.first;
    if (p.bias) p.bias += cols.first;
    p.b += cols.first;
    p.finish.col += cols.first;
    p.n = cols.count();
  } else {
    constexpr long kRows = 8;  // a multiple of every tile's height
    const Range rows = me.share(p.m, kRows);
    if (p.c) p.c += rows.first * p.c_stride;
    p.a += rows.first * p.a_row;
    p.finish.row += rows.first;
    p.m = rows.count();
  }
  if (p.m > 0 && p.n > 0) kernels.product(p);
}

}  // namespace fastbp
