// The network as Python holds it.
#pragma once

#include <atomic>
#include <optional>
#include <stdexcept>

#include "nn/network.h"
#include "nn/propagation.h"

namespace fastbp {

// One user at a time: a second thread gets an error and not a torn model.
class Busy {
 public:
  explicit Busy(std::atomic<bool>& flag) : flag_(flag) {
    if (flag_.exchange(true)) throw std::runtime_error("the model is being trained or evaluated by another thread");
  }
  ~Busy() { flag_ = false; }

 private:
  std::atomic<bool>& flag_;
};

template <typename T>
class PyNetwork : public Network<T> {
 public:
  using Network<T>::Network;

  std::atomic<bool> busy{false};  // while a trainer of this network works, or its propagation
  Propagation<T> propagation;

  static constexpr long kQuickRows = 64;

  // Predicts up to kQuickRows rows, in a workspace kept from one call to the next: the GIL keeps it to one caller.
  void predict_few(MatrixView<T> out, MatrixView<const T> x) {
    if (!quick_) quick_.emplace(this->layers(), kQuickRows, samples_in_rows, Workspace<T>::Use::inference);
    Poll nothing([] {});
    this->predict(out, x, *quick_, nothing);
  }

 private:
  std::optional<Workspace<T>> quick_;
};

}  // namespace fastbp
