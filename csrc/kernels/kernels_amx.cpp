// AVX-512's kernels, with large products of floats by the matrix unit (AMX). The rules of kernels.cpp hold here, too.
#include "kernels/gemm_pieces.h"

namespace fastbp {

KernelTable kernel_table_avx512();

KernelTable kernel_table_amx() {
  KernelTable table = kernel_table_avx512();
  table.name = "amx";
  table.f32.product_in_pieces = product_in_pieces;
  table.f32.pays_in_pieces = pays_in_pieces;
  return table;
}

}  // namespace fastbp
