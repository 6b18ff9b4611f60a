// A product, shared by a team.
#pragma once

#include "core/team.h"
#include "kernels/kernel_table.h"
#include "nn/layer.h"

namespace fastbp {

enum class Cut { rows, columns };

// Computes the member's part of a product, a range of C's rows or columns. The bits of C do not depend on the cut:
// every element is one sum over k, in order, and how it is computed is decided for all of them: by `rows`, where p
// itself is but a part of so many.
template <typename T>
void shared_product(const Kernels<T>& kernels, Product<T> p, Cut cut, const Member& me, long rows = 0) {
  Product<T> whole = p;
  if (rows > 0) whole.m = rows;
  const bool in_pieces = kernels.product_in_pieces && kernels.pays_in_pieces(whole);
  const Range own = me.share(cut == Cut::columns ? p.n : p.m, kShareUnit);
  if (cut == Cut::columns) {
    if (p.c) p.c += own.first;
    if (p.bias && !p.bias_by_row) p.bias += own.first;
    p.b += own.first;
    p.finish.col += own.first;
    p.n = own.count();
  } else {
    if (p.c) p.c += own.first * p.c_stride;
    if (p.bias && p.bias_by_row) p.bias += own.first;
    p.a += own.first * p.a_row;
    p.finish.row += own.first;
    p.m = own.count();
  }
  if (p.m > 0 && p.n > 0) (in_pieces ? kernels.product_in_pieces : kernels.product)(p);
}

}  // namespace fastbp
