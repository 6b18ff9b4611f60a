// z = x·w + b;  y = f(z)
// dz = dy ⊙ f'(z);  dx = dz·wᵀ;  dw = xᵀ·dz;  db = Σ_rows dz
#include "nn/dense.h"

#include "nn/shared_product.h"

namespace fastbp {

template <typename T>
Dense<T>::Dense(ParameterArena<T>& arena, const ActivationKernel<T>& activation, long inputs, long outputs,
                bool use_bias)
    : arena_(arena), activation_(activation), w_(arena.declare_matrix(inputs, outputs)), use_bias_(use_bias) {
  parameters_.push_back(w_);
  if (use_bias) parameters_.push_back(arena.declare_vector(outputs));
}

template <typename T>
void Dense<T>::forward(MatrixView<T> y, MatrixView<const T> x, const Pass<T>& pass) const {
  const bool activate = !pass.logits;
  Product<T> p = {};
  p.c = y.data, p.c_stride = y.stride;
  p.a = x.data, p.a_row = x.stride, p.a_col = 1;
  p.b = arena_.values() + w_.offset, p.b_stride = w_.stride;
  p.bias = use_bias_ ? arena_.values() + parameters_[1].offset : nullptr;
  p.m = x.rows, p.n = outputs(), p.k = inputs();
  p.pack = pass.pack;
  if (activate && !activation_.by_row) {
    p.finish.context = &activation_;
    p.finish.call = [](const void* context, void* c, long c_stride, long, long, long rows, long cols) {
      static_cast<const ActivationKernel<T>*>(context)->forward(static_cast<T*>(c), rows, cols, c_stride);
    };
  }
  // Members that share the rows of z each read all of w; those that share its columns each read all of x.
  const Cut cut = outputs() >= 4 * x.rows && w_.stride >= 2 * padded<T>(1) * pass.me.size() ? Cut::columns : Cut::rows;
  shared_product(pass.kernels, p, cut, pass.me);
  if (activate && activation_.by_row) {
    pass.me.wait();  // for whole rows
    const Range rows = pass.me.share(y.rows, kRowUnit);
    activation_.forward(y.row(rows.first), rows.count(), y.cols, y.stride);
  }
}

template <typename T>
void Dense<T>::backward(MatrixView<T> dx, MatrixView<T> dy, MatrixView<const T> y, MatrixView<const T> x,
                        const Pass<T>& pass) const {
  const Range rows = pass.me.share(y.rows, kRowUnit);
  if (!pass.logits) activation_.backward(dy.row(rows.first), y.row(rows.first), rows.count(), y.cols, y.stride);
  const MatrixView<T>& dz = dy;
  if (dx.data) input_slopes(dx, dz, pass);  // first, for it needs the weights from before the update
  pass.me.wait();
  kernel_slopes(dz, x, pass);
  if (use_bias_) bias_slopes(dz, pass);
}

// dxᵀ = w·dzᵀ: only the deltas are ever transposed, never the weights.
template <typename T>
void Dense<T>::input_slopes(MatrixView<T> dx, MatrixView<const T> dz, const Pass<T>& pass) const {
  struct Context {
    const Kernels<T>& kernels;
    MatrixView<T> dx;
  };
  const Context context = {pass.kernels, dx};
  const long dzt_stride = padded<T>(dz.rows);
  T* dzt = pass.scratch;  // (outputs, batch)
  const Range rows = pass.me.share(dz.rows, kRowUnit);
  pass.kernels.transpose(dzt + rows.first, dzt_stride, dz.row(rows.first), dz.stride, rows.count(), dz.cols);
  pass.me.wait();
  Product<T> p = {};
  p.a = arena_.values() + w_.offset, p.a_row = w_.stride, p.a_col = 1;
  p.b = dzt, p.b_stride = dzt_stride;
  p.m = inputs(), p.n = dz.rows, p.k = outputs();
  p.pack = pass.pack;
  p.finish.context = &context;
  p.finish.call = [](const void* opaque, void* dxt, long dxt_stride, long row, long col, long rows, long cols) {
    const Context& to = *static_cast<const Context*>(opaque);
    to.kernels.transpose(to.dx.row(col) + row, to.dx.stride, static_cast<const T*>(dxt), dxt_stride, rows, cols);
  };
  shared_product(pass.kernels, p, Cut::rows, pass.me);
}

template <typename T>
void Dense<T>::kernel_slopes(MatrixView<const T> dz, MatrixView<const T> x, const Pass<T>& pass) const {
  struct Context {
    const Optimizer<T>& optimizer;
    const Block& w;
  };
  Product<T> p = {};
  p.a = x.data, p.a_row = 1, p.a_col = x.stride;
  p.b = dz.data, p.b_stride = dz.stride;
  p.m = inputs(), p.n = outputs(), p.k = dz.rows;
  p.pack = pass.pack;
  if (!pass.optimizer) {
    p.c = arena_.gradients() + w_.offset, p.c_stride = w_.stride;
    shared_product(pass.kernels, p, Cut::rows, pass.me);
    return;
  }
  const Context context = {*pass.optimizer, w_};
  p.finish.context = &context;
  p.finish.call = [](const void* opaque, void* c, long c_stride, long row, long col, long rows, long cols) {
    const Context& to = *static_cast<const Context*>(opaque);
    to.optimizer.apply(to.w.offset + row * to.w.stride + col, to.w.stride, static_cast<const T*>(c), c_stride, rows,
                       padded<T>(cols));
  };
  shared_product(pass.kernels, p, Cut::rows, pass.me);
}

template <typename T>
void Dense<T>::bias_slopes(MatrixView<const T> dz, const Pass<T>& pass) const {
  const Block& b = parameters_[1];
  const Range cols = pass.me.share(b.stride, kAlignment / static_cast<long>(sizeof(T)));
  T* db = (pass.optimizer ? pass.row : arena_.gradients() + b.offset) + cols.first;
  pass.kernels.column_sums(db, dz.data + cols.first, dz.rows, cols.count(), dz.stride);
  if (pass.optimizer) pass.optimizer->apply(b.offset + cols.first, b.stride, db, b.stride, 1, cols.count());
}

template class Dense<float>;
template class Dense<double>;

}  // namespace fastbp
