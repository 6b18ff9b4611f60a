// The network as Python holds it.
#pragma once

#include <atomic>
#include <optional>

#include "nn/network.h"

namespace fastbp {

template <typename T>
class PyNetwork : public Network<T> {
 public:
  using Network<T>::Network;

  std::atomic<bool> busy{false};  // while a trainer of this network works

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
