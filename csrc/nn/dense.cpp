// z = x·w + b;  y = f(z)
// dz = dy ⊙ f'(z);  dx = dz·wᵀ;  dw = xᵀ·dz;  db = Σ_samples dz
#include "nn/dense.h"

#include <algorithm>
#include <cstring>

#include "nn/shared_product.h"
#include "nn/tape.h"

namespace fastbp {

template <typename T>
Dense<T>::Dense(ParameterArena<T>& arena, Nonlinearity<T> activation, long inputs, long outputs, bool use_bias)
    : arena_(arena),
      activation_(std::move(activation)),
      w_(arena.declare_matrix(inputs, outputs)),
      b_{},
      use_bias_(use_bias) {
  this->parameters_.push_back({w_, true});
  if (!use_bias) return;
  b_ = arena.declare_vector(outputs);
  this->parameters_.push_back({b_, true});
}

template <typename T>
long Dense<T>::kept(long samples, Layout layout, bool training) const {
  const MatrixView<T> slopes = lay<T>(nullptr, outputs(), samples, layout);
  const long sums = training && layout == samples_in_columns ? sums_size() : 0;
  return sums + (training && activation_.kernel->keeps_slope ? slopes.rows * slopes.stride : 0);
}

template <typename T>
T* Dense<T>::slopes_of(const Record<T>& record, const Pass<T>& pass) const {
  return activation_.slopes(record.kept + (pass.layout == samples_in_columns ? sums_size() : 0), pass);
}

// Where a layer has many inputs for each sample, members share the inputs: each sums over its own rows of w, and the
// sums, smaller than w, are added up in order. Then nobody reads what another has updated. A smaller w is not worth a
// team; a larger one is in nobody's cache by the next step, and comes from memory whoever has updated it. A part of a
// batch has but one member.
constexpr long kManyInputs = 3;                                         // for each sample
constexpr long kLeastBytes = 128 * 1024, kMostBytes = 4 * 1024 * 1024;  // of w

template <typename T>
long Dense<T>::most_for_shared_inputs() const {
  const long bytes = w_.rows * w_.stride * static_cast<long>(sizeof(T));
  return kLeastBytes <= bytes && bytes <= kMostBytes ? inputs() / kManyInputs : 0;
}

template <typename T>
bool Dense<T>::shares_inputs(long samples, long batch, Layout layout) const {
  return layout == samples_in_columns && samples == batch && samples <= most_for_shared_inputs();
}

// The sums of all parts but the first, for as many samples as there may be.
template <typename T>
long Dense<T>::sums_size() const {
  return (kInputParts - 1) * outputs() * padded<T>(most_for_shared_inputs());
}

// Whether slopes of the kernel are sums along samples, of rows of x with rows of dz as they lie: then nothing is
// transposed, and no vector is filled up for a few nodes. Each sum ends in a sum of a vector's lanes, so there must be
// few sums, or many samples.
template <typename T>
bool Dense<T>::sums_along_samples(long samples, const Pass<T>& pass) const {
  constexpr long kFewNodes = 4, kManySamples = 6;  // for each input
  return pass.layout == samples_in_columns && !pass.x && (outputs() <= kFewNodes || samples >= kManySamples * inputs());
}

// Of so many samples in rows, the number does not matter to how a product is computed: so a prediction does not depend
// on the size of the batches.
constexpr long kManyRows = 512;

// Outputs of a single sample: more are as many sums as a core adds to at a time. Not in inference, for the same reason.
constexpr long kShortRow = 64;

// Members share the nodes of a layer, and for what w takes part in on the way back, its inputs: so each updates rows of
// w in one piece, from which it has computed its own rows of dx. Columns of w alternate with others' every few lines,
// and machines fetch those ahead too.
template <typename T>
void Dense<T>::forward(const MatrixView<T>& y, const MatrixView<const T>& x, const Record<T>& record,
                       const Pass<T>& pass) const {
  if (pass.x) return forward_sparse(y, record, pass);
  if (shares_inputs(y.cols, pass.batch, pass.layout)) return forward_by_inputs(y, x, record, pass);
  const bool in_columns = pass.layout == samples_in_columns;
  const MatrixView<const T> w = {arena_.values() + w_.offset, w_.rows, w_.cols, w_.stride};
  Product<T> p = {};
  p.c = y.data, p.c_stride = y.stride;
  if (in_columns) {
    p.a = w.data, p.a_row = 1, p.a_col = w.stride;
    p.b = x.data, p.b_stride = x.stride;
  } else {
    p.a = x.data, p.a_row = x.stride, p.a_col = 1;
    p.b = w.data, p.b_stride = w.stride;
  }
  p.bias = use_bias_ ? arena_.values() + b_.offset : nullptr;
  p.bias_by_row = in_columns;
  p.m = y.rows, p.n = y.cols, p.k = inputs();
  p.in_parts = pass.training && !in_columns && y.rows == 1 && y.cols <= kShortRow;
  p.pack = pass.pack;
  struct Context {
    const Nonlinearity<T>& activation;
    const T* y;
    T* slopes;  // as y, or null
  };
  T* const slopes = slopes_of(record, pass);
  const Context context = {activation_, y.data, slopes};
  if (!pass.logits && !activation_.whole_samples()) {
    p.finish.context = &context;
    p.finish.call = [](const void* opaque, void* c, long c_stride, long, long, long rows, long cols) {
      const Context& to = *static_cast<const Context*>(opaque);
      T* const panel = static_cast<T*>(c);
      to.activation.forward({panel, rows, cols, c_stride}, to.slopes ? to.slopes + (panel - to.y) : nullptr,
                            samples_in_rows);  // any block of elements
    };
  }
  shared_product(pass.kernels, p, in_columns ? Cut::rows : Cut::columns, pass.me,
                 in_columns ? 0 : std::min(pass.batch, kManyRows));
  if (!pass.logits && activation_.whole_samples()) {
    pass.me.wait();
    const long samples = in_columns ? y.cols : y.rows;
    const MatrixView<T> own = samples_from(y, pass.layout, pass.me.share(samples, kShareUnit));
    activation_.forward(own, slopes ? slopes + (own.data - y.data) : nullptr, pass.layout);
  }
}

template <typename T>
void Dense<T>::forward_by_inputs(const MatrixView<T>& y, const MatrixView<const T>& x, const Record<T>& record,
                                 const Pass<T>& pass) const {
  const long size = y.rows * y.stride;
  const auto sum_of = [&](long part) { return part == 0 ? y.data : record.kept + (part - 1) * size; };
  // All nodes of one part, then all of the next, are one line, of which each member has a piece.
  const long units = (outputs() + kShareUnit - 1) / kShareUnit;
  const Range piece = pass.me.share(kInputParts * units, 1);
  for (long part = piece.first / units; part * units < piece.last; ++part) {
    const long first = std::max(piece.first - part * units, 0L) * kShareUnit;
    const long last = std::min((piece.last - part * units) * kShareUnit, outputs());
    const Range own = inputs_of(part, inputs());
    Product<T> p = {};
    p.c = sum_of(part) + first * y.stride, p.c_stride = y.stride;
    p.a = arena_.values() + w_.offset + own.first * w_.stride + first, p.a_row = 1, p.a_col = w_.stride;
    p.b = x.row(own.first), p.b_stride = x.stride;
    if (part == 0 && use_bias_) p.bias = arena_.values() + b_.offset + first;
    p.bias_by_row = true;
    p.m = last - first, p.n = y.cols, p.k = own.count();
    p.pack = pass.pack;
    shared_product(pass.kernels, p, Cut::rows, Member::alone(), outputs());
  }
  pass.me.wait();
  const Range nodes = this->own_nodes(outputs(), pass);
  const MatrixView<T> own = y.rows_from(nodes.first, nodes.count());
  for (long part = 1; part < kInputParts; ++part) {
    pass.kernels.add(own.data, sum_of(part) + nodes.first * y.stride, own.rows * own.stride);
  }
  if (pass.logits) return;
  T* const slopes = slopes_of(record, pass);
  if (activation_.whole_samples()) {
    pass.me.wait();
    const MatrixView<T> a = samples_from(y, pass.layout, pass.me.share(y.cols, kShareUnit));
    activation_.forward(a, slopes ? slopes + (a.data - y.data) : nullptr, pass.layout);
  } else {
    activation_.forward(own, slopes ? slopes + nodes.first * y.stride : nullptr, pass.layout);
  }
}

// Members share samples: each reads the rows of w that its samples have entries for.
template <typename T>
void Dense<T>::forward_sparse(const MatrixView<T>& y, const Record<T>& record, const Pass<T>& pass) const {
  const bool in_columns = pass.layout == samples_in_columns;
  const long samples = in_columns ? y.cols : y.rows;
  const Range own = pass.me.share(samples, kShareUnit);
  const MatrixView<T> z = in_columns ? lay(record.slopes, outputs(), samples, samples_in_rows) : y;
  const MatrixView<T> a = samples_from(y, pass.layout, own);
  const SparseBatch<T> x = pass.x->from(own.first);
  pass.kernels.sparse_product(z.row(own.first), z.stride, x.rows, x.index, arena_.values() + w_.offset, w_.stride,
                              use_bias_ ? arena_.values() + b_.offset : nullptr, 0, own.count(), outputs());
  if (in_columns) {
    pass.kernels.transpose(a.data, a.stride, z.row(own.first), z.stride, nullptr, own.count(), outputs());
  }
  if (pass.logits) return;
  T* const slopes = slopes_of(record, pass);
  activation_.forward(a, slopes ? slopes + (a.data - y.data) : nullptr, pass.layout);
}

template <typename T>
void Dense<T>::backward(const MatrixView<T>& dx, const MatrixView<T>& dy, const MatrixView<const T>& y,
                        const MatrixView<const T>& x, const Record<T>& record, const Pass<T>& pass) const {
  const bool in_columns = pass.layout == samples_in_columns;
  const bool along = sums_along_samples(dy.cols, pass);
  const MatrixView<T> dz = !in_columns ? dy
                           : along     ? MatrixView<T>{}
                                       : lay(record.slopes, outputs(), dy.cols, samples_in_rows);
  const T* slopes = slopes_of(record, pass);
  node_slopes(dz, dy, slopes ? slopes : y.data, pass);
  pass.me.wait();
  // dx first, for it needs the weights from before the update. No wait in between: the rows of w that a member updates
  // are those that it alone has read here.
  if (dx.data) input_slopes(dx, dz, dy, pass);
  if (this->trainable_) {
    if (pass.x) {
      sparse_kernel_slopes(dz, pass);
    } else if (along) {
      kernel_slopes_along_samples(dy, x, pass);
    } else {
      kernel_slopes(dz, x, pass);
    }
    if (use_bias_) bias_slopes(dz, dy, pass);
  }
  if (dx.data) pass.me.wait();  // dy is read up to here, and the layer below may write there
}

// dz = dy ⊙ f'(z), in dy's layout and (if it has a place) in rows: of the member's own nodes. `a`, which f' comes from,
// lies as dy.
template <typename T>
void Dense<T>::node_slopes(const MatrixView<T>& dz, const MatrixView<T>& dy, const T* a, const Pass<T>& pass) const {
  const bool by_sample = !pass.logits && activation_.whole_samples();
  if (by_sample) {
    pass.me.wait();
    const long samples = pass.layout == samples_in_columns ? dy.cols : dy.rows;
    const MatrixView<T> d = samples_from(dy, pass.layout, pass.me.share(samples, kShareUnit));
    activation_.backward(d, a + (d.data - dy.data), pass.layout);
    pass.me.wait();
  }
  const Range nodes = this->own_nodes(outputs(), pass);
  if (pass.layout == samples_in_rows) {
    if (!by_sample && !pass.logits) {
      activation_.backward(nodes_from(dy, pass.layout, nodes), a + nodes.first, pass.layout);
    }
    return;
  }
  constexpr long block = 16;  // of nodes, so that their slopes are still in a cache when they are transposed
  for (long i = nodes.first, count; i < nodes.last; i += count) {
    count = nodes.last - i < 2 * block ? nodes.last - i : block;
    if (!by_sample && !pass.logits) {
      activation_.backward(dy.rows_from(i, count), a + i * dy.stride, pass.layout);
    }
    if (dz.data) pass.kernels.transpose(dz.data + i, dz.stride, dy.row(i), dy.stride, nullptr, count, dy.cols);
  }
}

// Only the deltas are ever transposed, never the weights.
template <typename T>
void Dense<T>::input_slopes(const MatrixView<T>& dx, const MatrixView<const T>& dz, const MatrixView<const T>& dzt,
                            const Pass<T>& pass) const {
  const T* w = arena_.values() + w_.offset;
  if (pass.layout == samples_in_columns) {
    Product<T> p = {};
    p.c = dx.data, p.c_stride = dx.stride;
    p.a = w, p.a_row = w_.stride, p.a_col = 1;
    p.b = dzt.data, p.b_stride = dzt.stride;
    p.m = inputs(), p.n = dzt.cols, p.k = outputs();
    p.pack = pass.pack;
    shared_product(pass.kernels, p, Cut::rows, pass.me);
  } else {
    const Range nodes = pass.me.share(inputs(), kShareUnit);
    pass.kernels.dots(dx.data + nodes.first, dx.stride, dz.data, dz.stride, w + nodes.first * w_.stride, w_.stride,
                      dz.rows, nodes.count(), outputs());
  }
}

template <typename T>
void Dense<T>::kernel_slopes(const MatrixView<const T>& dz, const MatrixView<const T>& x, const Pass<T>& pass) const {
  const bool in_columns = pass.layout == samples_in_columns;
  if (!in_columns && dz.rows == 1 && !pass.gradients) {
    const Range own = pass.me.share(inputs(), kShareUnit);
    pass.optimizer->apply(w_.offset + own.first * w_.stride, w_.stride, {dz.data, 0, x.data + own.first}, own.count(),
                          padded<T>(outputs()));
    return;
  }
  struct Context {
    const Optimizer<T>& optimizer;
    const Block& w;
  };
  Product<T> p = {};
  p.a = x.data, p.a_row = in_columns ? x.stride : 1, p.a_col = in_columns ? 1 : x.stride;
  p.b = dz.data, p.b_stride = dz.stride;
  p.m = inputs(), p.n = outputs(), p.k = dz.rows;
  p.pack = pass.pack;
  if (pass.gradients) {
    p.c = pass.gradients + w_.offset, p.c_stride = w_.stride;
    p.accumulate = pass.accumulate;
    shared_product(pass.kernels, p, Cut::rows, pass.me);
    return;
  }
  const Context context = {*pass.optimizer, w_};
  p.finish.context = &context;
  p.finish.call = [](const void* opaque, void* c, long c_stride, long row, long col, long rows, long cols) {
    const Context& to = *static_cast<const Context*>(opaque);
    to.optimizer.apply(to.w.offset + row * to.w.stride + col, to.w.stride, {static_cast<const T*>(c), c_stride}, rows,
                       padded<T>(cols));
  };
  shared_product(pass.kernels, p, Cut::rows, pass.me);
}

template <typename T>
void Dense<T>::kernel_slopes_along_samples(const MatrixView<const T>& dzt, const MatrixView<const T>& x,
                                           const Pass<T>& pass) const {
  constexpr long kPanel = 2048;  // elements: in the first-level cache when they are applied
  const Range inputs = pass.me.share(x.rows, kShareUnit);
  const bool in_place = pass.gradients && !pass.accumulate;
  for (long n = 0, count; n < dzt.rows; n += count) {
    count = std::min(kPanel, dzt.rows - n);
    const long cols = padded<T>(count), most_rows = kPanel / cols;
    T* const panel = pass.pack;  // (rows, cols), with pads of 0
    if (!in_place) std::memset(panel, 0, std::min(most_rows, inputs.count()) * cols * sizeof(T));
    for (long i = inputs.first, rows; i < inputs.last; i += rows) {
      rows = std::min(most_rows, inputs.last - i);
      const long at = w_.offset + i * w_.stride + n;
      pass.kernels.dots(in_place ? pass.gradients + at : panel, in_place ? w_.stride : cols, x.row(i), x.stride,
                        dzt.row(n), dzt.stride, rows, count, dzt.cols);
      if (!pass.gradients) {
        pass.optimizer->apply(at, w_.stride, {panel, cols}, rows, cols);
      } else if (pass.accumulate) {
        for (long r = 0; r < rows; ++r) pass.kernels.add(pass.gradients + at + r * w_.stride, panel + r * cols, cols);
      }
    }
  }
}

// Members share the rows of w. Those of columns without entries have slopes of 0; they too are updated, for slots
// decay.
template <typename T>
void Dense<T>::sparse_kernel_slopes(const MatrixView<const T>& dz, const Pass<T>& pass) const {
  constexpr long kPanel = 4096;  // elements: in the first-level cache when they are applied
  const auto [columns, which, count, xt] = pass.x->by_column->sort(*pass.x, dz.rows, pass.me);  // waits for all of dz
  const long stride = w_.stride, block = std::min(stride, kPanel), most = kPanel / block;
  T *const panel = pass.pack, *const zeros = panel + kPanel;
  if (!pass.gradients) std::fill_n(zeros, block, T(0));
  const auto slopes = [&](long row, long rows, SparseRows<T> entries) {
    const long at = w_.offset + row * stride;
    if (pass.gradients) {
      T* const dw = pass.gradients + at;
      pass.kernels.sparse_product(dw, stride, entries, nullptr, dz.data, dz.stride, pass.accumulate ? dw : nullptr,
                                  stride, rows, stride);
      return;
    }
    for (long c = 0; c < stride; c += block) {
      const long cols = std::min(block, stride - c);
      pass.kernels.sparse_product(panel, cols, entries, nullptr, dz.data + c, dz.stride, nullptr, 0, rows, cols);
      pass.optimizer->apply(at + c, stride, {panel, cols}, rows, cols);
    }
  };
  const auto no_slopes = [&](long row, long rows) {
    const long at = w_.offset + row * stride;
    if (pass.gradients) {
      if (!pass.accumulate) std::fill_n(pass.gradients + at, rows * stride, T(0));
    } else if (!pass.optimizer->ignores_zero(at)) {
      for (long c = 0; c < stride; c += block) {
        pass.optimizer->apply(at + c, stride, {zeros, 0}, rows, std::min(block, stride - c));
      }
    }
  };
  long row = columns.first;
  for (long i = 0, rows; i < count; i += rows, row += rows) {
    if (which[i] > row) no_slopes(row, which[i] - row);
    row = which[i];
    for (rows = 1; rows < most && i + rows < count && which[i + rows] == row + rows;) ++rows;
    slopes(row, rows, {xt.starts + i, xt.columns, xt.values});
  }
  if (columns.last > row) no_slopes(row, columns.last - row);
}

// dz (samples, nodes), or where it has no place, dzt (nodes, samples).
template <typename T>
void Dense<T>::bias_slopes(const MatrixView<const T>& dz, const MatrixView<const T>& dzt, const Pass<T>& pass) const {
  const Range own = pass.me.share(b_.stride, kShareUnit);
  T* const db = (pass.gradients ? pass.gradients : arena_.gradients()) + b_.offset + own.first;
  const bool accumulate = pass.gradients && pass.accumulate;
  if (dz.data) {
    pass.kernels.column_sums(db, dz.data + own.first, dz.rows, own.count(), dz.stride, accumulate);
  } else {
    const Range nodes = this->own_nodes(outputs(), pass);
    pass.kernels.row_sums(db, dzt.row(nodes.first), nodes.count(), dzt.cols, dzt.stride, accumulate);
  }
  if (!pass.gradients) pass.optimizer->apply_stored(b_.offset + own.first, own.count());
}

template class Dense<float>;
template class Dense<double>;

}  // namespace fastbp
